"""The HACCP log of a site and a month: each deviation and what was done, each crate received, each day of each zone.

Says what was recorded and nothing else; minutes nobody measured are counted as unknown, never as fine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

from app.db.cold_policy import policy_now, strictest_of
from locker_protocol.cold_chain.policy import ColdPolicy

SITES = text("SELECT id, site_no, name_zh, name_en, address_zh, address_en, timezone FROM site ORDER BY site_no")
# Whoever decided is an actor, as in history: a person is named, all others are what they are.
DEVIATIONS = text("""
    SELECT q.id, q.found_at, q.since, q.decided_at, q.due_at, q.door, q.food_class, q.cause, q.state, q.condemned,
        q.kept, q.reason, q.probe_c, q.photo IS NOT NULL AS photo, q.decided_by, o.order_no, c.zone,
        l.name_zh AS locker_zh, l.name_en AS locker_en, coalesce(nullif(p.display_name, ''), p.role) AS person,
        (
            SELECT max(m.high) / 100.0 FROM zone_hour h
            CROSS JOIN LATERAL (SELECT interval '1 hour' / cardinality(h.samples) AS step) s
            CROSS JOIN LATERAL unnest(h.product_max) WITH ORDINALITY AS m (high, n)
            WHERE h.locker_id = q.locker_id AND h.zone = c.zone
                AND h.hour > q.since - interval '1 hour' AND h.hour <= coalesce(q.decided_at, q.due_at)
                AND h.hour + (m.n - 1) * s.step BETWEEN q.since AND coalesce(q.decided_at, q.due_at)
        )::float8 AS warmest_c,
        ARRAY(
            SELECT DISTINCT CASE WHEN :language = 'zh' THEN d.name_zh ELSE d.name_en END FROM order_line x
            JOIN product d ON d.id = x.product_id WHERE x.parcel_id = q.parcel_id
        ) AS products
    FROM quarantine q JOIN customer_order o ON o.id = q.order_id JOIN locker l ON l.id = q.locker_id
    JOIN compartment c ON c.site_id = q.site_id AND c.door = q.door
    LEFT JOIN person p ON q.decided_by = 'person:' || p.id
    WHERE q.site_id = :site_id AND q.found_at >= :since AND q.found_at < :until ORDER BY q.found_at, q.id
""")
ALARMS = text("""
    SELECT a.found_at, a.ended_at, a.zone, a.alarm, a.probe, a.fault, a.value_c, l.name_zh AS locker_zh,
        l.name_en AS locker_en, seen.by AS person, seen.at AS seen_at
    FROM zone_alarm a JOIN locker l ON l.id = a.locker_id
    LEFT JOIN LATERAL (
        SELECT coalesce(nullif(p.display_name, ''), p.role) AS by, r.at FROM alarm_answer r
        JOIN person p ON p.id = r.person_id
        WHERE r.cause = a.alarm AND r.site_id = a.site_id AND r.at >= a.found_at
            AND r.at <= coalesce(a.ended_at, r.at)
        ORDER BY r.at LIMIT 1
    ) seen ON true
    WHERE a.site_id = :site_id AND a.found_at >= :since AND a.found_at < :until ORDER BY a.found_at, a.id
""")
RECEIVED = text("""
    SELECT r.read_at, r.zone, r.product_c, coalesce(nullif(p.display_name, ''), p.role) AS person
    FROM crate_reading r JOIN visit v ON v.id = r.visit_id JOIN person p ON p.id = r.person_id
    WHERE v.site_id = :site_id AND r.read_at >= :since AND r.read_at < :until ORDER BY r.read_at, r.id
""")
DAYS = text("""
    SELECT (h.hour AT TIME ZONE :timezone)::date AS day, h.locker_id, h.zone, min(m.low) / 100.0 AS low_c,
        avg(m.mean) / 100.0 AS mean_c, max(m.high) / 100.0 AS high_c,
        (sum(extract(epoch FROM s.step)) FILTER (WHERE m.high > z.high) / 60)::int AS above,
        (sum(extract(epoch FROM s.step)) FILTER (WHERE m.mean IS NOT NULL) / 60)::int AS known
    FROM zone_hour h JOIN locker l ON l.id = h.locker_id
    JOIN unnest(CAST(:zones AS text[]), CAST(:highs AS int[])) AS z (zone, high) ON z.zone = h.zone
    CROSS JOIN LATERAL (SELECT interval '1 hour' / cardinality(h.samples) AS step) s
    CROSS JOIN LATERAL unnest(h.product_min, h.product_mean, h.product_max) AS m (low, mean, high)
    WHERE l.site_id = :site_id AND h.hour >= :since AND h.hour < :until GROUP BY 1, 2, 3
