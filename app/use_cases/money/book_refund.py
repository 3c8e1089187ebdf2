"""A refund is done: written down and booked once, whoever learns of it first. Never decides that it is."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.db.ledger import book
from app.domain.ledger import Kind

DONE = text("""
    UPDATE refund SET done_at = :now, provider_ref = :provider_ref, failed = NULL
    WHERE id = :id AND done_at IS NULL RETURNING order_id, amount_minor, currency
""")


def book_refund(conn: Connection, *, refund_id: str, provider_ref: str, now: datetime) -> bool:
    """Book what the provider did under this name; False when somebody was faster."""
    row = conn.execute(DONE, {"id": refund_id, "provider_ref": provider_ref, "now": now}).one_or_none()
    if row is None:
        return False
    book(
        conn,
        transaction_id=f"refund-{refund_id}",
        kind=Kind.REFUND,
        order_id=row.order_id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        now=now,
    )
    announce(conn, f"order:{row.order_id}")
    return True
