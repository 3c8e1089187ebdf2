"""What is wrong at one site, as a neighbour who looks after it needs to know it: worst first.

Decides from what the site told last. It names doors, lockers and zones; never a person, an
order or the time of an opening, which would show who comes home when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from locker_protocol.vocabulary import DoorTrouble, Zone

LEFT_OPEN_AFTER = timedelta(seconds=60)
# Goods have no allowance; air alone is warm for a while after a door was open, so it counts later (reliability §6.2).
GOODS_AT_MOST_C = {Zone.FROZEN: -15.0, Zone.CHILLED: 5.0, Zone.COOL: 18.0, Zone.AMBIENT: 35.0}
AIR_AT_MOST_C = {Zone.FROZEN: -12.0, Zone.CHILLED: 8.0, Zone.COOL: 20.0, Zone.AMBIENT: 35.0}


class TroubleKind(StrEnum):
    """Worst first."""

    SITE_SILENT = "site_silent"
    MISWIRED = "miswired"
    JAMMED = "jammed"
    READS_OPEN = "reads_open"
    LEFT_OPEN = "left_open"
    FORCED = "forced"
    LOCKER_SILENT = "locker_silent"
    WARM = "warm"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, and where."""

    kind: TroubleKind
    locker_id: str | None = None
    door: int | None = None
    zone: Zone | None = None
    other_door: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSeen:
    """A door as its site last told it."""

    door: int
    locker_id: str
    open_since: datetime | None
    trouble: DoorTrouble | None = None
    trouble_door: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSeen:
    """A zone's latest reading, °C; `None` where nothing is known."""

    locker_id: str
    zone: Zone
    air_c: float | None
    goods_c: float | None


def too_warm(zone: ZoneSeen) -> bool:
    """Whether the food there is getting warm; what is unknown is not called warm."""
    if zone.goods_c is not None:
        return zone.goods_c > GOODS_AT_MOST_C[zone.zone]
    return zone.air_c is not None and zone.air_c > AIR_AT_MOST_C[zone.zone]


def worst_first(
    *,
    doors: Sequence[DoorSeen],
    silent_lockers: Sequence[str],
    zones: Sequence[ZoneSeen],
    now: datetime,
    rate: float = 1,
) -> list[Trouble]:
    """Everything that is wrong at a site that speaks. Of a silent locker nothing else is known.

    `rate` is how fast civil time runs: a door is left open after sixty real seconds.
    """
    speaking = [door for door in doors if door.locker_id not in silent_lockers]
    found = [
        Trouble(TroubleKind(each.trouble.value), each.locker_id, each.door, other_door=each.trouble_door)
        for each in speaking
        if each.trouble is not None
    ]
    found += [
        Trouble(TroubleKind.LEFT_OPEN, each.locker_id, each.door)
        for each in speaking
        if each.trouble is not DoorTrouble.READS_OPEN
        and each.open_since is not None
        and now - each.open_since >= LEFT_OPEN_AFTER * rate
    ]
    found += [Trouble(TroubleKind.LOCKER_SILENT, locker) for locker in silent_lockers]
    found += [
        Trouble(TroubleKind.WARM, each.locker_id, zone=each.zone)
        for each in zones
        if each.locker_id not in silent_lockers and too_warm(each)
    ]
    order = list(TroubleKind)
    return sorted(found, key=lambda one: (order.index(one.kind), one.door or 0))
