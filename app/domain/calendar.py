"""When vans load and people collect, from a site's rules: local dates and times in its zone, turned into instants.

Rule for clock changes: a local time that does not exist moves forward by the gap, one that happens twice is its first.
It never knows what day it is; the caller asks for a date.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec


class DayTime(msgspec.Struct, frozen=True):
    """A time on the run's day (0), the day before (-1) or after (1)."""

    day: int
    at: time


class WindowRule(msgspec.Struct, frozen=True):
    """When people are asked to collect, and how many orders a site takes for it."""

    starts: time
    ends: time
    order_cap: int


class RunRule(msgspec.Struct, frozen=True):
    """A van's visit on each of its weekdays (Monday is 1)."""

    kind: str
    weekdays: tuple[int, ...]
    order_by: DayTime
    load_from: time
    load_until: time
    removal_from: DayTime
    windows: tuple[WindowRule, ...]


class Closure(msgspec.Struct, frozen=True):
    """Days without a run, both included; the last run before them ends earlier. Times are local."""

    first_day: date
    last_day: date
    last_run_day: date
    last_order_at: datetime
    removed_by: datetime


class MovedLoad(msgspec.Struct, frozen=True):
    """On one day one run loads later, for a planned power cut, say. Its windows stay."""

    day: date
    kind: str
    load_from: time


class Calendar(msgspec.Struct, frozen=True):
    """All a site says about its runs; stored as JSON."""

    timezone: str
    runs: tuple[RunRule, ...]
    closures: tuple[Closure, ...] = ()
    moved: tuple[MovedLoad, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWindow:
    """A pickup window as instants, UTC."""

    opens_at: datetime
    closes_at: datetime
    order_cap: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A van's visit as instants, UTC."""

    kind: str
    local_date: date
    order_by: datetime
    load_from: datetime
    load_until: datetime
    removal_from: datetime
    windows: tuple[PlannedWindow, ...]


def runs_on(calendar: Calendar, day: date) -> tuple[PlannedRun, ...]:
    """The runs of one local day, in the order of the rules; none where the site is closed."""
    if any(closure.first_day <= day <= closure.last_day for closure in calendar.closures):
        return ()
    return tuple(_planned(calendar, rule, day) for rule in calendar.runs if day.isoweekday() in rule.weekdays)


def instant(day: date, at: time, timezone: ZoneInfo) -> datetime:
    """Turn a local date and time into an instant, by the rule for clock changes."""
    # fold=0 takes the first of two, and the offset before a gap, which lands behind it.
    return datetime.combine(day, at.replace(fold=0), tzinfo=timezone).astimezone(UTC)


def local_day(moment: datetime, timezone: str) -> date:
    """The date a calendar on the site's wall shows."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def _planned(calendar: Calendar, rule: RunRule, day: date) -> PlannedRun:
    zone = ZoneInfo(calendar.timezone)
    moved = (move.load_from for move in calendar.moved if (move.day, move.kind) == (day, rule.kind))
    order_by = _on(rule.order_by, day, zone)
    removal_from = _on(rule.removal_from, day, zone)
    for closure in _closing(calendar.closures, day):
        order_by = min(order_by, _instant_of(closure.last_order_at, zone))
        removal_from = min(removal_from, _instant_of(closure.removed_by, zone))
    return PlannedRun(
        kind=rule.kind,
        local_date=day,
        order_by=order_by,
        load_from=instant(day, next(moved, rule.load_from), zone),
        load_until=instant(day, rule.load_until, zone),
        removal_from=removal_from,
        windows=tuple(_window(window, day, zone) for window in rule.windows),
    )


def _window(rule: WindowRule, day: date, zone: ZoneInfo) -> PlannedWindow:
    return PlannedWindow(
        opens_at=instant(day, rule.starts, zone), closes_at=instant(day, rule.ends, zone), order_cap=rule.order_cap
    )


def _closing(closures: Sequence[Closure], day: date) -> list[Closure]:
    return [closure for closure in closures if closure.last_run_day == day]


def _on(when: DayTime, day: date, zone: ZoneInfo) -> datetime:
    return instant(day + timedelta(days=when.day), when.at, zone)


def _instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    return instant(local.date(), local.time(), zone)
