"""A picker filled and sealed a bag. With an order's last bag the order is packed and its code is made."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.moves import move_order, move_parcels
from app.domain.errors import NotFound
from app.domain.order_state import OrderEvent, OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.settings import Settings
from app.use_cases.issue_credential import issue_credential
from locker_protocol.ids import RandomBytes, random_bytes

# The order's row first: two pickers with its last two bags come one after the other.
LOCK = text("""
    SELECT o.id, o.state FROM customer_order o
    WHERE o.id = (SELECT order_id FROM parcel WHERE id = :parcel_id) FOR UPDATE OF o
""")
STATES = text("SELECT id, state FROM parcel WHERE order_id = :order_id AND state <> 'cancelled'")


def pack_parcel(
    conn: Connection,
    *,
    parcel_id: str,
    person_id: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Record that a picker packed a parcel. Raises NotFound, or IllegalMove when it is not waiting to be packed."""
    record_packed(conn, parcel_id=parcel_id, actor=f"person:{person_id}", now=now, settings=settings, random=random)


def record_packed(
    conn: Connection,
    *,
    parcel_id: str,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Record a parcel as packed, whoever found that it is. Raises as `pack_parcel` does."""
    order = conn.execute(LOCK, {"parcel_id": parcel_id}).one_or_none()
    if order is None:
        raise NotFound
    states = {row.id: ParcelState(row.state) for row in conn.execute(STATES, {"order_id": order.id})}
    move_parcels(
        conn,
        order_id=order.id,
        parcel_ids=[parcel_id],
        state=states.pop(parcel_id, ParcelState.CANCELLED),
        event=ParcelEvent.PACKED,
        actor=actor,
        now=now,
        values={"packed_at": now},
    )
    if ParcelState.PLANNED in states.values():
        return
    state = OrderState(order.state)
    move_order(conn, order_id=order.id, state=state, event=OrderEvent.ALL_PACKED, actor=actor, now=now)
    issue_credential(conn, order_id=order.id, now=now, settings=settings, random=random)
