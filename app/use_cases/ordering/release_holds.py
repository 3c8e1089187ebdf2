"""Nobody paid in time: what orders held goes back to others. A later payment is `settle_payment`'s matter."""

from datetime import datetime

from sqlalchemy import Connection, select

from app.db.holds import give_back
from app.db.moves import move_order
from app.db.tables import customer_order
from app.domain.order_state import OrderEvent, OrderState


def release_holds(conn: Connection, *, now: datetime, limit: int = 100) -> int:
    """Release orders whose hold has ended, at most `limit`, and return how many."""
    over = (
        select(customer_order.c.id)
        .where(customer_order.c.state == OrderState.AWAITING_PAYMENT.value, customer_order.c.hold_until <= now)
        .order_by(customer_order.c.hold_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    orders = conn.execute(over).scalars().all()
    if not orders:
        return 0
    give_back(conn, order_ids=orders)
    for order_id in orders:
        move_order(
            conn,
            order_id=order_id,
            state=OrderState.AWAITING_PAYMENT,
            event=OrderEvent.HOLD_ENDED,
            actor="clock",
            now=now,
        )
    return len(orders)