""")
ZONES = text("""
    SELECT DISTINCT l.id AS locker_id, l.position, l.name_zh AS locker_zh, l.name_en AS locker_en, c.zone
    FROM locker l JOIN compartment c ON c.locker_id = l.id WHERE l.site_id = :site_id ORDER BY l.position, c.zone
""")


@dataclass(frozen=True, slots=True)
class ZoneDay:
    """A day of a zone, °C of the food probe. `above`: minutes any of which was above where its food belongs."""

    day: date
    locker_zh: str
    locker_en: str
    zone: str
    limit_c: float
    low_c: float | None
    mean_c: float | None
    high_c: float | None
    above: int
    unknown: int


@dataclass(frozen=True, slots=True)
class HaccpLog:
    """Everything of a site and a month; `until` is the moment it was made when the month is not over."""

    site: Row[Any]
    month: date
    since: datetime
    until: datetime
    policy: ColdPolicy
    deviations: Sequence[Row[Any]]
    alarms: Sequence[Row[Any]]
    received: Sequence[Row[Any]]
    days: Sequence[ZoneDay]


def sites(conn: Connection) -> Sequence[Row[Any]]:
    """All sites, by number."""
    return conn.execute(SITES).all()


def haccp_log(conn: Connection, *, site: Row[Any], month: date, now: datetime, language: str) -> HaccpLog:
    """Read a month that has begun; `month` is its first day."""
    clock = ZoneInfo(site.timezone)
    since = datetime(month.year, month.month, 1, tzinfo=clock)
    ends = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=clock)
    until = min(ends, now)
    asked = {"site_id": site.id, "since": since, "until": until, "language": language}
    policy = policy_now(conn, site_id=site.id, at=until)
    return HaccpLog(
        site=site,
        month=month,
        since=since,
        until=until,
        policy=policy,
        deviations=conn.execute(DEVIATIONS, asked).all(),
        alarms=conn.execute(ALARMS, asked).all(),
        received=conn.execute(RECEIVED, asked).all(),
        days=_days(conn, site, since, until, policy),
    )


def _days(conn: Connection, site: Row[Any], since: datetime, until: datetime, policy: ColdPolicy) -> list[ZoneDay]:
    zones = conn.execute(ZONES, {"site_id": site.id}).all()
    limits = {zone: strictest_of(policy, (), zone).target_high_c for zone in {row.zone for row in zones}}
    asked = {
        "site_id": site.id,
        "timezone": site.timezone,
        "since": since,
        "until": until,
        "zones": list(limits),
        "highs": [round(limit * 100) for limit in limits.values()],
    }
    found = {(row.day, row.locker_id, row.zone): row for row in conn.execute(DAYS, asked)}
    clock = ZoneInfo(site.timezone)
    return [
        _day(day, row, limits[row.zone], found.get((day, row.locker_id, row.zone)), _minutes(day, clock, since, until))
        for day in _dates(since, until)
        for row in zones
    ]


def _day(day: date, place: Row[Any], limit_c: float, found: Row[Any] | None, minutes: int) -> ZoneDay:
    known = (found.known or 0) if found is not None else 0
    low, mean, high = (
        (None, None, None) if found is None or found.low_c is None else (found.low_c, found.mean_c, found.high_c)
    )
    return ZoneDay(
        day=day,
        locker_zh=place.locker_zh,
        locker_en=place.locker_en,
        zone=place.zone,
        limit_c=limit_c,
        low_c=None if low is None else float(low),
        mean_c=None if mean is None else float(mean),
        high_c=None if high is None else float(high),
        above=(found.above or 0) if found is not None else 0,
        unknown=max(minutes - known, 0),
    )


def _dates(since: datetime, until: datetime) -> list[date]:
    last = (until - timedelta(microseconds=1)).astimezone(since.tzinfo).date()
    return [since.date() + timedelta(days=n) for n in range((last - since.date()).days + 1)]


def _minutes(day: date, clock: ZoneInfo, since: datetime, until: datetime) -> int:
    """How long this day lasted within the stretch; a day of the clock's change has more or fewer."""
    begins = datetime(day.year, day.month, day.day, tzinfo=clock)
    after = day + timedelta(days=1)
    ends = datetime(after.year, after.month, after.day, tzinfo=clock)
    whole = min(ends.timestamp(), until.timestamp()) - max(begins.timestamp(), since.timestamp())
    return int(whole // 60)
