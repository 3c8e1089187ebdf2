"""How many doors of each coming run are not to be had: broken ones, and those where an earlier run's parcels may lie.

Counted from what is true now, as often as anybody likes. Emptied doors that wait to be wiped do not count: the next
visit wipes them before it loads. Never changes what is taken, so doors may come to be short; `doors_short` tells.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.capacity import CounterKey, totals
from locker_protocol.vocabulary import SizeClass, Zone

COMING = """
    SELECT run_no, site_id, load_from FROM load_run
    WHERE load_until > :now AND called_off_at IS NULL AND (CAST(:site AS text) IS NULL OR site_id = :site)
"""
COUNTED = text(f"""
    SELECT run_no, zone, size_or_larger, total, blocked FROM run_capacity JOIN ({COMING}) coming USING (run_no)
    ORDER BY run_no, zone, size_or_larger
""")  # noqa: S608  two texts of our own
# A parcel without a plan still needs a door of its size.
BLOCKED = text(f"""
    WITH coming AS ({COMING})
    SELECT coming.run_no, c.zone, c.size, c.door::text AS place
    FROM coming JOIN compartment c USING (site_id) WHERE c.condition = 'broken'
    UNION
    SELECT coming.run_no, coalesce(c.zone, p.zone), coalesce(c.size, p.size), coalesce(c.door::text, p.id)
    FROM coming
    JOIN load_run e ON e.site_id = coming.site_id AND e.load_from < coming.load_from
        AND e.removal_from > coming.load_from
    JOIN customer_order o ON o.run_no = e.run_no
    JOIN parcel p ON p.order_id = o.id
    LEFT JOIN compartment c ON c.site_id = coming.site_id AND c.door = coalesce(p.door, p.planned_doors[1])
    WHERE p.state = 'loaded'
        OR p.state IN ('planned', 'packed') AND o.state IN ('paid', 'packed') AND e.called_off_at IS NULL
""")  # noqa: S608
LOCK = text("SELECT 1 FROM run_capacity WHERE run_no = :run_no ORDER BY zone, size_or_larger FOR UPDATE")
WRITE = text("""
    UPDATE run_capacity c SET blocked = least(c.total, w.blocked)
    FROM unnest(CAST(:zones AS text[]), CAST(:sizes AS text[]), CAST(:counts AS int[])) AS w(zone, size, blocked)
    WHERE c.run_no = :run_no AND c.zone = w.zone AND c.size_or_larger = w.size
""")


def recount_blocked(conn: Connection, *, site_id: str | None = None, now: datetime) -> int:
    """Count anew for the coming runs of a site, or of all; returns how many runs changed."""
    asked = {"site": site_id, "now": now}
    doors: dict[int, list[CounterKey]] = defaultdict(list)
    for row in conn.execute(BLOCKED, asked):
        doors[row.run_no].append((Zone(row.zone), SizeClass(row.size)))
    written: dict[int, dict[CounterKey, int]] = defaultdict(dict)
    wanted: dict[int, dict[CounterKey, int]] = defaultdict(dict)
    counts = {run_no: totals(found) for run_no, found in doors.items()}
    for row in conn.execute(COUNTED, asked):
        key = (Zone(row.zone), SizeClass(row.size_or_larger))
        written[row.run_no][key] = row.blocked
        wanted[row.run_no][key] = min(row.total, counts.get(row.run_no, {}).get(key, 0))
    changed = [run_no for run_no in sorted(wanted) if wanted[run_no] != written[run_no]]
    for run_no in changed:
        _write(conn, run_no, wanted[run_no])
    return len(changed)


def _write(conn: Connection, run_no: int, blocked: Mapping[CounterKey, int]) -> None:
    # The same order of locks as everybody's who takes doors.
    conn.execute(LOCK, {"run_no": run_no})
    keys = sorted(blocked)
    columns = {
        "zones": [zone.value for zone, _ in keys],
        "sizes": [size.value for _, size in keys],
        "counts": [blocked[key] for key in keys],
    }
    conn.execute(WRITE, {"run_no": run_no, **columns})
