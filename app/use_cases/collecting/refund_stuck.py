"""Somebody stands before a door that will not open, and wants their money rather than wait for a person.

Decides whether that may be: a door of the order stayed shut twice. Then the order is withdrawn as any other: its code
ends, the site is told, and the money of what was not collected goes back with the site's word. One decision, whoever
presses how often; nothing is handed out after it.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.door_tries import tried_parcels
from app.domain.door_tries import refuse_refund_before_a_door
from app.domain.errors import NotFound
from app.domain.order_state import OrderState
from app.domain.refunding import RefundCause
from app.use_cases.evening.withdraw_order import withdraw_order

LOCK = text("SELECT state, withdrawn_for FROM customer_order WHERE id = :order_id FOR UPDATE")


def refund_stuck(conn: Connection, *, order_id: str, actor: str, now: datetime) -> bool:
    """Withdraw it for its refund. False: that was decided before. Raises NotFound or DoorNotStuck."""
    order = conn.execute(LOCK, {"order_id": order_id}).one_or_none()
    if order is None:
        raise NotFound(what="order")
    if order.withdrawn_for == RefundCause.NOT_OPENED:
        return False
    refuse_refund_before_a_door(OrderState(order.state), tried_parcels(conn, order_id=order_id))
    withdraw_order(conn, order_id=order_id, cause=RefundCause.NOT_OPENED, actor=actor, now=now)
    return True
