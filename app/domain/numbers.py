"""The ten numbers of the morning: which there are, in what unit, and from where on each is an alarm.

Decides whether a number alarms. Never measures: what cannot be measured says why, and is not zero. `docs/numbers.md`
has each number's formula; a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """How a number is written."""

    PERCENT = "percent"
    SECONDS = "seconds"
    COUNT = "count"
    PER_HUNDRED = "per_hundred"


class Alarm(StrEnum):
    """Which side of the limit is wrong."""

    ABOVE = "above"
    BELOW = "below"


class NotMeasured(StrEnum):
    """Why a number is not there."""

    NOTHING_TO_COUNT = "nothing_to_count"  # no orders, no openings: a share of nothing
    NO_TEMPERATURE_HISTORY = "no_temperature_history"
    NO_METER = "no_meter"
    TONIGHT_ONLY = "tonight_only"
    WEEKS_ONLY = "weeks_only"  # one day says nothing
    DAY_NOT_OVER = "day_not_over"


@dataclass(frozen=True, slots=True)
class Number:
    """One number. `limit` is in its unit, `None` when nobody has said what is wrong; `place` is 1 to 10."""

    place: int
    key: str
    unit: Unit
    alarm: Alarm | None = None
    limit: float | None = None


# Limits: trade knowledge (K) of the research on daily operation, "the ten numbers of the morning"; check before
# printing one as a claim.
NUMBERS = (
    Number(1, "uncollected_overnight", Unit.PERCENT, Alarm.ABOVE, 2),
    Number(2, "in_doors_in_time", Unit.PERCENT, Alarm.BELOW, 98),
    Number(3, "first_try_opens", Unit.PERCENT, Alarm.BELOW, 99.5),
    Number(3, "doors_retried", Unit.COUNT),
    Number(4, "evening_p90", Unit.SECONDS, Alarm.ABOVE, 60),
    Number(5, "over_limit", Unit.COUNT, Alarm.ABOVE, 0),
    Number(5, "energy", Unit.PERCENT, Alarm.ABOVE, 15),
    Number(6, "claims", Unit.PER_HUNDRED, Alarm.ABOVE, 1),
    Number(7, "refunds_of_sales", Unit.PERCENT, Alarm.ABOVE, 1.5),
    Number(7, "often_refunded", Unit.COUNT),
    Number(8, "waste", Unit.PERCENT, Alarm.ABOVE, 4),
    Number(9, "doors_short", Unit.COUNT, Alarm.ABOVE, 0),
    Number(10, "households_buying", Unit.PERCENT),
    Number(10, "second_order", Unit.PERCENT, Alarm.BELOW, 40),
)
BY_KEY: Mapping[str, Number] = {number.key: number for number in NUMBERS}


@dataclass(frozen=True, slots=True)
class Reading:
    """A number's value over some days, or why there is none."""

    value: float | None
    missing: NotMeasured | None = None


def share(part: float | None, whole: float | None, *, per: int = 100) -> Reading:
    """So many of a hundred; nothing to count when the whole is nothing."""
    if not whole:
        return Reading(None, NotMeasured.NOTHING_TO_COUNT)
    return Reading(per * (part or 0) / whole)


def alarms(number: Number, reading: Reading) -> bool:
    """Whether it is beyond its limit; what is not measured or has no limit never is."""
    if reading.value is None or number.limit is None:
        return False
    return reading.value > number.limit if number.alarm is Alarm.ABOVE else reading.value < number.limit
