"""What was promised to come back of an order that its owner cancelled. Read only; `cancel_order` writes it."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from app.db.tables import order_cancellation


def promised_lines(conn: Connection, *, order_id: str) -> Mapping[int, int] | None:
    """Minor units by line number; `None`: it was not cancelled, or all of it comes back."""
    asked = select(order_cancellation.c.lines, order_cancellation.c.percent)
    row = conn.execute(asked.where(order_cancellation.c.order_id == order_id)).one_or_none()
    if row is None or row.percent == 100:
        return None
    return {int(line_no): minor for line_no, minor in row.lines.items()}
