"""Judges a visit's load gate again, because somebody waited for a zone to cool or shut its door."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from app.db.engine import announce
from app.db.tables import visit
from app.db.visits import probes
from app.domain.errors import NotFound
from app.domain.visit import GateJustJudged, VisitOver, judge_gate, may_measure_again


def measure_gate(conn: Connection, *, visit_id: str, now: datetime, rate: float = 1) -> None:
    """Judge again. Raises NotFound, VisitOver, or GateJustJudged within two real minutes of the last time."""
    found = conn.execute(select(visit).where(visit.c.id == visit_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    if found.ended_at is not None:
        raise VisitOver
    if not may_measure_again(found.gate, now=now, rate=rate):
        raise GateJustJudged
    gate = judge_gate(probes(conn, site_id=found.site_id), now=now, rate=rate)
    conn.execute(update(visit).where(visit.c.id == visit_id).values(gate=gate))
    announce(conn, f"site:{found.site_id}")
