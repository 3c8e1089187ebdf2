"""What a load run can carry: nested counters per zone, "this size class or larger".

Decides how many of each counter a set of parcels takes. It never picks a door; it only promises that one is left:
a parcel that needs an M takes one of "S or larger" and one of "M or larger", and as long as no counter is overdrawn,
Hall's condition for nested sets leaves every parcel a door it fits.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from app.domain.errors import DomainError
from locker_protocol.vocabulary import SIZES, SizeClass, Zone

CounterKey = tuple[Zone, SizeClass]
Counters = Mapping[CounterKey, int]


class RunFull(DomainError):
    """The run has no doors left for this. Facts: `zone`, and `left`, its doors that remain."""

    code = "run_full"


def totals(doors: Iterable[CounterKey]) -> dict[CounterKey, int]:
    """Count doors by zone and "size or larger"; a zone that has any door has all four counters."""
    found = Counter(doors)
    zones = {zone for zone, _ in found}
    return {
        (zone, size): sum(found[zone, larger] for larger in SIZES[rank:])
        for zone in sorted(zones)
        for rank, size in enumerate(SIZES)
    }


def demand(parcels: Iterable[CounterKey]) -> dict[CounterKey, int]:
    """Count what parcels of these zones and sizes take of each counter."""
    taken: dict[CounterKey, int] = {}
    for zone, size in parcels:
        for smaller in up_to(size):
            taken[zone, smaller] = taken.get((zone, smaller), 0) + 1
    return taken


def has_room(left: Counters, wanted: Counters) -> bool:
    """True when no counter would be overdrawn."""
    return all(left.get(key, 0) >= count for key, count in wanted.items())


def up_to(size: SizeClass) -> tuple[SizeClass, ...]:
    """The size classes whose "or larger" counters a parcel of `size` takes from."""
    return SIZES[: SIZES.index(size) + 1]
