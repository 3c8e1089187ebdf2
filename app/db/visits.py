"""What a visit finds at a site, read by its pages and by the use cases that decide on it. Reads and locks only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.quarantines import CONDEMNED
from app.domain.order_state import OrderState
from app.domain.visit import IN_HAND_S, Lying, Probe, Why, why_remove
from locker_protocol.vocabulary import Zone

UNDER_WAY = "SELECT * FROM visit WHERE site_id = :site_id AND ended_at IS NULL"
LYING = text(f"""
    SELECT p.id, p.ref, p.door, p.zone, p.collect_until, o.id AS order_id, o.site_id, o.state AS order_state,
        r.removal_from, EXISTS (SELECT FROM offer f WHERE f.order_id = o.id AND f.chosen = 'keep') AS kept,
        {CONDEMNED} AS condemned
    FROM parcel p JOIN customer_order o ON o.id = p.order_id JOIN load_run r USING (run_no)
    JOIN compartment c ON c.site_id = o.site_id AND c.door = p.door JOIN locker l ON l.id = c.locker_id
    WHERE (CAST(:site_id AS text) IS NULL OR o.site_id = :site_id) AND p.state = 'loaded' ORDER BY l.position, p.door
""")  # noqa: S608
TO_CHECK = text("""
    SELECT c.site_id, c.door, c.locker_id, c.column_no FROM compartment c JOIN locker l ON l.id = c.locker_id
    WHERE (CAST(:site_id AS text) IS NULL OR c.site_id = :site_id) AND c.condition = 'to_check' AND NOT EXISTS (
        SELECT FROM parcel p JOIN customer_order o ON o.id = p.order_id
        WHERE o.site_id = c.site_id AND p.door = c.door AND p.state = 'loaded'
    ) ORDER BY l.position, c.column_no, c.door
""")
PROBES = text("""
    SELECT DISTINCT l.position, c.locker_id, c.zone, z.product_c, z.read_at FROM compartment c
    JOIN locker l ON l.id = c.locker_id LEFT JOIN zone_reading z ON z.locker_id = c.locker_id AND z.zone = c.zone
    WHERE c.site_id = :site_id ORDER BY l.position, c.zone
""")
# What others asked for a moment ago and was not refused: until it is done, it is theirs.
IN_HAND = text("""
    SELECT m.person_id, m.kind, m.label, m."right", m.asked_at, p.display_name, p.staff_no,
        CASE WHEN m.kind = 'open' THEN m.doors ELSE m.answered_doors END AS doors
    FROM remote_command m JOIN gateway g ON g.id = m.gateway_id JOIN person p ON p.id = m.person_id
    WHERE g.site_id = :site_id AND m.person_id <> :person_id AND m.asked_at > :since AND m.refusal IS NULL
        AND (m.answered_at IS NOT NULL OR m.not_after > :now)
        AND (m.kind = 'load' OR m."right" IN ('check', 'remove'))
    ORDER BY m.asked_at DESC
""")


@dataclass(frozen=True, slots=True)
class ToRemove:
    """A parcel to be taken out, and why."""

    parcel_id: str
    order_id: str
    site_id: str
    ref: str
    door: int
    zone: str
    why: Why


def visit_under_way(conn: Connection, *, site_id: str, lock: bool = False) -> Row[Any] | None:
    """The visit at a site; locked, it lets only one driver decide at a time."""
    query = text(UNDER_WAY + (" FOR UPDATE" if lock else ""))
    return conn.execute(query, {"site_id": site_id}).one_or_none()


def to_remove(conn: Connection, *, site_id: str | None, now: datetime) -> list[ToRemove]:
    """What lies at a site (`None`: at any) and is to be taken out, locker by locker, door by door."""
    found = [(row, _why(row, now)) for row in conn.execute(LYING, {"site_id": site_id})]
    return [
        ToRemove(row.id, row.order_id, row.site_id, row.ref, row.door, row.zone, why)
        for row, why in found
        if why is not None
    ]


def to_check(conn: Connection, *, site_id: str | None) -> Sequence[Row[Any]]:
    """Emptied doors (`None`: of all sites) that wait to be wiped, locker by locker, column by column.

    Each has `site_id`, `door`, `locker_id` and `column_no`.
    """
    return conn.execute(TO_CHECK, {"site_id": site_id}).all()


def probes(conn: Connection, *, site_id: str) -> list[Probe]:
    """Every zone of every locker of a site with its food probe's last word."""
    rows = conn.execute(PROBES, {"site_id": site_id})
    return [Probe(row.locker_id, Zone(row.zone), row.product_c, row.read_at) for row in rows]


def in_hand_of_others(
    conn: Connection, *, site_id: str, person_id: str, now: datetime, rate: float
) -> Sequence[Row[Any]]:
    """What others are about to do, newest first: who, `kind`, `label` or `right`, `doors`."""
    since = now - timedelta(seconds=IN_HAND_S * rate)
    asked = {"site_id": site_id, "person_id": person_id, "now": now, "since": since}
    return conn.execute(IN_HAND, asked).all()


def _why(row: Row[Any], now: datetime) -> Why | None:
    lying = Lying(
        order_state=OrderState(row.order_state),
        collect_until=row.collect_until,
        removal_from=row.removal_from,
        kept=row.kept,
        condemned=row.condemned,
    )
    return why_remove(lying, now=now)
