"""In which portions a run is packed, and in which order a picker walks past the shelves.

Decides from what was ordered alone, so waves stay as they are once orders of the run have ended, whatever is packed,
goes short or is withdrawn meanwhile. Never says who packs which.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

# What one picker's cart holds, three by three.
MOST_TOTES = 9
# The aim is six seconds a line and a minute a tote for seal and label; the van is filled within the last hour.
LINE_TAKES = timedelta(seconds=6)
TOTE_TAKES = timedelta(minutes=1)
VAN_TAKES = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTote:
    """One parcel to fill, for the window its order is collected in."""

    parcel_id: str
    order_no: str
    ref: str
    opens_at: datetime
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfPlace:
    """Where a product comes in the walk."""

    product_id: str
    category_position: int
    position: int
    frozen: bool
    fragile: bool


Wave = tuple[WaitingTote, ...]


def waves(totes: Iterable[WaitingTote]) -> tuple[Wave, ...]:
    """Divide a run's totes, by window and order number; an order is split only when one cart cannot hold it."""
    ordered = sorted(totes, key=lambda tote: (tote.opens_at, tote.order_no, tote.ref))
    found: list[list[WaitingTote]] = []
    for _, group in groupby(ordered, key=lambda tote: tote.order_no):
        for part in _cartfuls(list(group)):
            if not found or len(found[-1]) + len(part) > MOST_TOTES:
                found.append([])
            found[-1] += part
    return tuple(tuple(wave) for wave in found)


def walk(places: Iterable[ShelfPlace]) -> tuple[str, ...]:
    """Product ids in the shop's order; what is easily crushed after all that is heavy, frozen goods last."""
    ordered = sorted(places, key=lambda place: (_stage(place), place.category_position, place.position))
    return tuple(dict.fromkeys(place.product_id for place in ordered))


def start_by(run: Sequence[Wave], *, load_from: datetime) -> tuple[datetime, ...]:
    """When each wave must be begun by one picker who packs them one after another, to be done before the van loads."""
    found: list[datetime] = []
    latest = load_from - VAN_TAKES
    for wave in reversed(run):
        latest -= len(wave) * TOTE_TAKES + sum(tote.lines for tote in wave) * LINE_TAKES
        found.insert(0, latest)
    return tuple(found)


def _cartfuls(totes: Sequence[WaitingTote]) -> Iterable[Sequence[WaitingTote]]:
    return (totes[start : start + MOST_TOTES] for start in range(0, len(totes), MOST_TOTES))


def _stage(place: ShelfPlace) -> int:
    return 2 if place.frozen else 1 if place.fragile else 0
