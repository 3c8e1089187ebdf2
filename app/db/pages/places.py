"""What lies in a site or a locker now and what comes there next: whose food is affected. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

MOST_ORDERS = 60
MOST_RUNS = 4
MOST_OF_PERSON = 20

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
SHUT = text("""
    SELECT q.id, q.door, q.cause, q.due_at FROM quarantine q WHERE q.order_id = :order_id AND q.state = 'open'
    ORDER BY q.due_at
""")
CLAIMS = text("""
    SELECT c.id, c.state, c.kind, d.name_zh, d.name_en FROM claim c JOIN order_line l USING (order_id, line_no)
    JOIN product d ON d.id = l.product_id WHERE c.order_id = :order_id ORDER BY c.made_at, c.id
""")
OF_PERSON = text("""
    SELECT o.id, o.order_no, o.state, o.total_minor, o.currency, o.placed_at, s.id AS site_id, s.name_zh, s.name_en,
        s.timezone, (SELECT count(*) FROM claim c WHERE c.order_id = o.id AND c.state = 'waiting') AS claims,
        (SELECT count(*) FROM refund r WHERE r.order_id = o.id AND r.failed IS NOT NULL) AS failed,
        (SELECT count(*) FROM quarantine q WHERE q.order_id = o.id AND q.state = 'open') AS shut
    FROM customer_order o JOIN site s ON s.id = o.site_id
    WHERE o.person_id = :person_id ORDER BY o.placed_at DESC, o.id DESC LIMIT :most
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


def kept_shut(conn: Connection, *, order_id: str) -> Sequence[Row[Any]]:
    """What of an order is kept shut and waits for a look."""
    return conn.execute(SHUT, {"order_id": order_id}).all()


def claims_of_order(conn: Connection, *, order_id: str) -> Sequence[Row[Any]]:
    """What was claimed of an order, oldest first."""
    return conn.execute(CLAIMS, {"order_id": order_id}).all()


def orders_of_person(conn: Connection, *, person_id: str) -> Sequence[Row[Any]]:
    """Somebody's latest orders, newest first, with what is wrong with each."""
    return conn.execute(OF_PERSON, {"person_id": person_id, "most": MOST_OF_PERSON}).all()
