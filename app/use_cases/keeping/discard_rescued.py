"""Food in a cold bag is thrown away: by its keeper with a reason, or by the clock when its time is over.

Decides that each parcel is discarded once, and that its order ends with its last parcel: what was not collected is then
refunded. The order's row is locked before its parcels', as everywhere.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.engine import announce
from app.db.moves import move_parcels
from app.domain.errors import NotFound
from app.domain.keeping import HANDED_OUT
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.refunding import RefundCause
from app.use_cases.collecting.end_order import end_order_when_done
from app.use_cases.site.ask_site import checked_order_reason, checked_reason
from locker_protocol.ids import RandomBytes, random_bytes

PAST_ITS_TIME = "past its time in the bag"

WHOSE = text("SELECT order_id FROM parcel WHERE id = :parcel_id AND rescued_by = :person_id")
LOCK = text("SELECT id, state, site_id FROM customer_order WHERE id = :order_id FOR UPDATE")
# Whoever holds an order's row is doing something with its bags this moment: it is looked at again a second later.
LOCK_OVERDUE = text("""
    SELECT id, state, site_id FROM customer_order WHERE id IN (
        SELECT order_id FROM parcel WHERE state = 'rescued' AND keep_until < :now ORDER BY keep_until LIMIT :limit
    ) ORDER BY id FOR UPDATE SKIP LOCKED
""")
OVERDUE = text("SELECT id FROM parcel WHERE order_id = :order_id AND state = 'rescued' AND keep_until < :now")


def discard_rescued(
    conn: Connection,
    *,
    parcel_id: str,
    person_id: str,
    reason: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Throw away a parcel of one's own bag.

    Raises NotFound, ReasonNeeded, PersonalWords, IllegalMove or MovedMeanwhile.
    """
    said = checked_reason(reason)
    order_id = conn.execute(WHOSE, {"parcel_id": parcel_id, "person_id": person_id}).scalar_one_or_none()
    if order_id is None:
        raise NotFound
    checked_order_reason(conn, said, order_id=order_id)
    order = conn.execute(LOCK, {"order_id": order_id}).one()
    _discard(conn, order, [parcel_id], said, f"person:{person_id}", now, random)


def discard_overdue(conn: Connection, *, now: datetime, limit: int = 100, random: RandomBytes = random_bytes) -> int:
    """Discard whatever is past its time in a bag; returns how many parcels."""
    discarded = 0
    for order in conn.execute(LOCK_OVERDUE, {"now": now, "limit": limit}).all():
        parcel_ids = list(conn.execute(OVERDUE, {"order_id": order.id, "now": now}).scalars())
        if parcel_ids:
            _discard(conn, order, parcel_ids, PAST_ITS_TIME, "clock", now, random)
        discarded += len(parcel_ids)
    return discarded


def _discard(
    conn: Connection,
    order: Row[Any],
    parcel_ids: list[str],
    reason: str,
    actor: str,
    now: datetime,
    random: RandomBytes,
) -> None:
    move_parcels(
        conn,
        order_id=order.id,
        parcel_ids=parcel_ids,
        state=ParcelState.RESCUED,
        event=ParcelEvent.DISCARDED,
        actor=actor,
        now=now,
        values={"discarded_for": reason},
    )
    state, cause = OrderState(order.state), RefundCause.NOT_COLLECTED
    if state in HANDED_OUT:
        end_order_when_done(conn, order_id=order.id, state=state, cause=cause, actor=actor, now=now, random=random)
    announce(conn, f"site:{order.site_id}")
