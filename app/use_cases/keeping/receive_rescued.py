"""A site tells that a parcel was taken out into a keeper's cold bag: from now on its time there counts.

Decides until when it is good, and tells its owner who has it: once, and again only when a later bag is good for less.
Nobody is told of food they have been refunded for.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.moves import move_parcels
from app.domain.keeping import HANDED_OUT, keep_until
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.use_cases.telling.tell_order import tell_rescued
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.vocabulary import Zone

PARCEL = text("SELECT state, zone, collect_until FROM parcel WHERE id = :parcel_id AND order_id = :order_id")
KEEPER = text("SELECT id, display_name FROM person WHERE id = :person_id")
SHORTEST = text(
    "SELECT min(keep_until) FROM parcel WHERE order_id = :order_id AND state = 'rescued' AND id <> :parcel_id"
)


def receive_rescued(
    conn: Connection,
    *,
    parcel_id: str,
    order_id: str,
    order_state: OrderState,
    keeper_id: str,
    actor: str,
    taken_at: datetime,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Follow the site's word; the caller holds the order's row. Raises IllegalMove or MovedMeanwhile."""
    row = conn.execute(PARCEL, {"parcel_id": parcel_id, "order_id": order_id}).one()
    keeper = conn.execute(KEEPER, {"person_id": keeper_id}).one_or_none()
    good_until = keep_until(Zone(row.zone), taken_at=taken_at, collect_until=row.collect_until)
    move_parcels(
        conn,
        order_id=order_id,
        parcel_ids=[parcel_id],
        state=ParcelState(row.state),
        event=ParcelEvent.RESCUED,
        actor=actor,
        now=taken_at,
        values={"rescued_at": taken_at, "rescued_by": keeper.id if keeper else None, "keep_until": good_until},
    )
    told = conn.execute(SHORTEST, {"order_id": order_id, "parcel_id": parcel_id}).scalar_one()
    if order_state in HANDED_OUT and good_until > now and (told is None or good_until < told):
        name = keeper.display_name if keeper else ""
        tell_rescued(conn, order_id=order_id, keeper=name, until=good_until, now=now, random=random)
