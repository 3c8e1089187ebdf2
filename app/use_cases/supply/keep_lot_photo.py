"""The photo of the day: how a lot looked when it came. A new one takes the place of the one before."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from app.db.tables import lot, lot_photo
from app.domain.errors import NotFound


def keep_lot_photo(conn: Connection, *, lot_id: str, jpeg: bytes, person_id: str, now: datetime) -> None:
    """Keep a picture as `media.photo.reencode` gives it. Raises NotFound."""
    if conn.execute(select(lot.c.id).where(lot.c.id == lot_id)).one_or_none() is None:
        raise NotFound
    values = {"at": now, "person_id": person_id, "jpeg": jpeg}
    row = insert(lot_photo).values(lot_id=lot_id, **values)
    conn.execute(row.on_conflict_do_update(index_elements=[lot_photo.c.lot_id], set_=values))
