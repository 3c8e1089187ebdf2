"""The van leaves a site. Ends the visit for everybody who is there; the owners of bags that go back with it are asked.

Only orders that were packed came with the van: what is still to be packed is another visit's.
"""

from datetime import datetime

from sqlalchemy import Connection, select, text, update

from app.db.engine import announce
from app.db.tables import visit
from app.domain.errors import NotFound
from app.domain.visit import VisitOver
from app.settings import Settings
from app.use_cases.evening.offer_not_loaded import offer_not_loaded
from app.use_cases.visiting.tell_troubles import tell_troubles
from locker_protocol.ids import RandomBytes, random_bytes

NOT_LOADED = text("""
    SELECT DISTINCT o.id FROM customer_order o JOIN load_run r USING (run_no) JOIN parcel p ON p.order_id = o.id
    WHERE o.site_id = :site_id AND o.state = 'packed' AND p.state = 'packed'
        AND coalesce(r.expected_at, r.load_from) <= :now AND r.removal_from > :now AND r.called_off_at IS NULL
    ORDER BY o.id
""")


def end_visit(
    conn: Connection,
    *,
    visit_id: str,
    person_id: str,
    now: datetime,
    settings: Settings,
    crates_back: int | None = None,
    ice_packs_back: int | None = None,
    note: str | None = None,
    random: RandomBytes = random_bytes,
) -> list[str]:
    """End it; what is not `None` replaces what was counted before. Returns the orders of which bags were not loaded.

    Those are the orders of this site whose run should have been loaded by now. Raises NotFound or VisitOver.
    """
    found = conn.execute(select(visit).where(visit.c.id == visit_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    if found.ended_at is not None:
        raise VisitOver
    counts = {"crates_back": crates_back, "ice_packs_back": ice_packs_back, "note": note}
    told = {name: value for name, value in counts.items() if value is not None}
    conn.execute(update(visit).where(visit.c.id == visit_id).values(ended_at=now, **told))
    announce(conn, f"site:{found.site_id}")
    tell_troubles(conn, visit_id=visit_id, site_id=found.site_id, now=now)
    left = list(conn.execute(NOT_LOADED, {"site_id": found.site_id, "now": now}).scalars())
    offer_not_loaded(conn, order_ids=left, actor=f"person:{person_id}", now=now, settings=settings, random=random)
    return left
