"""Makes the load runs of the coming days from each site's calendar: times, windows, doors and goods they can carry.

What exists is left alone, so this may run as often as anybody likes. Never closes or changes a run.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or

from app.db.tables import compartment, load_run, pickup_window, run_capacity, site_calendar
from app.domain.calendar import Calendar, PlannedRun, local_day, runs_on
from app.domain.capacity import totals
from app.use_cases.ordering.recount_blocked import recount_blocked
from locker_protocol.vocabulary import SizeClass, Zone

ADD_STOCK = text("""
    INSERT INTO run_stock (run_no, product_id, total)
    SELECT :run_no, id, stock_a_run FROM product WHERE active AND NOT 'live' = ANY(flags)
""")


def open_runs(conn: Connection, *, now: datetime, days_ahead: int) -> int:
    """Open what can still be ordered for, from today through `days_ahead` days on. Returns how many runs are new."""
    rows = conn.execute(select(site_calendar).order_by(site_calendar.c.site_id)).all()
    calendars = [(row.site_id, msgspec.convert(row.calendar, Calendar)) for row in rows]
    opened = sum(
        _open(conn, site_id, run)
        for site_id, calendar in calendars
        for run in _coming(calendar, now, days_ahead)
        if run.order_by > now
    )
    if opened:  # nobody may order behind a door that is broken or taken
        recount_blocked(conn, now=now)
    return opened


def _coming(calendar: Calendar, now: datetime, days_ahead: int) -> list[PlannedRun]:
    today = local_day(now, calendar.timezone)
    return [run for day in range(days_ahead + 1) for run in runs_on(calendar, today + timedelta(days=day))]


def _open(conn: Connection, site_id: str, run: PlannedRun) -> bool:
    times = {
        "order_by": run.order_by,
        "load_from": run.load_from,
        "load_until": run.load_until,
        "removal_from": run.removal_from,
    }
    values = {"site_id": site_id, "kind": run.kind, "local_date": run.local_date, **times}
    added = insert_or(load_run).values(values).on_conflict_do_nothing().returning(load_run.c.run_no)
    run_no = conn.execute(added).scalar_one_or_none()
    if run_no is None:
        return False
    windows = [
        {"run_no": run_no, "opens_at": w.opens_at, "closes_at": w.closes_at, "order_cap": w.order_cap}
        for w in run.windows
    ]
    conn.execute(insert(pickup_window), windows)
    _add_capacity(conn, site_id, run_no)
    conn.execute(ADD_STOCK, {"run_no": run_no})
    return True


def _add_capacity(conn: Connection, site_id: str, run_no: int) -> None:
    doors = select(compartment.c.zone, compartment.c.size).where(compartment.c.site_id == site_id)
    counted = totals((Zone(row.zone), SizeClass(row.size)) for row in conn.execute(doors))
    rows = [
        {"run_no": run_no, "zone": zone.value, "size_or_larger": size.value, "total": total}
        for (zone, size), total in counted.items()
    ]
    if rows:
        conn.execute(insert(run_capacity), rows)
