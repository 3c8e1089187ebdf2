"""Which door each parcel of an order is meant for: the plan, then up to three alternatives.

Hard rules: the parcel's zone, a door's volume and longest side, one parcel a door, and no door but those given, which
work and are free at the order's run. (What may stand in which zone for how long, what is too heavy to lift, and what
leaks, smells or lives was decided with the parcels: `parcelling.py`, `basket.py`.)

Goals, each before all that follow: every parcel a door; a low door for those who asked; a door without trouble; the
smallest that fits; one locker for the whole order, so that neither driver nor resident walks; a door that no other run
counts on; doors near each other; a column where few others of the same window stand; a high door for those who need no
low one; the door that was opened least.

Every parcel that `capacity.py`'s counters let in finds a door. What was planned before may stand in its way, because a
wish for a low door took a larger one, or because an order between was given up. Then parcels that lie nowhere yet get
another door, as few of them as can be; wishes yield only where somebody would go without. It never moves what lies
behind a door: where a parcel really lies is decided at the site when it is loaded.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from locker_protocol.vocabulary import SIZES, SizeClass, Zone

ALTERNATIVES = 3
# From a wheelchair one reaches sideways up to about 1,200 mm (ISO 21542: controls at 800 to 1,100, at most 1,200).
REACHABLE_SILL_MM = 1_200

Cost = tuple[int, ...]
Doors = Mapping[str, tuple[int, ...]]


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

    `other_runs`: parcels of overlapping runs planned for it; `neighbours`: orders of its window planned in its column;
    `in_trouble`: it works, but not always; `openings`: how often it was opened in its life.
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
    in_trouble: bool = False
    openings: int = 0

    @property
    def is_low(self) -> bool:
        """True when one reaches it sitting."""
        return self.sill_mm <= REACHABLE_SILL_MM


@dataclass(frozen=True, slots=True)
class Planned:
    """A parcel of the same run that lies nowhere yet, and the door it is meant for; `low_door`: its owner asked."""

    need: Need
    door: FreeDoor
    low_door: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Plan and alternatives by parcel; of the order, empty where no door fits; and of others that had to move."""

    doors: Doors
    moved: Doors


def choose_doors(
    needs: Sequence[Need], free: Sequence[FreeDoor], *, low_door: bool, planned: Sequence[Planned] = ()
) -> Choice:
    """Give each parcel of an order its planned door and alternatives; `planned` are those that may get another."""
    lockers = sorted({door.locker_id for door in free}) or [""]
    fitting = [(need, [door for door in free if fits(need, door)]) for need in _largest_first(needs)]
    attempts = [_attempt(fitting, home=locker, low_door=low_door) for locker in lockers]
    chosen, _ = min(attempts, key=lambda attempt: attempt[1])
    wall = _Wall(free, planned)
    for need in needs:
        if need.parcel_id in chosen:
            wall.standing[chosen[need.parcel_id].door] = _Standing(need, low_door)
    for need in _largest_first(needs):
        own = chosen.get(need.parcel_id)
        if own is None or (low_door and not own.is_low):
            wall.make_room(need, own, low_door=low_door)
    before = {each.need.parcel_id: each.door.door for each in planned}
    doors = {need.parcel_id: wall.plan_of(need, low_door=low_door) for need in needs}
    moved = {
        each.need.parcel_id: wall.plan_of(each.need, low_door=each.low_door)
        for door, each in wall.standing.items()
        if before.get(each.need.parcel_id, door) != door
    }
    return Choice(doors, moved)


def is_content(choice: Choice, free: Sequence[FreeDoor], *, low_door: bool) -> bool:
    """True when every parcel has a door, and a low one where that was asked: nobody need move for this order."""
    low = {door.door for door in free if door.is_low}
    return all(doors and (not low_door or doors[0] in low) for doors in choice.doors.values())


def fits(need: Need, door: FreeDoor) -> bool:
    """True when the parcel may and can stand behind the door."""
    return need.zone == door.zone and need.volume_ml <= door.volume_ml and need.longest_mm <= door.longest_mm


def _attempt(
    needs: Sequence[tuple[Need, Sequence[FreeDoor]]], *, home: str, low_door: bool
) -> tuple[dict[str, FreeDoor], Cost]:
    """Place the parcels one by one around one locker, each behind one of the doors it fits."""
    chosen: dict[str, FreeDoor] = {}
    total: Cost = ()
    for need, fitting in needs:
        near = list(chosen.values())
        used = {door.door for door in near}
        left = [door for door in fitting if door.door not in used]
        if left:
            best = _cheapest(left, 1, home=home, near=near, low_door=low_door)[0]
            chosen[need.parcel_id] = best
            total = _add(total, _cost(best, home=home, near=near, low_door=low_door))
    return chosen, (len(needs) - len(chosen), *total)


