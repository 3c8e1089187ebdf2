"""A picker closes a tote whose lines are all done, with its seal's number and a photo if there are: it is packed."""

from datetime import datetime

from sqlalchemy import Connection, insert

from app.db.pick_lines import lock_lines, refuse_closed
from app.db.tables import photo
from app.domain.picking import LinesOpen, MustBeWeighed, checked_seal
from app.settings import Settings
from app.use_cases.packing.pack_parcel import record_packed
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes


def seal_parcel(
    conn: Connection,
    *,
    parcel_id: str,
    seal: str,
    jpeg: bytes | None,
    person_id: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Seal and pack a parcel; `jpeg` as `media.photo.reencode` gives it, `seal` empty without a number.

    Raises NotFound, IllegalMove, LinesOpen, MustBeWeighed or SealAbsurd.
    """
    lines = lock_lines(conn, parcel_id=parcel_id)
    for line in lines:
        refuse_closed(line)
    number = checked_seal(seal)
    left = sum(line.picked_at is None for line in lines)
    if left:
        raise LinesOpen(left=left)
    for line in lines:
        if line.cap_minor is not None and line.picked_quantity and line.weight_g is None:
            raise MustBeWeighed(parcel_id=parcel_id, line_no=line.line_no)
    record_packed(
        conn,
        parcel_id=parcel_id,
        actor=f"person:{person_id}",
        now=now,
        settings=settings,
        person_id=person_id,
        values={"seal": number},
        random=random,
    )
    if jpeg is not None:
        row = {"id": new_id(to_wire(now), random), "at": now, "person_id": person_id, "parcel_id": parcel_id}
        conn.execute(insert(photo).values(**row, jpeg=jpeg))
