"""How cold each food class has to be kept, as data, and whether such data makes sense.

Holds the defaults with their sources and refuses limits that cross. It judges no temperature (`judge.py`) and knows no
parcel. Temperatures are °C, times seconds. What was chosen and why: `docs/cold-chain.md`.
"""

import math
from collections.abc import Iterator
from typing import Literal

import msgspec

from locker_protocol.vocabulary import Count, Identifier, Zone

Side = Literal["above", "below"]
Counted = Literal["cumulative", "continuous", "at_once"]

LOWEST_C, HIGHEST_C = -60.0, 90.0
LONGEST_S = 7 * 86_400


class Line(msgspec.Struct, frozen=True):
    """A limit of the product probe and for how long it may be passed.

    `cumulative`: all seconds since the driver's last good reading together; `continuous`: in one stretch; `at_once`:
    the first reading (`for_s` is 0).
    """

    side: Side
    limit_c: float
    for_s: int
    counted: Counted


class AirWarning(msgspec.Struct, frozen=True):
    """From when on people are told that a zone's air is not as it should be; `None`: not on that side."""

    above_c: float | None
    below_c: float | None
    for_s: int


class ClassPolicy(msgspec.Struct, frozen=True):
    """One food class. `tolerates`: colder zones it may stand in, where `below` lines are not counted.

    For how many hours a product may stand there is the plan's business, told as a time to collect by.
    """

    food_class: Identifier
    target_low_c: float
    target_high_c: float
    warn: AirWarning | None
    quarantine: list[Line]
    discard: list[Line]
    tolerates: list[Zone] = []


class ColdPolicy(msgspec.Struct, frozen=True):
    """All classes and the allowances. `gap_s`: for how long nobody need have measured before it counts as above."""

    version: Count
    classes: list[ClassPolicy]
    gap_s: int = 900
    recovery_s: int = 1800
    opening_s: int = 600
    defrost_s: int = 2700
    defrosts_a_day: int = 4
    defrost_apart_s: int = 14_400
    decide_within_s: int = 7200

    def of(self, food_class: str) -> ClassPolicy | None:
        """Give the rules of a class, or `None` for one that this policy does not know."""
        for rules in self.classes:
            if rules.food_class == food_class:
                return rules
        return None


class PolicyInvalid(ValueError):
    """The policy cannot be used. `code` is stable; `food_class` is `None` where no single class is at fault."""

    def __init__(self, code: str, food_class: str | None = None) -> None:
        super().__init__(code if food_class is None else f"{food_class}: {code}")
        self.code = code
        self.food_class = food_class


# As what goods are judged whose class nobody told, by the zone they lie in.
USUAL_CLASS: dict[Zone, str] = {
    Zone.FROZEN: "frozen",
    Zone.CHILLED: "chilled_tcs",
    Zone.COOL: "cool_sensitive",
    Zone.AMBIENT: "ambient",
}


def _above(limit_c: float, minutes: int, counted: Counted = "cumulative") -> Line:
    return Line("above", limit_c, minutes * 60, counted)


def _below(limit_c: float, minutes: int) -> Line:
    return Line("below", limit_c, minutes * 60, "cumulative")


DEFAULT_POLICY = ColdPolicy(
    version=0,
    classes=[
        # EU 853/2004: minced meat 2 °C, fish at melting ice. FDA Food Code 4-204.111 for the half hour.
        ClassPolicy(
            food_class="chilled_strict",
            target_low_c=0,
            target_high_c=2,
            warn=AirWarning(4, None, 600),
            quarantine=[_above(4, 30), _below(-1, 15)],
            discard=[_above(5, 60), _above(10, 0, "at_once")],
        ),
        # FDA Food Code 4-204.111 (5 °C, 30 min), NY 14-5.40 and FSANZ 2 h/4 h (two hours in all), 3-501.19 (21 °C).
        ClassPolicy(
            food_class="chilled_tcs",
            target_low_c=0,
            target_high_c=4,
            warn=AirWarning(5, None, 600),
            quarantine=[_above(5, 30, "continuous"), _above(5, 60), _below(-1, 15)],
            discard=[_above(5, 120), _above(21, 0, "at_once")],
        ),
        # UK chill holding 8 °C; the times are trade knowledge.
        ClassPolicy(
            food_class="chilled_quality",
            target_low_c=0,
            target_high_c=8,
            warn=AirWarning(8, None, 1800),
            quarantine=[_above(10, 120), _below(0, 15)],
            discard=[_above(15, 240)],
        ),
        # Chilling injury: cucumber, aubergine and peach below about 7 °C. What is warm only ripens: staff judge it.
        ClassPolicy(
            food_class="cool_sensitive",
            target_low_c=10,
            target_high_c=15,
            warn=AirWarning(18, 8, 1800),
            quarantine=[_below(7, 60)],
            discard=[],
            tolerates=[Zone.CHILLED],
        ),
        # EU 853/2004 and GB/T 24616-2019: -18 °C; 89/108: 3 °C upward for a short time.
        ClassPolicy(
            food_class="frozen",
            target_low_c=-30,
            target_high_c=-18,
            warn=AirWarning(-15, None, 1800),
            quarantine=[_above(-15, 60)],
            discard=[_above(-12, 60), _above(-5, 0, "at_once")],
        ),
        ClassPolicy(
            food_class="ambient",
            target_low_c=5,
            target_high_c=30,
            warn=None,
            quarantine=[_above(35, 120)],
            discard=[],
        ),
    ],
)


