"""A driver stands at a site with the van: one visit at a time, which whoever else comes joins.

Judges the load gate when the visit begins. A visit that was forgotten for hours is ended first, so that no van loads by
temperatures of the one before.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or

from app.db.engine import announce
from app.db.tables import site, visit, visit_driver
from app.db.visits import probes, visit_under_way
from app.domain.errors import NotFound
from app.domain.visit import FORGOTTEN_AFTER, judge_gate
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

BEGIN = text("""
    INSERT INTO visit (id, site_id, person_id, began_at, gate)
    VALUES (:id, :site_id, :person_id, :now, CAST(:gate AS jsonb))
    ON CONFLICT (site_id) WHERE ended_at IS NULL DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class BegunVisit:
    """The visit under way; `joined`: it was so before."""

    visit_id: str
    joined: bool


def begin_visit(
    conn: Connection,
    *,
    site_id: str,
    person_id: str,
    now: datetime,
    rate: float = 1,
    random: RandomBytes = random_bytes,
) -> BegunVisit:
    """Begin the visit or join the one under way, whose row stays locked until the transaction ends. Raises NotFound.

    `rate` is how fast civil time runs (1 outside a demo): readings may be two real minutes old.
    """
    if conn.execute(select(site.c.id).where(site.c.id == site_id)).one_or_none() is None:
        raise NotFound
    found = _not_forgotten(conn, visit_under_way(conn, site_id=site_id, lock=True), now=now)
    if found is None:
        _begin(conn, site_id=site_id, person_id=person_id, now=now, rate=rate, random=random)
        begun = visit_under_way(conn, site_id=site_id, lock=True)
        assert begun is not None, "somebody just began one"
        announce(conn, f"site:{site_id}")
    else:
        begun = found
    _join(conn, visit_id=begun.id, person_id=person_id, site_id=site_id, now=now)
    return BegunVisit(begun.id, joined=found is not None or begun.person_id != person_id)


def _not_forgotten(conn: Connection, found: Row[Any] | None, *, now: datetime) -> Row[Any] | None:
    if found is None or now - found.began_at <= FORGOTTEN_AFTER:
        return found
    conn.execute(update(visit).where(visit.c.id == found.id).values(ended_at=now))
    return None


def _begin(conn: Connection, *, site_id: str, person_id: str, now: datetime, rate: float, random: RandomBytes) -> None:
    gate = judge_gate(probes(conn, site_id=site_id), now=now, rate=rate)
    row = {"id": new_id(to_wire(now), random), "site_id": site_id, "person_id": person_id, "now": now}
    conn.execute(BEGIN, {**row, "gate": msgspec.json.encode(gate).decode()})


def _join(conn: Connection, *, visit_id: str, person_id: str, site_id: str, now: datetime) -> None:
    row = insert_or(visit_driver).values(visit_id=visit_id, person_id=person_id, joined_at=now)
    if conn.execute(row.on_conflict_do_nothing()).rowcount:
        announce(conn, f"site:{site_id}")
