"""What a minute's samples come to: the least, the mean and the most that was believed.

Never invents a value: what nobody believed is `None`. Which probes are believed is decided in `faults.py`.
"""

import math
from collections.abc import Iterator, Sequence

import msgspec

from locker_protocol.telemetry import SensorFault, ZoneMinute, ZoneSamples

MINUTE_MS = 60_000
MAGIC_C = frozenset((85.0, -127.0, 127.94))  # at power-on, unplugged, a failed conversion: chip and library manuals
LOWEST_C, HIGHEST_C = -45.0, 65.0


class Sampled(msgspec.Struct, frozen=True):
    """Both probes of a zone at one civil instant, as they said it; °C."""

    at_ms: int
    air_c: float | None
    product_c: float | None
    cooling: bool = False
    defrosting: bool = False


class ProbeFaults(msgspec.Struct, frozen=True):
    """Why the probes of a zone are not believed now; `None`: they are."""

    air: SensorFault | None = None
    product: SensorFault | None = None


BELIEVED = ProbeFaults()


def stamped(run: ZoneSamples, *, newest_ms: int, every_ms: int) -> Iterator[Sampled]:
    """Give each sample of a run its civil time, oldest first. `newest_ms`: when the last one was taken."""
    first_ms = newest_ms - (len(run.product_c) - 1) * every_ms
    for index, (air_c, product_c) in enumerate(zip(run.air_c, run.product_c, strict=True)):
        yield Sampled(
            at_ms=first_ms + index * every_ms,
            air_c=air_c,
            product_c=product_c,
            cooling=index < len(run.cooling) and run.cooling[index],
            defrosting=index < len(run.defrosting) and run.defrosting[index],
        )


def fold(minute: int, samples: Sequence[Sampled], *, faults: ProbeFaults = BELIEVED, open_s: int = 0) -> ZoneMinute:
    """Fold a minute's samples. `open_s`: seconds of it a door of the zone stood open."""
    air = [] if faults.air else plausible([sample.air_c for sample in samples])
    product = [] if faults.product else plausible([sample.product_c for sample in samples])
    share = 60 / len(samples) if samples else 0.0
    return ZoneMinute(
        minute,
        max(len(air), len(product)),
        *_extent(air),
        *_extent(product),
        min(60, max(0, open_s)),
        round(share * [sample.cooling for sample in samples].count(True)),
        round(share * [sample.defrosting for sample in samples].count(True)),
        faults.air,
        faults.product,
    )


def unmeasured(minute: int) -> ZoneMinute:
    """Make the minute of which nothing is known, where a record has to say in which zone food lay meanwhile."""
    return ZoneMinute(minute, 0, None, None, None, None, None, None)


def joined(one: ZoneMinute, other: ZoneMinute) -> ZoneMinute:
    """Make one of the minutes of two zones, for food that was moved in it: the worse of both; unknown if either is."""
    lows, highs = (one.product_min, other.product_min), (one.product_max, other.product_max)
    means = (one.product_mean, other.product_mean)
    return msgspec.structs.replace(
        other,
        product_min=None if lows[0] is None or lows[1] is None else min(lows[0], lows[1]),
        product_mean=None if means[0] is None or means[1] is None else (means[0] + means[1]) // 2,
        product_max=None if highs[0] is None or highs[1] is None else max(highs[0], highs[1]),
    )


def known(minute: ZoneMinute | None) -> bool:
    """Say whether somebody believed the product probe in this minute."""
    return minute is not None and minute.product_max is not None


def fault_of_value(value_c: float | None) -> SensorFault | None:
    """Say what is wrong with one value, seen alone."""
    if value_c is None or not math.isfinite(value_c):
        return SensorFault.SILENT
    if value_c in MAGIC_C:
        return SensorFault.MAGIC
    return None if LOWEST_C <= value_c <= HIGHEST_C else SensorFault.OUT_OF_RANGE


def plausible(told: list[float | None]) -> list[float]:
    """Leave out single values that a failed chip gives, whether their probe is believed or not.

    The range leaves out the magic ones too.
    """
    return [value for value in told if value is not None and LOWEST_C <= value <= HIGHEST_C]


def _extent(values: list[float]) -> tuple[int | None, int | None, int | None]:
    if not values:
        return None, None, None
    return round(min(values) * 100), round(sum(values) * 100 / len(values)), round(max(values) * 100)
