"""Whether a batch of minutes can be true, and into which pieces of an hour it is written.

A batch is taken whole or not at all. Decides nothing about food.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from locker_protocol.telemetry import MAX_MINUTES, MinutesKept, ZoneMinute
from locker_protocol.vocabulary import Zone

MINUTES_AN_HOUR = 60
# A gateway's clock may run ahead of ours by so much; what is further ahead waits until it is true.
AHEAD_MINUTES = 5
# As long as minutes are kept each for itself; what is told later than that is told too late.
KEPT_MINUTES = 90 * 24 * 60
# What a probe can be believed to say, hundredths of °C (`SensorFault.OUT_OF_RANGE`).
COLDEST, WARMEST = -4_500, 6_500
MOST_SAMPLES = 600


class MinutesFalse(Exception):
    """These minutes cannot be true; the message says why."""


class MinutesOfTheFuture(MinutesFalse):
    """They have not been yet by our clock: told again later, they may be true."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Minutes of one zone that follow on each other within one hour; `first` counts from 0 in that hour."""

    zone: Zone
    hour: int  # since 1970
    first: int
    minutes: Sequence[ZoneMinute]

    @property
    def last(self) -> int:
        """The last minute of the hour that is in it."""
        return self.first + len(self.minutes) - 1


def check_minutes(said: MinutesKept, *, zones: Collection[str], now_minute: int) -> None:
    """Raise MinutesFalse or MinutesOfTheFuture unless all of it can be true of a locker with these zones."""
    if said.through > now_minute + AHEAD_MINUTES:
        raise MinutesOfTheFuture(f"through minute {said.through}, and it is {now_minute}")
    if said.after > said.through:
        raise MinutesFalse(f"after {said.after} through {said.through}")
    if sum(len(each.minutes) for each in said.zones) > MAX_MINUTES:
        raise MinutesFalse("too many minutes")
    if len({each.zone for each in said.zones}) < len(said.zones):
        raise MinutesFalse("a zone twice")
    for each in said.zones:
        if each.zone not in zones:
            raise MinutesFalse(f"the locker has no zone {each.zone}")
        before = said.after
        for minute in each.minutes:
            _check_minute(minute, before, said.through)
            before = minute.minute


def stretches(said: MinutesKept, *, now_minute: int) -> Iterator[Stretch]:
    """The batch in pieces, without what is too old to be kept minute by minute."""
    oldest = now_minute - KEPT_MINUTES
    for each in said.zones:
        run: list[ZoneMinute] = []
        for minute in each.minutes:
            if minute.minute <= oldest:
                continue
            if run and (minute.minute != run[-1].minute + 1 or minute.minute % MINUTES_AN_HOUR == 0):
                yield _stretch(each.zone, run)
                run = []
            run.append(minute)
        if run:
            yield _stretch(each.zone, run)


def _stretch(zone: Zone, run: Sequence[ZoneMinute]) -> Stretch:
    hour, first = divmod(run[0].minute, MINUTES_AN_HOUR)
    return Stretch(zone, hour, first, run)


def _check_minute(minute: ZoneMinute, before: int, through: int) -> None:
    if not before < minute.minute <= through:
        raise MinutesFalse(f"minute {minute.minute} after {before}")
    if minute.samples > MOST_SAMPLES:
        raise MinutesFalse(f"{minute.samples} samples")
    _check_triple(minute.air_min, minute.air_mean, minute.air_max)
    _check_triple(minute.product_min, minute.product_mean, minute.product_max)


def _check_triple(least: int | None, mean: int | None, most: int | None) -> None:
    if least is None or mean is None or most is None:
        if least is None and mean is None and most is None:
            return
        raise MinutesFalse("half a reading")
    if not COLDEST <= least <= mean <= most <= WARMEST:
        raise MinutesFalse(f"{least}, {mean}, {most}")