def judged_as(policy: ColdPolicy, food_class: str | None, zone: Zone) -> str:
    """Say by which class goods are judged: by their own, or by the zone's usual one where the policy has no such."""
    return food_class if food_class is not None and policy.of(food_class) else USUAL_CLASS[zone]


def check_policy(policy: ColdPolicy) -> None:
    """Refuse a policy that makes no sense.

    Raises:
        PolicyInvalid: by the first of its rules that does not hold.

    """
    for code, food_class in _mistakes(policy):
        raise PolicyInvalid(code, food_class)


def _mistakes(policy: ColdPolicy) -> Iterator[tuple[str, str | None]]:
    names = [rules.food_class for rules in policy.classes]
    if len(set(names)) < len(names):
        yield "class_twice", next(name for name in names if names.count(name) > 1)
    for known in DEFAULT_POLICY.classes:
        if known.food_class not in names:
            yield "class_missing", known.food_class
    allowances = (policy.gap_s, policy.recovery_s, policy.opening_s, policy.defrost_s, policy.defrost_apart_s)
    if any(not 0 <= time_s <= LONGEST_S for time_s in (*allowances, policy.decide_within_s)):
        yield "time_out_of_range", None
    if policy.defrosts_a_day < 0:
        yield "time_out_of_range", None
    for rules in policy.classes:
        for code in _class_mistakes(rules):
            yield code, rules.food_class


def _class_mistakes(rules: ClassPolicy) -> Iterator[str]:
    if not all(math.isfinite(limit) and LOWEST_C <= limit <= HIGHEST_C for limit in _limits(rules)):
        yield "limit_out_of_range"
        return
    if rules.target_low_c >= rules.target_high_c:
        yield "target_crosses"
    yield from (code for line in (*rules.quarantine, *rules.discard) for code in _line_mistakes(line, rules))
    if rules.warn is not None:
        yield from _warning_mistakes(rules.warn, rules)
    if not all(_quarantined_first(line, rules) for line in rules.discard):
        yield "discard_before_quarantine"


def _limits(rules: ClassPolicy) -> Iterator[float]:
    yield from (rules.target_low_c, rules.target_high_c)
    yield from (line.limit_c for line in (*rules.quarantine, *rules.discard))
    if rules.warn is not None:
        yield from (limit for limit in (rules.warn.above_c, rules.warn.below_c) if limit is not None)


def _line_mistakes(line: Line, rules: ClassPolicy) -> Iterator[str]:
    if not 0 <= line.for_s <= LONGEST_S or (line.counted == "at_once") != (line.for_s == 0):
        yield "time_out_of_range"
    if line.limit_c < rules.target_high_c if line.side == "above" else line.limit_c > rules.target_low_c:
        yield "limit_inside_target"


def _warning_mistakes(warn: AirWarning, rules: ClassPolicy) -> Iterator[str]:
    """People are told before food is lost, and not while all is as it should be."""
    if not 0 < warn.for_s <= LONGEST_S:
        yield "time_out_of_range"
    highs = [line.limit_c for line in rules.quarantine if line.side == "above"]
    lows = [line.limit_c for line in rules.quarantine if line.side == "below"]
    if warn.above_c is not None and not rules.target_high_c <= warn.above_c <= min(highs, default=HIGHEST_C):
        yield "warning_beyond_limits"
    if warn.below_c is not None and not max(lows, default=LOWEST_C) <= warn.below_c <= rules.target_low_c:
        yield "warning_beyond_limits"


def _quarantined_first(discard: Line, rules: ClassPolicy) -> bool:
    """Say whether whatever is thrown away would have been kept closed before, or at the same moment."""
    return any(
        line.side == discard.side
        and _stricter(line.limit_c, discard.limit_c, discard.side)
        and (discard.counted == "at_once" or _sooner(line, discard))
        for line in rules.quarantine
    )


def _stricter(limit_c: float, than_c: float, side: Side) -> bool:
    return limit_c <= than_c if side == "above" else limit_c >= than_c


def _sooner(line: Line, discard: Line) -> bool:
    """A stretch may be broken where a sum goes on: it is no earlier warning of a sum."""
    return line.for_s <= discard.for_s and (line.counted != "continuous" or discard.counted == "continuous")
