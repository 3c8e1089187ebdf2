"""Food that is kept shut, as staff see it: what waits for a decision, and what was decided lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.food_classes import BagLine, lines_in_bag

ROWS = """
    SELECT q.*, o.order_no, o.state AS order_state, o.currency, p.ref, p.state AS parcel_state, c.zone, s.timezone,
        s.name_zh AS site_zh, s.name_en AS site_en, l.name_zh, l.name_en, z.product_c AS now_c, z.read_at AS now_at,
        w.staff_no AS decider_no
    FROM quarantine q JOIN customer_order o ON o.id = q.order_id JOIN parcel p ON p.id = q.parcel_id
    JOIN site s ON s.id = q.site_id JOIN locker l ON l.id = q.locker_id
    JOIN compartment c ON c.site_id = q.site_id AND c.door = q.door
    LEFT JOIN zone_reading z ON z.locker_id = q.locker_id AND z.zone = c.zone
    LEFT JOIN person w ON q.decided_by = 'person:' || w.id
    WHERE (CAST(:site_id AS text) IS NULL OR q.site_id = :site_id)
"""
OPEN = text(f"{ROWS} AND q.state = 'open' ORDER BY q.due_at, q.id LIMIT 500")
# What is condemned waits behind its door for hands; the rest is shown for a week.
WAITS = text(
    f"{ROWS} AND q.state = 'condemned' AND p.state IN ('loaded', 'rescued') ORDER BY q.found_at, q.id LIMIT 500"
)
DECIDED = text(f"{ROWS} AND q.state <> 'open' AND q.decided_at > :since ORDER BY q.decided_at DESC, q.id LIMIT 100")
ONE = text(f"{ROWS} AND q.id = :id")
PHOTO = text("""
    SELECT photo FROM quarantine
    WHERE id = :id AND length(photo) > 0 AND (CAST(:site_id AS text) IS NULL OR site_id = :site_id)
""")


@dataclass(frozen=True, slots=True)
class ColdNow:
    """What waits for a decision, what waits to be taken out, and what was decided lately."""

    open: Sequence[Row[Any]]
    to_take_out: Sequence[Row[Any]]
    decided: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class QuarantineFile:
    """One quarantine and what is in its bag."""

    row: Row[Any]
    lines: Sequence[BagLine]


def cold_now(conn: Connection, *, site_id: str | None, since: datetime) -> ColdNow:
    """At one site, or with `None` at all of them; what was decided since then."""
    asked = {"site_id": site_id}
    return ColdNow(
        conn.execute(OPEN, asked).all(),
        conn.execute(WAITS, asked).all(),
        conn.execute(DECIDED, {**asked, "since": since}).all(),
    )


def quarantine_file(conn: Connection, *, quarantine_id: str, site_id: str | None) -> QuarantineFile | None:
    """One of them; `None` where there is none of that id, or not at this site."""
    row = conn.execute(ONE, {"id": quarantine_id, "site_id": site_id}).one_or_none()
    return None if row is None else QuarantineFile(row, lines_in_bag(conn, parcel_id=row.parcel_id))


def photo_of(conn: Connection, *, quarantine_id: str, site_id: str | None) -> bytes | None:
    """What whoever looked photographed."""
    found = conn.execute(PHOTO, {"id": quarantine_id, "site_id": site_id}).scalar_one_or_none()
    return None if found is None else bytes(found)
