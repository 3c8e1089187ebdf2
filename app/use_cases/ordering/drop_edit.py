"""A change that waits for its payment ends without being made; money that comes for it later goes back.

It ends when its owner wishes something else or cancels, when its payment failed, and when nobody paid in time.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.domain.edit_state import EDIT_TABLE, EditEvent, EditState
from app.domain.state_table import step

# As long as a provider's page is shown, and a little more: nothing is held for it.
WAITS_FOR = timedelta(minutes=30)

DROP = text("""
    UPDATE order_edit SET state = :dropped, closed_at = :now, dropped_for = :reason
    WHERE order_id = :order_id AND state = :waits
""")
STALE = text("""
    SELECT o.id, CASE WHEN p.state = 'failed' THEN 'payment_failed' ELSE 'not_paid' END AS reason
    FROM order_edit e JOIN customer_order o ON o.id = e.order_id JOIN payment p ON p.id = e.payment_id
    WHERE e.state = :waits AND (p.state = 'failed' OR e.made_at <= :oldest)
    ORDER BY o.id LIMIT 100 FOR UPDATE OF o SKIP LOCKED
""")


def drop_open_edit(conn: Connection, *, order_id: str, reason: str, now: datetime) -> bool:
    """End the change that waits, if there is one; its order's row is locked. `reason` is kept with it."""
    waits = EditState.AWAITING_PAYMENT
    dropped = step(EDIT_TABLE, waits, EditEvent.DROP)
    values = {"waits": waits.value, "dropped": dropped.value, "now": now, "reason": reason, "order_id": order_id}
    found = conn.execute(DROP, values).rowcount > 0
    if found:
        announce(conn, f"order:{order_id}")
    return found


def drop_stale_edits(conn: Connection, *, now: datetime) -> int:
    """End the changes that nobody paid for; returns how many."""
    asked = {"waits": EditState.AWAITING_PAYMENT.value, "oldest": now - WAITS_FOR}
    return sum(
        drop_open_edit(conn, order_id=row.id, reason=row.reason, now=now) for row in conn.execute(STALE, asked).all()
    )
