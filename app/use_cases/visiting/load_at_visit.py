"""A driver's phone read a label: its door opens if the zone it will stand in is cold enough and nobody else has it.

Decides by the visit's load gate, judged once when the visit began; begins the visit if nobody did. What the label must
satisfy is `load_parcel`'s to say, where the parcel will lie the site's: the gate is asked of the locker in which the
site will look first.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text, update

from app.db.tables import visit
from app.db.visits import in_hand_of_others, probes, visit_under_way
from app.domain.loading import ref_of
from app.domain.visit import LabelInHand, ZoneTooWarm, ZoneUnmeasured, judge_unknown
from app.use_cases.site.ask_site import load_parcel
from app.use_cases.visiting.begin_visit import begin_visit
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.label import read_label
from locker_protocol.vocabulary import DoorFault

# The site takes the plan's first door that is free; without one, any of the zone.
LIKELY = text("""
    SELECT DISTINCT p.zone, l.id AS locker_id, l.name_zh, l.name_en, l.position FROM parcel p
    LEFT JOIN LATERAL (
        SELECT c.door, c.locker_id FROM unnest(p.planned_doors) WITH ORDINALITY AS plan (door, nth)
        JOIN compartment c ON c.site_id = :site_id AND c.door = plan.door AND c.condition = 'free'
        WHERE plan.door IS DISTINCT FROM CAST(:instead_of AS integer) AND NOT EXISTS (
            SELECT FROM parcel q JOIN customer_order o ON o.id = q.order_id
            WHERE o.site_id = :site_id AND q.door = plan.door AND q.state = 'loaded'
        ) ORDER BY plan.nth LIMIT 1
    ) planned ON true
    JOIN compartment d ON d.site_id = :site_id AND d.zone = p.zone
        AND (planned.locker_id IS NULL OR d.locker_id = planned.locker_id)
    JOIN locker l ON l.id = d.locker_id
    WHERE p.ref = :ref ORDER BY l.position
""")
CRATE = text("""
    SELECT c.read_at FROM crate_reading c JOIN parcel p ON p.zone = c.zone WHERE c.visit_id = :visit_id AND p.ref = :ref
""")
UNKNOWN: Mapping[str, Any] = {"open": False, "product_c": None}


def load_at_visit(
    conn: Connection,
    *,
    site_id: str,
    label_text: str,
    person_id: str,
    now: datetime,
    instead_of: int | None = None,
    fault: DoorFault | None = None,
    random: RandomBytes = random_bytes,
    rate: float = 1,
) -> str:
    """Ask for a labelled parcel's door; returns the command's id.

    Raises NotFound, a refusal of `domain.loading`, LabelInHand, ZoneTooWarm or ZoneUnmeasured.
    """
    begun = begin_visit(conn, site_id=site_id, person_id=person_id, now=now, rate=rate, random=random)
    ref = ref_of(label_text)
    read_at = conn.execute(CRATE, {"visit_id": begun.visit_id, "ref": ref}).scalar_one_or_none()
    command_id = load_parcel(
        conn,
        site_id=site_id,
        label_text=label_text,
        person_id=person_id,
        now=now,
        instead_of=instead_of,
        fault=fault,
        cold_since=read_at,
        random=random,
        rate=rate,
    )
    # A refusal from here on undoes the whole transaction.
    for other in in_hand_of_others(conn, site_id=site_id, person_id=person_id, now=now, rate=rate):
        label = read_label(other.label) if other.kind == "load" else None
        if label is not None and label.ref == ref:
            raise LabelInHand
    _refuse_warm(conn, site_id=site_id, ref=ref, instead_of=instead_of, now=now, rate=rate)
    return command_id


def _refuse_warm(
    conn: Connection, *, site_id: str, ref: str, instead_of: int | None, now: datetime, rate: float
) -> None:
    """Refuse when no locker the site may choose has an open gate. A zone that had no reading is judged by its first."""
    found = visit_under_way(conn, site_id=site_id)
    assert found is not None, "begun above"
    gate = judge_unknown(found.gate, probes(conn, site_id=site_id), now=now, rate=rate)
    if gate != found.gate:
        conn.execute(update(visit).where(visit.c.id == found.id).values(gate=gate))
    likely = conn.execute(LIKELY, {"site_id": site_id, "ref": ref, "instead_of": instead_of}).all()
    gates = [(row, gate.get(row.locker_id, {}).get(row.zone, UNKNOWN)) for row in likely]
    if gates and not any(zone["open"] for _, zone in gates):
        raise _refusal(*gates[0])


def _refusal(row: Row[Any], zone: Mapping[str, Any]) -> ZoneTooWarm | ZoneUnmeasured:
    where = {"name_zh": row.name_zh, "name_en": row.name_en, "zone": row.zone}
    if zone["product_c"] is None:
        return ZoneUnmeasured(**where)
    return ZoneTooWarm(degrees=f"{zone['product_c']:.1f}".replace("-", "−"), **where)
