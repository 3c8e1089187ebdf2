"""A policy makes sense, or is refused by a code."""

import math
from typing import Any

import msgspec
import pytest

from locker_protocol.cold_chain.policy import (
    DEFAULT_POLICY,
    USUAL_CLASS,
    AirWarning,
    ColdPolicy,
    Line,
    PolicyInvalid,
    check_policy,
    judged_as,
)
from locker_protocol.vocabulary import Zone


def changed(food_class: str, **fields: Any) -> ColdPolicy:
    classes = [
        msgspec.structs.replace(rules, **fields) if rules.food_class == food_class else rules
        for rules in DEFAULT_POLICY.classes
    ]
    return msgspec.structs.replace(DEFAULT_POLICY, classes=classes)


def refused(policy: ColdPolicy) -> tuple[str, str | None]:
    with pytest.raises(PolicyInvalid) as caught:
        check_policy(policy)
    return caught.value.code, caught.value.food_class


def test_the_defaults_make_sense() -> None:
    check_policy(DEFAULT_POLICY)


def test_a_policy_survives_being_written_down() -> None:
    assert msgspec.json.decode(msgspec.json.encode(DEFAULT_POLICY), type=ColdPolicy) == DEFAULT_POLICY


def test_each_zone_has_a_usual_class_that_the_policy_knows() -> None:
    assert set(USUAL_CLASS) == set(Zone)
    assert all(DEFAULT_POLICY.of(food_class) for food_class in USUAL_CLASS.values())


def test_goods_of_an_unknown_class_are_judged_as_the_zones_usual_ones() -> None:
    assert judged_as(DEFAULT_POLICY, "chilled_strict", Zone.CHILLED) == "chilled_strict"
    assert judged_as(DEFAULT_POLICY, "moon_cheese", Zone.FROZEN) == "frozen"
    assert judged_as(DEFAULT_POLICY, None, Zone.COOL) == "cool_sensitive"


@pytest.mark.parametrize("limit", [math.nan, math.inf, -61.0, 91.0])
def test_a_limit_that_is_no_temperature_is_refused(limit: float) -> None:
    code = ("limit_out_of_range", "chilled_tcs")
    assert refused(changed("chilled_tcs", target_low_c=limit)) == code
    assert refused(changed("chilled_tcs", warn=AirWarning(limit, None, 600))) == code
    assert refused(changed("chilled_tcs", discard=[Line("above", limit, 7200, "cumulative")])) == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"target_low_c": 4.0}, "target_crosses"),
        ({"quarantine": [Line("above", 3.9, 1800, "cumulative")], "warn": None}, "limit_inside_target"),
        ({"quarantine": [Line("below", 0.1, 1800, "cumulative")], "discard": []}, "limit_inside_target"),
        ({"quarantine": [Line("above", 5, -1, "cumulative")], "discard": []}, "time_out_of_range"),
        ({"quarantine": [Line("above", 5, 0, "cumulative")], "discard": []}, "time_out_of_range"),
        ({"discard": [Line("above", 21, 60, "at_once")]}, "time_out_of_range"),
        ({"warn": AirWarning(5, None, 0)}, "time_out_of_range"),
        ({"warn": AirWarning(5.1, None, 600)}, "warning_beyond_limits"),
        ({"warn": AirWarning(3.9, None, 600)}, "warning_beyond_limits"),
        ({"warn": AirWarning(None, -1.1, 600)}, "warning_beyond_limits"),
        ({"discard": [Line("above", 4.5, 7200, "cumulative")]}, "discard_before_quarantine"),
        ({"discard": [Line("above", 6, 1700, "cumulative")]}, "discard_before_quarantine"),
        ({"quarantine": [Line("above", 5, 1800, "continuous")]}, "discard_before_quarantine"),
        ({"discard": [Line("below", -2, 7200, "continuous")], "quarantine": []}, "discard_before_quarantine"),
    ],
)
def test_limits_that_cross_are_refused(fields: dict[str, Any], code: str) -> None:
    if "discard" not in fields and "quarantine" in fields:
        fields = {"discard": DEFAULT_POLICY.classes[1].discard} | fields
    assert refused(changed("chilled_tcs", **fields)) == (code, "chilled_tcs")


def test_a_class_that_is_missing_or_there_twice_is_refused() -> None:
    classes = DEFAULT_POLICY.classes
    assert refused(msgspec.structs.replace(DEFAULT_POLICY, classes=classes[1:])) == ("class_missing", "chilled_strict")
    twice = msgspec.structs.replace(DEFAULT_POLICY, classes=[*classes, classes[0]])
    assert refused(twice) == ("class_twice", "chilled_strict")


@pytest.mark.parametrize("name", ["gap_s", "recovery_s", "opening_s", "defrost_s", "defrosts_a_day", "decide_within_s"])
def test_a_negative_allowance_is_refused(name: str) -> None:
    assert refused(msgspec.structs.replace(DEFAULT_POLICY, **{name: -1})) == ("time_out_of_range", None)
