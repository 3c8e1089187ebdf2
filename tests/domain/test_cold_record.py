"""Figures of a stretch of time: what was measured is counted, what was not is a gap, what is late is not yet one."""

from datetime import UTC, datetime, timedelta

from app.domain.cold_record import Band, Measured, Spell, stands, summarise
from locker_protocol.cold_chain.policy import DEFAULT_POLICY
from locker_protocol.vocabulary import Zone

START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
BAND = Band(0, 4)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def measured(first: int, last: int, mean: float = 2.0, lasts: int = 1) -> list[Measured]:
    return [Measured(at(n), timedelta(minutes=lasts), mean - 0.5, mean, mean + 0.5) for n in range(first, last, lasts)]


def test_all_measured_has_no_gap() -> None:
    found = summarise(measured(0, 60), since=START, until=at(60), band=BAND)
    assert (found.low_c, found.high_c, found.last_c) == (1.5, 2.5, 2.0)
    assert (found.outside_minutes, found.unknown_minutes, found.silent_since) == (0, 0, None)


def test_the_minute_in_which_it_was_put_there_is_no_gap() -> None:
    assert summarise(measured(1, 60), since=at(0.6), until=at(60), band=BAND).gaps == []


def test_a_gap_in_the_middle_is_found_to_the_minute() -> None:
    found = summarise([*measured(0, 20), *measured(43, 60)], since=START, until=at(60), band=BAND)
    assert found.gaps == [Spell(at(20), at(43))]
    assert found.unknown_minutes == 23
    assert found.silent_since is None


def test_what_may_be_under_way_is_no_gap_yet() -> None:
    assert summarise(measured(0, 51), since=START, until=at(60), band=BAND).silent_since is None
    assert summarise(measured(0, 49), since=START, until=at(60), band=BAND).silent_since == at(49)


def test_nothing_at_all_is_a_gap_and_says_no_figure() -> None:
    found = summarise([], since=START, until=at(60), band=BAND)
    assert (found.low_c, found.high_c, found.last_c, found.silent_since) == (None, None, None, None)
    assert found.unknown_minutes == 60


def test_a_minute_counts_as_outside_when_any_of_it_was() -> None:
    warm = measured(20, 32, mean=3.7)  # its warmest is 4.2
    found = summarise([*measured(0, 20), *warm, *measured(32, 60)], since=START, until=at(60), band=BAND)
    assert found.outside_minutes == 12


def test_quarters_of_an_hour_count_as_what_they_last() -> None:
    found = summarise(measured(0, 60, mean=5, lasts=15), since=START, until=at(60), band=BAND)
    assert (found.outside_minutes, found.gaps) == (60, [])


def test_a_short_warmth_is_stood_and_a_long_one_is_not() -> None:
    def judged(minutes: int) -> bool:
        warm = [*measured(0, 30), *measured(30, 30 + minutes, mean=6), *measured(30 + minutes, 120)]
        return stands(warm, food_classes=["chilled_tcs"], zone=Zone.CHILLED, policy=DEFAULT_POLICY, since=START)

    assert judged(12)
    assert not judged(45)


def test_nothing_measured_stands_nothing() -> None:
    assert not stands([], food_classes=[], zone=Zone.CHILLED, policy=DEFAULT_POLICY, since=START)
