"""Everything that is wrong with the cold now, from what sites told and from who is silent; and what people answered."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from app.domain.alarms import Alarm, AlarmCause, Answer

# A site tells each zone's temperature with its state, every few seconds; nothing for so long is no measurement
# (reliability §6.2: unverified after 15 minutes).
UNMEASURED_AFTER = timedelta(minutes=15)
# Answers older than this quiet nothing that is still new to anybody.
ANSWERS_FOR = timedelta(days=90)

# Of a site that is silent, what was told before still stands; what its lockers measure now is not known.
ALARMS = text("""
    SELECT alarm AS cause, site_id, locker_id, zone, found_at AS since, CAST(NULL AS text) AS order_id
    FROM zone_alarm WHERE ended_at IS NULL
    UNION ALL
    SELECT 'quarantined', q.site_id, q.locker_id, c.zone, q.found_at, q.order_id
    FROM quarantine q JOIN compartment c ON c.site_id = q.site_id AND c.door = q.door WHERE q.state = 'open'
    UNION ALL
    SELECT 'site_silent', g.site_id, NULL, NULL, coalesce(g.heard_at, :now), NULL FROM gateway g WHERE NOT g.online
    UNION ALL
    SELECT 'locker_silent', l.site_id, l.id, NULL, coalesce(l.heard_at, :now), NULL
    FROM locker l JOIN gateway g ON g.site_id = l.site_id WHERE g.online AND NOT l.online
    UNION ALL
    SELECT 'unmeasured', l.site_id, l.id, z.zone, z.read_at, NULL
    FROM zone_reading z JOIN locker l ON l.id = z.locker_id JOIN gateway g ON g.site_id = l.site_id
    WHERE g.online AND l.online AND z.read_at < :unmeasured_since AND NOT EXISTS (
        SELECT FROM zone_alarm a WHERE a.locker_id = l.id AND a.zone = z.zone AND a.alarm = 'unmeasured'
            AND a.ended_at IS NULL
    )
""")
LYING = text("""
    SELECT o.site_id, c.locker_id, c.zone, array_agg(DISTINCT o.id) AS orders
    FROM parcel p JOIN customer_order o ON o.id = p.order_id
    JOIN compartment c ON c.site_id = o.site_id AND c.door = p.door
    WHERE p.state = 'loaded' GROUP BY o.site_id, c.locker_id, c.zone
""")
ANSWERS = text("""
    SELECT a.cause, a.site_id, a.at, coalesce(nullif(p.display_name, ''), p.role) AS by, a.until,
        a.reason
    FROM alarm_answer a JOIN person p ON p.id = a.person_id
    WHERE a.until IS NULL AND a.at > :since OR a.until > :now ORDER BY a.at
""")


def open_alarms(conn: Connection, *, now: datetime) -> list[Alarm]:
    """All alarms of now, each with the orders that lie there."""
    lying = [(row.site_id, row.locker_id, row.zone, frozenset(row.orders)) for row in conn.execute(LYING)]
    by_place: dict[tuple[str, str | None, str | None], frozenset[str]] = {}
    for site_id, locker_id, zone, orders in lying:
        for place in ((site_id, None, None), (site_id, locker_id, None), (site_id, locker_id, zone)):
            by_place[place] = by_place.get(place, frozenset()) | orders
    found = conn.execute(ALARMS, {"now": now, "unmeasured_since": now - UNMEASURED_AFTER})
    return [
        Alarm(
            cause=AlarmCause(row.cause),
            site_id=row.site_id,
            since=min(row.since, now),
            locker_id=row.locker_id,
            zone=row.zone,
            orders=frozenset([row.order_id])
            if row.order_id
            else by_place.get((row.site_id, row.locker_id, row.zone), frozenset()),
        )
        for row in found
    ]


def answers(conn: Connection, *, now: datetime) -> Sequence[Answer]:
    """What people said that may still hold, oldest first."""
    found = conn.execute(ANSWERS, {"since": now - ANSWERS_FOR, "now": now})
    return [Answer(row.cause, row.site_id, row.at, row.by, row.until, row.reason) for row in found]
