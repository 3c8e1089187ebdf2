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
    air = [] if faults.air else _plausible([sample.air_c for sample in samples])
    product = [] if faults.product else _plausible([sample.product_c for sample in samples])
    share = 60 / len(samples) if samples else 0.0
    return ZoneMinute(
        minute,
        max(len(air), len(product)),
        *_extent(air),
        *_extent(product),
        min(60, max(0, open_s)),
        min(60, round(share * sum(sample.cooling for sample in samples))),
        min(60, round(share * sum(sample.defrosting for sample in samples))),
        faults.air,
        faults.product,
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


def _plausible(values: list[float | None]) -> list[int]:
    """No single value of a kind that a failed chip gives ever counts, whether its probe is believed or not."""
    return [
        round(value * 100)
        for value in values
        if value is not None and LOWEST_C <= value <= HIGHEST_C and value not in MAGIC_C
    ]


def _extent(values: list[int]) -> tuple[int | None, int | None, int | None]:
    if not values:
        return None, None, None
    return min(values), round(sum(values) / len(values)), max(values)
