"""What goes back with the van is counted before loading: crates, and ice packs, which need hours in the freezer."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from app.db.engine import announce
from app.db.tables import visit
from app.domain.errors import NotFound
from app.domain.visit import refuse_over


def count_back(
    conn: Connection, *, visit_id: str, crates_back: int, ice_packs_back: int, note: str, now: datetime
) -> None:
    """Keep the counts (0 to 999) and the note of a visit that was under way at `now`. Raises NotFound or VisitOver."""
    found = conn.execute(select(visit).where(visit.c.id == visit_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    refuse_over(found.ended_at, at=now)
    counts = {"crates_back": crates_back, "ice_packs_back": ice_packs_back, "note": note}
    conn.execute(update(visit).where(visit.c.id == visit_id).values(**counts))
    announce(conn, f"site:{found.site_id}")
