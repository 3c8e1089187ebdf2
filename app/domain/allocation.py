"""Which door each parcel of an order is meant for: the plan, then up to three alternatives.

Decides among doors that are free at the order's run. Goals, in this order: a low door for those who asked, the smallest
door that fits (with `capacity.py`'s counters that leaves a door for everybody), one locker for the whole order, doors
that no other run still counts on, doors near each other, columns where few others of the same window stand, and high
doors for those who need no low one. Where a parcel really lies is decided at the site when it is loaded. It never moves
a plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locker_protocol.vocabulary import SIZES, SizeClass, Zone

ALTERNATIVES = 3
# From a wheelchair one reaches sideways up to about 1,200 mm (ISO 21542: controls at 800 to 1,100, at most 1,200).
REACHABLE_SILL_MM = 1_200

Cost = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A parcel that wants a door."""

    parcel_id: str
    zone: Zone
    volume_ml: int
    longest_mm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeDoor:
    """A door nobody is planned for at this run.

    `other_runs`: parcels of overlapping runs planned for it; `neighbours`: orders of its window planned in its column.
    """

    door: int
    locker_id: str
    zone: Zone
    size: SizeClass
    volume_ml: int
    longest_mm: int
    x_mm: int
    sill_mm: int
    other_runs: int = 0
    neighbours: int = 0


def choose_doors(needs: Sequence[Need], free: Sequence[FreeDoor], *, low_door: bool) -> Mapping[str, tuple[int, ...]]:
    """Give each parcel its planned door and alternatives; an empty tuple where no free door fits."""
    lockers = sorted({door.locker_id for door in free}) or [""]
    attempts = [_attempt(needs, free, home=locker, low_door=low_door) for locker in lockers]
    chosen, _ = min(attempts, key=lambda attempt: attempt[1])
    used = {door.door for door in chosen.values()}
    return {need.parcel_id: _with_alternatives(need, chosen, free, used, low_door=low_door) for need in needs}


def fits(need: Need, door: FreeDoor) -> bool:
    """True when the parcel may and can stand behind the door."""
    return need.zone == door.zone and need.volume_ml <= door.volume_ml and need.longest_mm <= door.longest_mm


def _attempt(
    needs: Sequence[Need], free: Sequence[FreeDoor], *, home: str, low_door: bool
) -> tuple[dict[str, FreeDoor], Cost]:
    """Place the parcels one by one around one locker, the largest first."""
    chosen: dict[str, FreeDoor] = {}
    total: Cost = ()
    for need in sorted(needs, key=lambda need: (-need.volume_ml, need.parcel_id)):
        near = list(chosen.values())
        used = {door.door for door in near}
        fitting = [door for door in free if door.door not in used and fits(need, door)]
        if fitting:
            best = min(fitting, key=lambda door: _cost(door, home=home, near=near, low_door=low_door))
            chosen[need.parcel_id] = best
            total = _add(total, _cost(best, home=home, near=near, low_door=low_door))
    return chosen, (len(needs) - len(chosen), *total)


def _with_alternatives(
    need: Need, chosen: Mapping[str, FreeDoor], free: Sequence[FreeDoor], used: set[int], *, low_door: bool
) -> tuple[int, ...]:
    plan = chosen.get(need.parcel_id)
    if plan is None:
        return ()
    others = [door for door in free if door.door not in used and fits(need, door)]
    others.sort(key=lambda door: _cost(door, home=plan.locker_id, near=[plan], low_door=low_door))
    return (plan.door, *(door.door for door in others[:ALTERNATIVES]))


def _cost(door: FreeDoor, *, home: str, near: Sequence[FreeDoor], low_door: bool) -> Cost:
    reachable = door.sill_mm <= REACHABLE_SILL_MM
    return (
        int(low_door and not reachable),
        SIZES.index(door.size),
        int(door.locker_id != home),
        door.other_runs,
        min((_apart_mm(door, other) for other in near), default=0),
        door.neighbours,
        int(reachable and not low_door),
        door.door,
    )


def _apart_mm(one: FreeDoor, other: FreeDoor) -> int:
    if one.locker_id != other.locker_id:
        return 10_000
    return abs(one.x_mm - other.x_mm) + abs(one.sill_mm - other.sill_mm)


def _add(one: Cost, other: Cost) -> Cost:
    return tuple(a + b for a, b in zip(one, other, strict=True)) if one else other
