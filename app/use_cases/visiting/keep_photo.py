"""Keeps a photo of the lockers as the van left them; `media.photo.reencode` made it small before."""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from app.db.engine import announce
from app.db.tables import photo, visit
from app.domain.errors import NotFound
from app.domain.visit import refuse_over
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes


def keep_photo(
    conn: Connection,
    *,
    visit_id: str,
    person_id: str,
    jpeg: bytes,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> str:
    """Keep it with a visit that was under way at `now`, when it was taken. Gives its id.

    Raises NotFound or VisitOver.
    """
    found = conn.execute(select(visit).where(visit.c.id == visit_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    refuse_over(found.ended_at, at=now)
    photo_id = new_id(to_wire(now), random)
    conn.execute(insert(photo).values(id=photo_id, at=now, person_id=person_id, visit_id=visit_id, jpeg=jpeg))
    announce(conn, f"site:{found.site_id}")
    return photo_id
