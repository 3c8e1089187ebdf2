"""A message that was given up is sent again because an operator asks: with all its tries before it, and the same id."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.errors import NotFound
from app.domain.webhook_event import DeliveryState, NotDead

LOAD = text("""
    SELECT d.state FROM webhook_delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id
    WHERE d.id = :id AND d.endpoint_id = :endpoint AND e.ended_at IS NULL FOR UPDATE OF d
""")
AGAIN = text("UPDATE webhook_delivery SET state = 'waiting', tries = 0, next_try_at = :now WHERE id = :id")


def send_again(conn: Connection, *, endpoint_id: str, delivery_id: int, now: datetime) -> None:
    """Put it back in line. Raises NotFound or NotDead."""
    state = conn.execute(LOAD, {"id": delivery_id, "endpoint": endpoint_id}).scalar_one_or_none()
    if state is None:
        raise NotFound
    if state != DeliveryState.DEAD:
        raise NotDead
    conn.execute(AGAIN, {"id": delivery_id, "now": now})
