"""What lies in a site or a locker now and what comes there next: whose food is affected. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

MOST_ORDERS = 60
MOST_RUNS = 4

LOCKER = text("SELECT id, site_id FROM locker WHERE id = :id")
INSIDE = text("""
    SELECT o.id, o.order_no, o.site_id, o.state, o.total_minor, o.currency, s.timezone,
        array_agg(c.door ORDER BY c.door) AS doors, min(p.collect_until) AS collect_until
    FROM parcel p JOIN customer_order o ON o.id = p.order_id JOIN site s ON s.id = o.site_id
    JOIN compartment c ON c.site_id = o.site_id AND c.door = p.door
    WHERE p.state = 'loaded' AND o.site_id = :site_id
        AND (CAST(:locker_id AS text) IS NULL OR c.locker_id = :locker_id)
        AND (CAST(:door AS smallint) IS NULL OR c.door = :door)
    GROUP BY o.id, s.timezone ORDER BY min(p.collect_until), o.order_no LIMIT :most
""")
RUNS = text("""
    SELECT r.run_no, r.kind, r.load_from, r.load_until, r.expected_at, r.called_off_at, s.timezone,
        (SELECT count(*) FROM customer_order o WHERE o.run_no = r.run_no AND o.state IN ('paid', 'packed')) AS to_come
    FROM load_run r JOIN site s ON s.id = r.site_id
    WHERE r.site_id = :site_id AND r.load_until > :now ORDER BY r.load_from LIMIT :most
""")


def site_of_locker(conn: Connection, *, locker_id: str) -> str | None:
    """Where a locker stands; `None` when there is none."""
    found = conn.execute(LOCKER, {"id": locker_id}).one_or_none()
    return None if found is None else str(found.site_id)


def inside(
    conn: Connection, *, site_id: str, locker_id: str | None = None, door: int | None = None
) -> Sequence[Row[Any]]:
    """Orders whose food lies there, the one that must be collected first first."""
    asked = {"site_id": site_id, "locker_id": locker_id, "door": door, "most": MOST_ORDERS}
    return conn.execute(INSIDE, asked).all()


def runs_to_come(conn: Connection, *, site_id: str, now: datetime) -> Sequence[Row[Any]]:
    """The next runs of a site, with how many orders wait for each."""
    return conn.execute(RUNS, {"site_id": site_id, "now": now, "most": MOST_RUNS}).all()
