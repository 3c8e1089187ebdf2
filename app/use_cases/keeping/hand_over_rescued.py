"""A keeper gives food out of their cold bag to its owner, after they were looked up together.

Decides that only what lies in this keeper's own bag, is still good and belongs to an order that goes on is given out.
"""

from datetime import datetime

from sqlalchemy import Connection

from app.db.engine import announce
from app.db.moves import move_parcels
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.refunding import RefundCause
from app.use_cases.collecting.end_order import end_order_when_done
from app.use_cases.keeping.hand_over_order import good_parcels, looked_up, nothing_to_give
from locker_protocol.ids import RandomBytes, random_bytes


def hand_over_rescued(
    conn: Connection,
    *,
    look_id: str,
    person_id: str,
    now: datetime,
    random: RandomBytes = random_bytes,
    rate: float = 1,
) -> int:
    """Record what was given out; returns how many parcels. Raises LookOver, KeptShut or NothingToHandOver."""
    order = looked_up(conn, look_id=look_id, person_id=person_id, now=now, rate=rate)
    bags = good_parcels(conn, order, ParcelState.RESCUED, now=now)
    mine = [row.id for row in bags if row.rescued_by == person_id]
    if not mine:
        raise nothing_to_give(conn, order_id=order.id)
    actor = f"person:{person_id}"
    move_parcels(
        conn,
        order_id=order.id,
        parcel_ids=mine,
        state=ParcelState.RESCUED,
        event=ParcelEvent.HANDED_OVER,
        actor=actor,
        now=now,
        values={"collected_at": now},
    )
    cause = RefundCause.NOT_COLLECTED
    state = OrderState(order.state)
    end_order_when_done(conn, order_id=order.id, state=state, cause=cause, actor=actor, now=now, random=random)
    announce(conn, f"site:{order.site_id}")
    return len(mine)
