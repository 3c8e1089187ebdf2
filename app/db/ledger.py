"""Writes the ledger. The database refuses changes to it, and transactions that do not sum to zero."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert

from app.db.tables import ledger_entry
from app.domain.ledger import Kind, Posting, postings


def book(
    conn: Connection, *, transaction_id: str, kind: Kind, order_id: str, amount_minor: int, currency: str, now: datetime
) -> None:
    """Book one movement of money. `transaction_id` says what it belongs to, and is used once."""
    book_sides(
        conn,
        transaction_id=transaction_id,
        kind=kind,
        order_id=order_id,
        sides=postings(kind, amount_minor),
        currency=currency,
        now=now,
    )


def book_sides(
    conn: Connection,
    *,
    transaction_id: str,
    kind: Kind,
    order_id: str,
    sides: Sequence[Posting],
    currency: str,
    now: datetime,
) -> None:
    """Book sides that a kind alone does not say; together they are zero."""
    common = {"transaction_id": transaction_id, "at": now, "kind": kind.value, "order_id": order_id}
    rows = [
        {**common, "account": line.account.value, "amount_minor": line.amount_minor, "currency": currency}
        for line in sides
    ]
    conn.execute(insert(ledger_entry).values(rows))