def _largest_first(needs: Sequence[Need]) -> list[Need]:
    return sorted(needs, key=lambda need: (-need.volume_ml, need.parcel_id))


@dataclass(frozen=True, slots=True)
class _Standing:
    """Who is meant for a door."""

    need: Need
    low_door: bool


class _Wall:
    """The run's doors, and which parcel is meant for each."""

    def __init__(self, free: Sequence[FreeDoor], planned: Sequence[Planned]) -> None:
        self.doors = {door.door: door for door in [*free, *(each.door for each in planned)]}
        self.standing = {each.door.door: _Standing(each.need, each.low_door) for each in planned}

    def make_room(self, need: Need, own: FreeDoor | None, *, low_door: bool) -> None:
        """Find a door for a parcel that has none, or a low one for a parcel whose owner asked, by moving others."""
        if own is not None:
            del self.standing[own.door]
        # A wish of one's own yields before another's, and both only where the parcel would have no door at all.
        tries = ((low_door, True),) if own is not None else ((low_door, True), (False, True), (False, False))
        for wish, others_keep_theirs in tries:
            if path := self._path(_Standing(need, wish), others_keep_theirs=others_keep_theirs):
                self._shift(_Standing(need, low_door), path)
                return
        if own is not None:
            self.standing[own.door] = _Standing(need, low_door)

    def plan_of(self, need: Need, *, low_door: bool) -> tuple[int, ...]:
        """The door where a parcel stands, then the best of those where nobody does."""
        plan = next(
            (self.doors[door] for door, each in self.standing.items() if each.need.parcel_id == need.parcel_id), None
        )
        if plan is None:
            return ()
        others = [door for door in self.doors.values() if door.door not in self.standing and fits(need, door)]
        best = _cheapest(others, ALTERNATIVES, home=plan.locker_id, near=[plan], low_door=low_door)
        return (plan.door, *(door.door for door in best))

    def _path(self, first: _Standing, *, others_keep_theirs: bool) -> list[int]:
        """The shortest way to a door where nobody stands: each parcel on it takes the next one's. Breadth first."""
        came_from: dict[int, int] = {}
        waiting = deque([(0, first)])
        while waiting:
            at, parcel = waiting.popleft()
            keeps_low = parcel.low_door and (at == 0 or (others_keep_theirs and self.doors[at].is_low))
            for door in self._fitting(parcel.need, only_low=keeps_low):
                if door.door in came_from:
                    continue
                came_from[door.door] = at
                if door.door not in self.standing:
                    return list(_back(came_from, door.door))
                waiting.append((door.door, self.standing[door.door]))
        return []

    def _fitting(self, need: Need, *, only_low: bool) -> list[FreeDoor]:
        found = [door for door in self.doors.values() if fits(need, door) and (door.is_low or not only_low)]
        return sorted(found, key=lambda door: (door.in_trouble, SIZES.index(door.size), door.door))

    def _shift(self, first: _Standing, path: Sequence[int]) -> None:
        parcel: _Standing | None = first
        for door in path:
            assert parcel is not None, "only the last door of a path is free"
            following = self.standing.get(door)
            self.standing[door] = parcel
            parcel = following


def _back(came_from: Mapping[int, int], last: int) -> Iterator[int]:
    """The doors of a path, the first one first."""
    if came_from[last]:
        yield from _back(came_from, came_from[last])
    yield last


def _cheapest(
    doors: Sequence[FreeDoor], count: int, *, home: str, near: Sequence[FreeDoor], low_door: bool
) -> list[FreeDoor]:
    """So many doors, the cheapest first. Most differ in the first goals already, so few are counted out in full."""
    groups: dict[int, list[FreeDoor]] = {}
    for door in doors:
        first = 2 * (low_door and not door.is_low) + door.in_trouble
        groups.setdefault(len(SIZES) * first + SIZES.index(door.size), []).append(door)
    found: list[FreeDoor] = []
    for group in sorted(groups):
        found += sorted(groups[group], key=lambda door: _cost(door, home=home, near=near, low_door=low_door))
        if len(found) >= count:
            break
    return found[:count]


def _cost(door: FreeDoor, *, home: str, near: Sequence[FreeDoor], low_door: bool) -> Cost:
    return (
        int(low_door and not door.is_low),
        int(door.in_trouble),
        SIZES.index(door.size),
        int(door.locker_id != home),
        door.other_runs,
        min((_apart_mm(door, other) for other in near), default=0),
        door.neighbours,
        int(door.is_low and not low_door),
        door.openings,
        door.door,
    )


def _apart_mm(one: FreeDoor, other: FreeDoor) -> int:
    if one.locker_id != other.locker_id:
        return 10_000
    return abs(one.x_mm - other.x_mm) + abs(one.sill_mm - other.sill_mm)


def _add(one: Cost, other: Cost) -> Cost:
    return tuple(a + b for a, b in zip(one, other, strict=True)) if one else other
