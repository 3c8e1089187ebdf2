"""One food class of one parcel, minute by minute."""

import msgspec
import pytest

from locker_protocol.cold_chain.judge import (
    Exposure,
    PolicyChanged,
    Verdict,
    begin,
    expose,
    judge_all,
    released,
    verdict,
    worst,
)
from locker_protocol.cold_chain.policy import DEFAULT_POLICY
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import ColdCause, Zone

START = 29_000_000
MINUTE_MS = 60_000


def measured(minute: int, low_c: float, high_c: float | None = None) -> ZoneMinute:
    low, high = round(low_c * 100), round((low_c if high_c is None else high_c) * 100)
    return ZoneMinute(minute, 6, low, low, high, low, (low + high) // 2, high)


def after(*stretches: tuple[float | None, int], food_class: str = "chilled_tcs", zone: Zone = Zone.CHILLED) -> Exposure:
    """Stretches of (product °C or None, minutes), one after the other."""
    exposure = begin(food_class, START * MINUTE_MS)
    minute = START
    for product_c, length in stretches:
        for _ in range(length):
            told = None if product_c is None else measured(minute, product_c)
            exposure = expose(exposure, DEFAULT_POLICY, zone, told, minute)
            minute += 1
    return exposure


def level(*stretches: tuple[float | None, int], food_class: str = "chilled_tcs", zone: Zone = Zone.CHILLED) -> str:
    return verdict(after(*stretches, food_class=food_class, zone=zone), DEFAULT_POLICY).level


def test_what_stays_in_the_cold_is_fine() -> None:
    assert verdict(after((3.0, 600)), DEFAULT_POLICY) == Verdict("fine")


def test_at_the_limit_itself_it_is_fine() -> None:
    assert level((5.0, 600)) == "fine"


def test_half_an_hour_in_one_stretch_is_kept_closed_and_not_a_minute_less() -> None:
    assert level((5.01, 29)) == "fine"
    told = verdict(after((3.0, 10), (5.01, 30)), DEFAULT_POLICY)
    assert told == Verdict("quarantine", ColdCause.TOO_WARM, START + 39)


def test_a_stretch_begins_again_after_a_cold_minute_but_the_sum_goes_on() -> None:
    assert level((6, 29), (4, 1), (6, 29), (4, 1), (6, 1)) == "fine"
    assert level((6, 29), (4, 1), (6, 29), (4, 1), (6, 2)) == "quarantine"


def test_two_hours_in_all_are_thrown_away_and_cold_does_not_undo_it() -> None:
    told = verdict(after((6, 60), (2, 100), (6, 60), (2, 600)), DEFAULT_POLICY)
    assert told == Verdict("discard", ColdCause.TOO_WARM, START + 219)


def test_one_hot_reading_of_a_line_at_once_is_enough() -> None:
    assert level((21.01, 1), (2, 60)) == "discard"
    assert level((21.0, 1), (2, 60)) == "fine"


def test_the_worst_value_of_a_minute_counts_for_all_of_it() -> None:
    exposure = begin("chilled_tcs", START * MINUTE_MS)
    for minute in range(START, START + 30):
        exposure = expose(exposure, DEFAULT_POLICY, Zone.CHILLED, measured(minute, 3.0, 5.5), minute)
    assert verdict(exposure, DEFAULT_POLICY).level == "quarantine"


def test_frost_counts_too() -> None:
    told = verdict(after((-1.1, 15)), DEFAULT_POLICY)
    assert (told.level, told.cause) == ("quarantine", ColdCause.TOO_COLD)


def test_what_may_stand_in_a_colder_zone_is_not_called_frozen_there() -> None:
    assert level((2, 300), food_class="cool_sensitive", zone=Zone.CHILLED) == "fine"
    assert level((2, 60), food_class="cool_sensitive", zone=Zone.COOL) == "quarantine"


def test_a_quarter_of_an_hour_unmeasured_is_forgiven_and_a_minute_more_counts_whole() -> None:
    assert after((3, 5), (None, 15), (3, 5)).counted_s == (0,) * 5
    assert after((3, 5), (None, 16), (3, 5)).counted_s == (0, 960, 0, 960, 0)
    told = verdict(after((3, 5), (None, 30)), DEFAULT_POLICY)
    assert told == Verdict("quarantine", ColdCause.UNKNOWN, START + 34, 1800)


def test_a_short_gap_counts_when_it_was_over_before_or_after() -> None:
    assert after((6, 5), (None, 10), (3, 1)).counted_s[1] == 900
    assert after((3, 5), (None, 10), (6, 5)).counted_s[1] == 900
    assert level((6, 10), (None, 10), (6, 10)) == "quarantine"


def test_two_hours_unmeasured_are_thrown_away() -> None:
    told = verdict(after((3, 5), (None, 120)), DEFAULT_POLICY)
    assert (told.level, told.cause, told.minute) == ("discard", ColdCause.UNKNOWN, START + 124)


def test_a_gap_is_no_hot_reading() -> None:
    assert level((3, 5), (None, 20), (3, 5), food_class="chilled_strict") == "fine"


def test_a_gap_counts_as_too_cold_only_where_nothing_but_cold_harms() -> None:
    assert level((3, 5), (None, 29)) == "fine"
    assert level((12, 5), (None, 60), food_class="cool_sensitive", zone=Zone.COOL) == "quarantine"


def test_minutes_left_out_are_a_gap() -> None:
    step_by_step = after((3, 1), (None, 40), (3, 1))
    first = expose(begin("chilled_tcs", START * MINUTE_MS), DEFAULT_POLICY, Zone.CHILLED, measured(START, 3), START)
    at_once = expose(first, DEFAULT_POLICY, Zone.CHILLED, measured(START + 41, 3), START + 41)
    assert at_once == step_by_step


def test_a_reading_from_long_ago_is_judged_at_once_and_not_minute_by_minute() -> None:
    exposure = expose(begin("chilled_tcs", 0), DEFAULT_POLICY, Zone.CHILLED, measured(START, 3), START)
    assert verdict(exposure, DEFAULT_POLICY).level == "discard"


def test_a_minute_that_comes_twice_or_late_changes_nothing() -> None:
    exposure = after((3, 10))
    assert expose(exposure, DEFAULT_POLICY, Zone.CHILLED, measured(START + 9, 30), START + 9) is exposure
    assert expose(exposure, DEFAULT_POLICY, Zone.CHILLED, measured(START - 1, 30), START - 1) is exposure


def test_a_filled_gap_is_judged_again_from_the_beginning() -> None:
    known = [(Zone.CHILLED, measured(START + each, 3)) for each in range(60)]
    until_ms = (START + 60) * MINUTE_MS
    gap = known[:10] + known[50:]
    assert judge_all("chilled_tcs", START * MINUTE_MS, until_ms, DEFAULT_POLICY, gap).cause == ColdCause.UNKNOWN
    assert judge_all("chilled_tcs", START * MINUTE_MS, until_ms, DEFAULT_POLICY, known) == Verdict("fine")


def test_the_record_gives_the_same_verdict_as_minute_by_minute() -> None:
    live = after((3, 20), (6, 25), (None, 10), (6, 3), (3, 2))
    minutes = [measured(START + each, 3) for each in range(20)] + [measured(START + each, 6) for each in range(20, 45)]
    minutes += [measured(START + each, 6) for each in range(55, 58)] + [
        measured(START + 58, 3),
        measured(START + 59, 3),
    ]
    told = judge_all(
        "chilled_tcs",
        START * MINUTE_MS + 59_999,
        (START + 60) * MINUTE_MS + 59_999,
        DEFAULT_POLICY,
        [(Zone.CHILLED, each) for each in minutes],
    )
    assert told == verdict(live, DEFAULT_POLICY)
    assert told.level == "quarantine"


def test_minutes_missing_at_the_end_of_the_record_are_a_gap() -> None:
    minutes = [(Zone.CHILLED, measured(START, 3))]
    told = judge_all("chilled_tcs", START * MINUTE_MS, (START + 31) * MINUTE_MS, DEFAULT_POLICY, minutes)
    assert told == Verdict("quarantine", ColdCause.UNKNOWN, START + 30, 1800)


def test_a_move_to_another_zone_begins_nothing_anew() -> None:
    minutes = [(Zone.CHILLED, measured(START + each, 6)) for each in range(60)]
    minutes += [(Zone.COOL, measured(START + each, 12)) for each in range(60, 120)]
    until_ms = (START + 120) * MINUTE_MS
    assert judge_all("chilled_tcs", START * MINUTE_MS, until_ms, DEFAULT_POLICY, minutes).level == "discard"


def test_what_staff_released_is_kept_closed_again_only_by_another_line_or_another_stretch() -> None:
    exposure = released(after((6, 30)))
    exposure = expose(exposure, DEFAULT_POLICY, Zone.CHILLED, measured(START + 30, 6), START + 30)
    assert verdict(exposure, DEFAULT_POLICY).level == "fine"
    for minute in range(START + 31, START + 60):
        exposure = expose(exposure, DEFAULT_POLICY, Zone.CHILLED, measured(minute, 6), minute)
    assert verdict(exposure, DEFAULT_POLICY) == Verdict("quarantine", ColdCause.TOO_WARM, START + 59)


def test_a_release_does_not_undo_what_must_be_thrown_away() -> None:
    assert verdict(released(after((6, 120))), DEFAULT_POLICY).level == "discard"


def test_the_record_knows_releases() -> None:
    minutes = [(Zone.CHILLED, measured(START + each, 6)) for each in range(40)]
    arguments = ("chilled_tcs", START * MINUTE_MS, (START + 40) * MINUTE_MS, DEFAULT_POLICY, minutes)
    assert judge_all(*arguments).level == "quarantine"
    assert judge_all(*arguments, releases=[START + 31]).level == "fine"
    assert judge_all(*arguments, releases=[START + 39]).level == "fine"
    assert judge_all(*arguments, releases=[START + 10]).level == "quarantine"


def test_another_policy_asks_for_a_new_beginning() -> None:
    newer = msgspec.structs.replace(DEFAULT_POLICY, version=1)
    exposure = after((3, 1))
    with pytest.raises(PolicyChanged):
        expose(exposure, newer, Zone.CHILLED, None, START + 1)
    with pytest.raises(PolicyChanged):
        verdict(exposure, newer)


def test_a_class_nobody_knows_is_not_judged_as_fine() -> None:
    with pytest.raises(LookupError):
        expose(begin("moon_cheese", START * MINUTE_MS), DEFAULT_POLICY, Zone.CHILLED, None, START)


def test_an_exposure_survives_being_written_down() -> None:
    exposure = after((3, 5), (6, 5), (None, 3))
    assert msgspec.json.decode(msgspec.json.encode(exposure), type=Exposure) == exposure


def test_the_strictest_verdict_of_a_bag_wins_and_of_equals_the_first() -> None:
    late, early = Verdict("quarantine", minute=9), Verdict("quarantine", minute=5)
    assert worst([Verdict("fine"), late, early]) is early
    assert worst([early, Verdict("discard", minute=20)]).level == "discard"
    assert worst([]) == Verdict("fine")
