"""Somebody needs longer to pay: what their order holds is kept ten minutes more, once."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.domain.errors import NotFound
from app.domain.holding import prolonged, refuse_unpayable
from app.domain.order_state import OrderState

LOCK = text("""
    SELECT state, hold_until, hold_prolonged FROM customer_order
    WHERE id = :order_id AND person_id = :person_id FOR UPDATE
""")
PROLONG = text("""
    UPDATE customer_order SET hold_until = :until, hold_prolonged = true, version = version + 1 WHERE id = :order_id
""")


def prolong_hold(conn: Connection, *, order_id: str, person_id: str, now: datetime) -> datetime:
    """Keep it longer; returns until when. Raises NotFound, NotToBePaid, HoldEnded or HoldProlonged."""
    order = conn.execute(LOCK, {"order_id": order_id, "person_id": person_id}).one_or_none()
    if order is None:
        raise NotFound(what="order")
    refuse_unpayable(OrderState(order.state), hold_until=order.hold_until, now=now)
    until = prolonged(order.hold_until, is_prolonged=order.hold_prolonged)
    conn.execute(PROLONG, {"order_id": order_id, "until": until})
    announce(conn, f"order:{order_id}")
    return until
