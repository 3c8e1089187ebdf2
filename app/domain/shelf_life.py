"""How long a parcel may lie before it must not be handed over any more.

Decides a parcel's last moment: when the van takes leftovers away, and never beyond what the most delicate of its goods
stands. Life counts from the earliest loading (packing is no earlier), or from the packing of a bag that was meant for
an earlier van. Goods in a zone warmer than their own end with
the hours they tolerate there; in a colder one only their quality suffers, which the window's end already limited.
Measured temperatures shorten it further; that judgement belongs to the cold chain, not here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import DomainError
from locker_protocol.vocabulary import Zone

# The van is packed and driven in this time; the gateway takes parcels from then on.
LOADABLE_BEFORE = timedelta(hours=2)
WITHOUT_LIMIT = -1
WARMTH = (Zone.FROZEN, Zone.CHILLED, Zone.COOL, Zone.AMBIENT)


class KeepsTooShort(DomainError):
    """This would be spoiled before the window closes. Facts: the product."""

    code = "keeps_too_short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Perishable:
    """What one kind of goods in a parcel stands."""

    zone: Zone
    tolerates: Mapping[Zone, int]
    life_h: int


def loadable_from(load_from: datetime) -> datetime:
    """From when on the site takes parcels of a run."""
    return load_from - LOADABLE_BEFORE


def good_until(
    item: Perishable, *, stands_in: Zone, load_from: datetime, packed_at: datetime | None = None
) -> datetime:
    """When these goods must not be handed over any more."""
    begins = min(loadable_from(load_from), packed_at or loadable_from(load_from))
    until = begins + timedelta(hours=item.life_h)
    tolerated = item.tolerates.get(stands_in, WITHOUT_LIMIT)
    if WARMTH.index(stands_in) > WARMTH.index(item.zone) and tolerated != WITHOUT_LIMIT:
        until = min(until, load_from + timedelta(hours=tolerated))
    return until


def collect_until(
    goods: Iterable[Perishable], *, stands_in: Zone, load_from: datetime, removal_from: datetime
) -> datetime:
    """When a parcel's door opens for its owner no more."""
    return min([removal_from, *(good_until(item, stands_in=stands_in, load_from=load_from) for item in goods)])
