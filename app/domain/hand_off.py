"""At which hand-off something went wrong: from grower to packer, packer to van, van to locker, locker to household.

Decides from facts, with a default for each kind of claim (K: trade knowledge); an operator may correct it. What the
temperatures say is judged here too: over the limit is proof, a few readings within it are none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.claims import ClaimKind
from app.domain.visit import PRODUCT_C
from locker_protocol.vocabulary import Zone


class HandOff(StrEnum):
    """Who had it when it went wrong, and so who bears the cost."""

    SUPPLIER = "supplier"
    PACKING = "packing"
    TRANSPORT = "transport"
    LOCKER = "locker"
    COLLECTION = "collection"
    UNKNOWN = "unknown"


class ColdRecord(StrEnum):
    """What is known of the temperatures behind a door while a parcel lay there."""

    OVER = "over"
    NOTHING_OVER = "nothing_over"  # what was read was within; between the readings nobody knows
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ZoneReading:
    """One temperature of a zone, °C, the food's where it was measured."""

    at: datetime
    product_c: float | None
    air_c: float | None = None

    @property
    def degrees(self) -> float | None:
        """What counts: the food's own temperature; the air above it swings with each door."""
        return self.product_c if self.product_c is not None else self.air_c


@dataclass(frozen=True, slots=True)
class HandOffFacts:
    """What is known about a claimed line and its parcel."""

    kind: ClaimKind
    made_at: datetime
    cold: ColdRecord = ColdRecord.UNKNOWN
    good_until: datetime | None = None  # packed, and so many hours of life after it
    rescued: bool = False  # a keeper had to take it out of its door
    door_forced: bool = False  # its door was opened without a code while it lay there


DEFAULTS = {
    ClaimKind.SPOILED: HandOff.SUPPLIER,
    ClaimKind.MISSING: HandOff.PACKING,
    ClaimKind.WRONG_ITEM: HandOff.PACKING,
    ClaimKind.DAMAGED: HandOff.TRANSPORT,
    ClaimKind.SHORT_WEIGHT: HandOff.PACKING,
    ClaimKind.WARM: HandOff.UNKNOWN,
}
SPOILS_BY_WARMTH = frozenset({ClaimKind.SPOILED, ClaimKind.WARM})


def blamed(facts: HandOffFacts) -> HandOff:
    """The hand-off that caused it, as far as facts say."""
    if facts.kind in SPOILS_BY_WARMTH and facts.cold is ColdRecord.OVER:
        return HandOff.LOCKER
    if facts.kind is ClaimKind.MISSING and facts.door_forced:
        return HandOff.LOCKER
    if facts.kind is ClaimKind.WARM and facts.rescued:
        return HandOff.LOCKER
    if facts.kind is ClaimKind.SPOILED and facts.good_until is not None and facts.made_at > facts.good_until:
        return HandOff.COLLECTION  # fresh as long as was promised, and kept longer
    return DEFAULTS[facts.kind]


def judge_cold(readings: Sequence[ZoneReading], *, zone: Zone, since: datetime, until: datetime) -> ColdRecord:
    """What readings between two moments say of a zone."""
    known = [each.degrees for each in readings if since <= each.at <= until and each.degrees is not None]
    if not known:
        return ColdRecord.UNKNOWN
    least, most = PRODUCT_C[zone]
    return ColdRecord.NOTHING_OVER if all(least <= one <= most for one in known) else ColdRecord.OVER
