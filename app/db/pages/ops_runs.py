"""Runs of the coming days as operators see them: how full, what is short, what is late or called off. Reads only."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

MOST_RUNS = 80
AHEAD = timedelta(days=3)

RUNS = text("""
    SELECT r.*, s.site_no, s.name_zh, s.name_en, s.timezone, coalesce(o.orders, 0) AS orders,
        coalesce(o.bags, 0) AS bags, coalesce(o.laid, 0) AS laid, coalesce(o.asked, 0) AS asked
    FROM load_run r JOIN site s ON s.id = r.site_id
    LEFT JOIN LATERAL (
        SELECT count(DISTINCT c.id) AS orders, count(p.id) AS bags,
            count(p.id) FILTER (WHERE p.state NOT IN ('planned', 'packed')) AS laid,
            count(DISTINCT f.order_id) AS asked
        FROM customer_order c JOIN parcel p ON p.order_id = c.id AND p.state <> 'cancelled'
        LEFT JOIN offer f ON f.order_id = c.id AND f.closed_at IS NULL
        WHERE c.run_no = r.run_no AND c.state IN ('paid', 'packed', 'ready', 'collected', 'expiring')
    ) o ON true
    WHERE r.removal_from > :now AND r.load_from < :until
    ORDER BY r.load_from, s.site_no LIMIT :most
""")
WINDOWS = text("SELECT * FROM pickup_window WHERE run_no = ANY(:runs) ORDER BY opens_at, id")
# "S or larger" is every door of the zone.
ZONES = text("""
    SELECT s.run_no, s.zone, s.total, s.taken, s.blocked, max(c.taken + c.blocked - c.total) AS short
    FROM run_capacity s JOIN run_capacity c USING (run_no, zone)
    WHERE s.size_or_larger = 'S' AND s.total > 0 AND s.run_no = ANY(:runs)
    GROUP BY s.run_no, s.zone, s.total, s.taken, s.blocked ORDER BY s.run_no, s.zone
""")


@dataclass(frozen=True, slots=True)
class RunNow:
    """A run, its windows, and its doors by zone: `total`, `taken`, `blocked`, `short` (more than 0: doors missing)."""

    run: Row[Any]
    windows: Sequence[Row[Any]]
    zones: Sequence[Row[Any]]


def coming_runs(conn: Connection, *, now: datetime) -> list[RunNow]:
    """Runs whose leftovers are not taken away yet, three days ahead, soonest first."""
    runs = conn.execute(RUNS, {"now": now, "until": now + AHEAD, "most": MOST_RUNS}).all()
    numbers = {"runs": [run.run_no for run in runs]}
    windows, zones = _by_run(conn.execute(WINDOWS, numbers).all()), _by_run(conn.execute(ZONES, numbers).all())
    return [RunNow(run, windows[run.run_no], zones[run.run_no]) for run in runs]


def run_of_window(conn: Connection, *, window_id: int) -> int | None:
    """Which run a window belongs to."""
    query = text("SELECT run_no FROM pickup_window WHERE id = :id")
    return conn.execute(query, {"id": window_id}).scalar_one_or_none()


def site_day(conn: Connection, *, run_no: int) -> Row[Any] | None:
    """A run's local date and its site's time zone."""
    query = text("SELECT local_date, timezone FROM load_run JOIN site ON site.id = site_id WHERE run_no = :run_no")
    return conn.execute(query, {"run_no": run_no}).one_or_none()


def _by_run(rows: Sequence[Row[Any]]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.run_no].append(row)
    return found
