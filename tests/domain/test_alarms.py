"""Alarms in lines: worst first, a storm is one line, an answer quiets what it says and no more."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.alarms import Alarm, AlarmCause, Answer, SilenceNeedsEnd, check_silence, lines, unanswered

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def alarm(cause: AlarmCause = AlarmCause.TOO_WARM, site: str = "a", minutes: int = 20, orders: int = 0) -> Alarm:
    names = frozenset(f"{site}-{n}" for n in range(orders))
    return Alarm(cause, site, NOW - timedelta(minutes=minutes), f"{site}-1", "chilled", names)


def seen(site: str = "a", minutes: int = 5) -> Answer:
    return Answer(AlarmCause.TOO_WARM, site, NOW - timedelta(minutes=minutes), "Lin")


def silenced(until_minutes: int) -> Answer:
    until = NOW + timedelta(minutes=until_minutes)
    return Answer(AlarmCause.TOO_WARM, "a", NOW - timedelta(hours=1), "Lin", until, "new compressor comes")


def test_the_worst_stands_first_and_then_what_concerns_most() -> None:
    found = lines(
        [
            alarm(AlarmCause.DEFROST, "a", orders=9),
            alarm(AlarmCause.TOO_WARM, "b", orders=1),
            alarm(AlarmCause.TOO_WARM, "c", orders=4),
            alarm(AlarmCause.QUARANTINED, "d"),
        ],
        [],
        now=NOW,
    )
    assert [(line.cause.value, line.sites) for line in found] == [
        ("quarantined", ("d",)),
        ("too_warm", ("c",)),
        ("too_warm", ("b",)),
        ("defrost", ("a",)),
    ]


def test_a_storm_of_a_hundred_lockers_is_one_line_with_a_number() -> None:
    storm = [alarm(AlarmCause.SITE_SILENT, f"site-{n}", orders=3) for n in range(100)]
    found = lines(storm, [], now=NOW)
    assert len(found) == 1
    assert (len(found[0].sites), found[0].lockers, len(found[0].orders)) == (100, 100, 300)


def test_three_sites_are_still_told_apart() -> None:
    assert len(lines([alarm(site=site) for site in "abc"], [], now=NOW)) == 3
    assert len(lines([alarm(site=site) for site in "abcd"], [], now=NOW)) == 1


def test_two_lockers_of_a_site_stand_together_and_an_order_counts_once() -> None:
    twice = [alarm(orders=2), alarm(orders=2, minutes=9)]
    found = lines(twice, [], now=NOW)
    assert len(found) == 1
    assert len(found[0].orders) == 2
    assert found[0].since == NOW - timedelta(minutes=20)


def test_what_somebody_has_seen_stands_below_what_nobody_has() -> None:
    found = lines([alarm(site="a", orders=9), alarm(site="b")], [seen("a")], now=NOW)
    assert [(line.sites[0], line.seen is not None) for line in found] == [("b", False), ("a", True)]


def test_that_somebody_saw_it_does_not_hold_for_what_began_later() -> None:
    assert unanswered([alarm(minutes=20)], [seen(minutes=5)], now=NOW) == []
    later = [alarm(minutes=20), alarm(minutes=2)]
    assert unanswered(later, [seen(minutes=5)], now=NOW) == later


def test_a_silence_ends_by_itself() -> None:
    assert unanswered([alarm()], [silenced(1)], now=NOW) == []
    assert unanswered([alarm()], [silenced(0)], now=NOW) == [alarm()]


def test_a_silence_quiets_no_other_cause_and_no_other_site() -> None:
    others = [alarm(AlarmCause.TOO_COLD, "a"), alarm(site="b")]
    assert {(one.cause, one.site_id) for one in unanswered([alarm(), *others], [silenced(9)], now=NOW)} == {
        (AlarmCause.TOO_COLD, "a"),
        (AlarmCause.TOO_WARM, "b"),
    }


@pytest.mark.parametrize("hours", [-1, 0, 25, 10**6])
def test_nothing_is_silenced_for_ever(hours: int) -> None:
    with pytest.raises(SilenceNeedsEnd) as refused:
        check_silence(hours, now=NOW)
    assert refused.value.facts == {"hours": 24}


def test_a_day_is_the_longest_silence() -> None:
    assert check_silence(24, now=NOW) == NOW + timedelta(days=1)
