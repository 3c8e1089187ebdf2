"""What operators see of openings: those that wait for a second person, and who opened what, by what right and why.

Reads the audit as it stands; whether it is whole, `caibox audit` says. Reads only.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.audit_record import Act

SHOWN = 60
OPENINGS = tuple(act.value for act in Act if act is Act.UNLOCKED or act.name.startswith("OPENING_"))

WAITING = text("""
    SELECT m.id, m.doors, m."right", m.order_id, m.reason, m.person_id, m.asked_at, m.hold_until, p.display_name,
        p.role, s.id AS site_id, s.name_zh, s.name_en, s.timezone, o.order_no
    FROM remote_command m JOIN gateway g ON g.id = m.gateway_id JOIN site s ON s.id = g.site_id
    JOIN person p ON p.id = m.person_id LEFT JOIN customer_order o ON o.id = m.order_id
    WHERE m.hold_state = 'waiting' AND m.hold_until > :now ORDER BY m.asked_at
""")
# A site names staff by their number, or by the id the service gave; people's own rows say `person:…`. What a site tells
# of the year 10000 is shown as the end of time.
OPENED = text("""
    SELECT a.chain, a.no, a.at_ms, to_timestamp(least(a.at_ms, 253402214400000) / 1000.0) AS at, a.act, a.actor,
        a."right", a.doors, a.order_id, a.why, o.order_no, nullif(p.display_name, '') AS name, p.role,
        a.second IS NOT NULL AS confirmed, nullif(q.display_name, '') AS second_name, q.role AS second_role
    FROM audit a LEFT JOIN customer_order o ON o.id = a.order_id
    LEFT JOIN person p ON p.id = (SELECT id FROM person
        WHERE CASE WHEN a.actor ~ '^staff-[0-9]{1,9}$' THEN staff_no = substr(a.actor, 7)::integer
            ELSE id = replace(a.actor, 'person:', '') END)
    LEFT JOIN person q ON q.id = replace(a.second, 'person:', '')
    WHERE a.site_id = :site_id AND a.act = ANY (CAST(:acts AS text[])) AND a.at_ms < :before
        AND (CAST(:door AS smallint) IS NULL OR :door = ANY (a.doors))
    ORDER BY a.at_ms DESC, a.chain, a.no DESC LIMIT :shown
""")
END_OF_TIME_MS = 2**53
SITES = text("SELECT id, name_zh, name_en, timezone FROM site ORDER BY site_no")


def waiting(conn: Connection, *, now: datetime) -> Sequence[Row[Any]]:
    """Openings that wait for a second person, the oldest first."""
    return conn.execute(WAITING, {"now": now}).all()


def opened(
    conn: Connection, *, site_id: str, door: int | None = None, before_ms: int | None = None
) -> Sequence[Row[Any]]:
    """What was opened or asked for at a site, or at one of its doors, newest first; before a time if given."""
    before = END_OF_TIME_MS + 1 if before_ms is None else before_ms
    asked = {"site_id": site_id, "door": door, "before": before, "acts": list(OPENINGS), "shown": SHOWN}
    return conn.execute(OPENED, asked).all()


def sites(conn: Connection) -> Sequence[Row[Any]]:
    """The sites to choose from."""
    return conn.execute(SITES).all()
