"""Writes the ledger. The database refuses changes to it, and transactions that do not sum to zero."""

from datetime import datetime

from sqlalchemy import Connection, insert

from app.db.tables import ledger_entry
from app.domain.ledger import Kind, postings


def book(
    conn: Connection, *, transaction_id: str, kind: Kind, order_id: str, amount_minor: int, currency: str, now: datetime
) -> None:
    """Book one movement of money. `transaction_id` says what it belongs to, and is used once."""
    common = {"transaction_id": transaction_id, "at": now, "kind": kind.value, "order_id": order_id}
    rows = [
        {**common, "account": line.account.value, "amount_minor": line.amount_minor, "currency": currency}
        for line in postings(kind, amount_minor)
    ]
    conn.execute(insert(ledger_entry).values(rows))
