"""Runs as instants: the demo's week, closed days, a power cut, and clocks that change."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import msgspec

from app.demo.seed import _calendar
from app.demo.sites import load_sites
from app.domain.calendar import Calendar, DayTime, RunRule, WindowRule, instant, local_day, runs_on

BERLIN = ZoneInfo("Europe/Berlin")
OSMANTHUS, SUNNY = (msgspec.convert(_calendar(site)["calendar"], Calendar) for site in load_sites())


def utc(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_a_monday_has_breakfast_and_evening() -> None:
    breakfast, evening = runs_on(OSMANTHUS, date(2026, 11, 23))

    assert breakfast.order_by == utc(11, 22, 13)  # 21:00 in Suzhou the day before
    assert (breakfast.load_from, breakfast.load_until) == (utc(11, 22, 21, 45), utc(11, 22, 22, 40))
    assert evening.removal_from == utc(11, 24, 5, 30)
    assert [window.order_cap for window in evening.windows] == [16, 12]


def test_a_sunday_has_no_breakfast() -> None:
    assert [run.kind for run in runs_on(OSMANTHUS, date(2026, 11, 22))] == ["evening"]


def test_each_site_has_its_own_caps() -> None:
    (_, evening) = runs_on(SUNNY, date(2026, 11, 23))

    assert [window.order_cap for window in evening.windows] == [3, 3]


def test_nothing_runs_at_spring_festival() -> None:
    closed = [runs_on(OSMANTHUS, date(2027, 2, day)) for day in range(5, 10)]

    assert closed == [()] * 5
    assert runs_on(OSMANTHUS, date(2027, 2, 10))


def test_the_last_runs_before_it_close_early_and_are_cleared_that_night() -> None:
    runs = runs_on(OSMANTHUS, date(2027, 2, 4))

    assert {run.order_by for run in runs} == {utc(2, 3, 12, year=2027)}
    assert [run.removal_from for run in runs] == [utc(2, 4, 5, 30, 2027), utc(2, 4, 14, 30, 2027)]


def test_a_power_cut_moves_one_load_of_one_site() -> None:
    day = date(2026, 12, 3)

    assert runs_on(OSMANTHUS, day)[1].load_from == utc(12, 3, 8)
    assert runs_on(SUNNY, day)[1].load_from == utc(12, 3, 6)
    assert runs_on(OSMANTHUS, day)[1].windows == runs_on(OSMANTHUS, day)[1].windows


def test_a_time_that_does_not_exist_moves_forward() -> None:
    assert instant(date(2027, 3, 28), time(2, 30), BERLIN) == utc(3, 28, 1, 30, 2027)  # 03:30 on the wall


def test_a_time_that_happens_twice_is_its_first() -> None:
    assert instant(date(2026, 10, 25), time(2, 30), BERLIN) == utc(10, 25, 0, 30)


def test_a_run_over_the_change_keeps_its_wall_clock_times() -> None:
    rule = RunRule(
        "evening",
        (7,),
        DayTime(-1, time(23)),
        time(14),
        time(16),
        DayTime(1, time(13, 30)),
        (WindowRule(time(16, 30), time(18, 30), 3),),
    )
    (run,) = runs_on(Calendar("Europe/Berlin", (rule,)), date(2026, 10, 25))

    assert (run.order_by, run.load_from, run.removal_from) == (utc(10, 24, 21), utc(10, 25, 13), utc(10, 26, 12, 30))


def test_the_wall_calendar_decides_what_day_it_is() -> None:
    assert local_day(utc(11, 22, 17), "Asia/Shanghai") == date(2026, 11, 23)


def test_a_calendar_survives_its_json() -> None:
    assert msgspec.convert(msgspec.to_builtins(OSMANTHUS), Calendar) == OSMANTHUS
