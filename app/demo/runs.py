"""Reads when the demo's vans load and people collect, and the days on which they do not, from `sites.toml`.

All times are local to a site; turning them into instants, and the rule for clock changes, belong to the domain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from app.demo.cabinet import Table
from app.demo.sites import read_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTime:
    """A time on the run's day (0), the day before (-1) or after (1)."""

    day: int
    at: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When people are asked to collect, and how many orders a site takes for it."""

    window_id: str
    starts: time
    ends: time
    order_caps: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRun:
    """A van's visit on each of its weekdays (Monday is 1). What nobody collected is taken out from `removal_from`."""

    run_id: str
    name_zh: str
    name_en: str
    weekdays: tuple[int, ...]
    order_by: RunTime
    load_from: time
    load_until: time
    removal_from: RunTime
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """Days without a run, both included. Orders for the last run before them end early; it is cleared that night."""

    name_zh: str
    name_en: str
    first_day: date
    last_day: date
    last_run_day: date
    last_order_at: datetime
    removed_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOutage:
    """Hours without mains at a site, and the run of that day whose loading starts later."""

    site_id: str
    name_zh: str
    name_en: str
    starts: datetime
    ends: datetime
    moved_run_id: str
    moved_load_from: time


def load_runs() -> tuple[LoadRun, ...]:
    """Read the week's runs with their windows."""
    return tuple(build_run(row) for row in read_tables()["runs"])


def load_closures() -> tuple[Closure, ...]:
    """Read the days without any run."""
    return tuple(Closure(**row) for row in read_tables()["closures"])


def load_planned_outages() -> tuple[PlannedOutage, ...]:
    """Read the planned cuts of the mains."""
    return tuple(PlannedOutage(**row) for row in read_tables()["outages"])


def build_run(row: Table) -> LoadRun:
    built = {
        "weekdays": tuple(row["weekdays"]),
        "order_by": RunTime(**row["order_by"]),
        "removal_from": RunTime(**row["removal_from"]),
        "windows": tuple(Window(**window) for window in row["windows"]),
    }
    return LoadRun(**row | built)
