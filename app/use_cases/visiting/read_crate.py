"""A driver measures a crate before its food goes behind doors: from then on its cold chain counts.

Decides that food which comes too warm is not loaded, and that the first reading of a visit counts. Food of a crate that
nobody measured is judged from when it was loaded.
"""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from app.db.cold_policy import policy_now
from app.db.engine import announce
from app.db.tables import crate_reading, visit
from app.domain.degrees import check_degrees
from app.domain.errors import NotFound
from app.domain.visit import MEASURED, CrateReadAlready, VisitOver, check_crate
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes
from locker_protocol.vocabulary import Zone


def read_crate(
    conn: Connection,
    *,
    visit_id: str,
    zone: str,
    product_c: float,
    person_id: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Keep a reading, °C. Raises NotFound, VisitOver, ProbeUnlikely, CrateTooWarm or CrateReadAlready."""
    check_degrees(product_c)
    found = conn.execute(select(visit).where(visit.c.id == visit_id).with_for_update()).one_or_none()
    if found is None or zone not in MEASURED:
        raise NotFound
    if found.ended_at is not None:
        raise VisitOver
    check_crate(Zone(zone), product_c, policy_now(conn, site_id=found.site_id))
    row = {"id": new_id(to_wire(now), random), "visit_id": visit_id, "zone": zone, "product_c": product_c}
    kept = insert(crate_reading).values(**row, read_at=now, person_id=person_id).on_conflict_do_nothing()
    if conn.execute(kept.returning(crate_reading.c.id)).one_or_none() is None:
        raise CrateReadAlready
    announce(conn, f"site:{found.site_id}")
