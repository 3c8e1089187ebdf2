"""Which goods go together behind one door, and how many doors an order needs.

Hard rules: goods stand in their own zone, or in one they tolerate for at least the hours from loading to the end of the
window (-1: without limit); a parcel never exceeds a door's usable volume, its longest side or what one person lifts.
Goals, in this order: fewest doors, fewest goods outside their zone, smallest doors, fewest split lines.
It never asks what is for sale and never picks a door: that is `allocation.py`. Goods that leak, smell or must be taken
out alone get a bag of their own from the picker and share the door. Live goods do not come this far (`basket.py`).

Goods are placed largest first into the fullest parcel that takes them, for every choice of zones and largest door, once
with each kind kept to its own zone where that is among them, once not; the best outcome wins. The same input always
gives the same parcels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

from app.domain.capacity import CounterKey, Counters, RunFull, demand, has_room, up_to
from app.domain.errors import DomainError
from app.domain.shelf_life import WITHOUT_LIMIT
from locker_protocol.vocabulary import SIZES, SizeClass, Zone

# What a driver lifts in one piece; ISO 11228-1's reference mass is 20 kg for adults of both sexes.
MAX_PARCEL_G = 20_000


class TooLargeForLockers(DomainError):
    """No door of this site takes even one piece. Fact: `line`, and the product where the caller knows it."""

    code = "too_large_for_lockers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """One line of a basket; measures are of one piece. `line` is whatever number the caller knows it by."""

    line: int
    quantity: int
    zone: Zone
    tolerates: Mapping[Zone, int]
    volume_ml: int
    longest_mm: int
    weight_g: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorType:
    """What every door of one zone and size class takes."""

    zone: Zone
    size: SizeClass
    volume_ml: int
    longest_mm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """So many pieces of a line."""

    line: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedParcel:
    """What goes behind one door; `size` is the smallest class of the site that takes it."""

    zone: Zone
    size: SizeClass
    portions: tuple[Portion, ...]
    volume_ml: int
    longest_mm: int
    weight_g: int


Parcels = tuple[PlannedParcel, ...]
Cost = tuple[int, ...]
# The zones in which each line may open a door, in the order in which it tries them.
Allowance = Mapping[int, tuple[Zone, ...]]


def plan_parcels(goods: Sequence[Goods], *, doors: Sequence[DoorType], left: Counters, hours: float) -> Parcels:
    """Divide goods into parcels that the run still has doors for. Raises TooLargeForLockers or RunFull."""
    site = _Site(doors, left)
    choices = {item.line: _zones_for(item, site, hours) for item in goods}
    best: Parcels | None = None
    lowest: Cost = ()
    for count, allowed in _allowances(goods, _with_doors_left(choices, site)):
        if best is not None and len(best) < count:
            break  # every further choice uses more zones, so at least as many doors
        for found in _attempts(site, goods, allowed):
            cost = _cost(found, goods, site)
            if best is None or cost < lowest:
                best, lowest = found, cost
    if best is None:
        raise _full(goods, choices, site)
    return best


def ways_to_parcel(
    goods: Sequence[Goods], *, doors: Sequence[DoorType], left: Counters, hours: float
) -> tuple[Parcels, ...]:
    """Every way of dividing goods that could serve a full run, best first; none takes all that a better one takes.

    Raises TooLargeForLockers or RunFull.
    """
    site = _Site(doors, left)
    choices = {item.line: _zones_for(item, site, hours) for item in goods}
    possible = _allowances(goods, _with_doors_left(choices, site))
    found = [way for _, allowed in possible for way in _attempts(site, goods, allowed)]
    if not found:
        raise _full(goods, choices, site)
    kept: list[tuple[Parcels, Counters]] = []
    for way in sorted(found, key=lambda way: _cost(way, goods, site)):
        takes = demand((parcel.zone, parcel.size) for parcel in way)
        if not any(has_room(takes, fewer) for _, fewer in kept):
            kept.append((way, takes))
    return tuple(way for way, _ in kept)


def may_stand_in(zone: Zone, *, own: Zone, tolerates: Mapping[Zone, int], hours: float) -> bool:
    """True when goods of zone `own` may stand in `zone` for `hours`."""
    if zone == own:
        return True
    tolerated = tolerates.get(zone, 0)
    return tolerated == WITHOUT_LIMIT or tolerated >= hours > 0


class _Site:
    """The site's door types by zone, smallest first, and the counters' state."""

    def __init__(self, doors: Sequence[DoorType], left: Counters) -> None:
        self.left = left
        self.types: dict[Zone, list[DoorType]] = {}
        for door in sorted(doors, key=lambda door: SIZES.index(door.size), reverse=True):
            larger = self.types.setdefault(door.zone, [])
            larger.insert(0, _no_more_than(door, larger[0]) if larger else door)

    def smallest_for(self, zone: Zone, *, volume_ml: int, longest_mm: int) -> DoorType | None:
        fitting = (d for d in self.types.get(zone, ()) if d.volume_ml >= volume_ml and d.longest_mm >= longest_mm)
        return next(fitting, None)


def _no_more_than(door: DoorType, larger: DoorType) -> DoorType:
    """The counters give a parcel any door of its class or larger, so its class must promise no more than those take."""
    if door.volume_ml <= larger.volume_ml and door.longest_mm <= larger.longest_mm:
        return door
    volume_ml, longest_mm = min(door.volume_ml, larger.volume_ml), min(door.longest_mm, larger.longest_mm)
    return replace(door, volume_ml=volume_ml, longest_mm=longest_mm)


def _zones_for(item: Goods, site: _Site, hours: float) -> frozenset[Zone]:
    zones = frozenset(
        zone
        for zone in site.types
        if may_stand_in(zone, own=item.zone, tolerates=item.tolerates, hours=hours)
        and site.smallest_for(zone, volume_ml=item.volume_ml, longest_mm=item.longest_mm)
    )
    if not zones or item.weight_g > MAX_PARCEL_G:
        raise TooLargeForLockers(line=item.line)
    return zones


def _with_doors_left(choices: Mapping[int, frozenset[Zone]], site: _Site) -> Mapping[int, frozenset[Zone]]:
    """The same without zones that are full: a run nearly full is planned as fast as an empty one."""
    left = frozenset(zone for zone in site.types if site.left.get((zone, SizeClass.S), 0) > 0)
    return {line: zones & left for line, zones in choices.items()}


def _zone_orders(choices: Sequence[frozenset[Zone]]) -> Iterator[tuple[Zone, ...]]:
    """Every order of zones that has one for each line, fewest zones first; new doors are opened in this order."""
    different = frozenset(choices)
    every = sorted(frozenset().union(*different))
    for count in range(1, len(every) + 1):
        for zones in permutations(every, count):
            if not any(allowed.isdisjoint(zones) for allowed in different):
                yield zones


def _allowances(goods: Sequence[Goods], choices: Mapping[int, frozenset[Zone]]) -> Iterator[tuple[int, Allowance]]:
    """How many zones are in use, and where each line may stand then: in its own only, where it is in use, or in any."""
    seen: set[tuple[tuple[Zone, ...], ...]] = set()
    for zones in _zone_orders(list(choices.values())):
        tried = {allowed: tuple(zone for zone in zones if zone in allowed) for allowed in choices.values()}
        free = {line: tried[allowed] for line, allowed in choices.items()}
        own = {item.line: (item.zone,) if item.zone in free[item.line] else free[item.line] for item in goods}
        for allowed in (own, free):
            if tuple(allowed.values()) not in seen:
                seen.add(tuple(allowed.values()))
                yield len(zones), allowed


def _attempts(site: _Site, goods: Sequence[Goods], allowed: Allowance) -> Iterator[Parcels]:
    """Pack with ever smaller doors, as long as that needs no more of them."""
    largest: SizeClass | None = SizeClass.XL
    doors = 0
    while largest is not None:
        found = _Packing(site, allowed, largest).pack(goods)
        if found is None or (doors and len(found) > doors):
            return
        yield found
        doors = len(found)
        # Doors between the largest used and the largest allowed made no difference.
        used = max(SIZES.index(parcel.size) for parcel in found)
        largest = SIZES[used - 1] if used else None


@dataclass(slots=True)
class _Bin:
    """A parcel being filled, and the door it may grow to."""

    door: DoorType
    volume_ml: int = 0
    weight_g: int = 0
    longest_mm: int = 0
    portions: dict[int, int] = field(default_factory=dict)

    def room_for(self, item: Goods) -> int:
        """How many more pieces of an item go in."""
        if item.longest_mm > self.door.longest_mm:
            return 0
        by_volume = (self.door.volume_ml - self.volume_ml) // item.volume_ml
        by_weight = (MAX_PARCEL_G - self.weight_g) // item.weight_g
        return min(by_volume, by_weight)

    def put(self, item: Goods, quantity: int) -> None:
        self.volume_ml += quantity * item.volume_ml
        self.weight_g += quantity * item.weight_g
        self.longest_mm = max(self.longest_mm, item.longest_mm)
        self.portions[item.line] = self.portions.get(item.line, 0) + quantity


class _Packing:
    """One attempt, for one allowance and one largest door."""

    def __init__(self, site: _Site, allowed: Allowance, largest: SizeClass) -> None:
        self._site = site
        self._left = dict(site.left)
        self._sizes = up_to(largest)
        self._allowed = allowed
        self._bins: list[_Bin] = []

    def pack(self, goods: Sequence[Goods]) -> Parcels | None:
        """Place all goods, or `None` when the doors left do not take them."""
        for item in sorted(goods, key=self._hardest_first):
            if not self._place(item):
                return None
        return tuple(self._finished(found) for found in self._bins)

    def _hardest_first(self, item: Goods) -> tuple[bool, int, int]:
        return len(self._allowed[item.line]) > 1, -item.volume_ml * item.quantity, item.line

    def _place(self, item: Goods) -> bool:
        quantity = item.quantity
        open_bins = [found for found in self._bins if found.door.zone in self._allowed[item.line]]
        open_bins.sort(key=lambda found: (found.door.zone != item.zone, found.door.volume_ml - found.volume_ml))
        whole = next((found for found in open_bins if found.room_for(item) >= quantity), None)
        if whole is not None:
            whole.put(item, quantity)
            return True
        if sum(found.room_for(item) for found in open_bins) >= quantity:
            for found in open_bins:
                quantity -= self._put_some(found, item, quantity)
        while quantity > 0:
            opened = self._open(item)
            if opened is None:
                return False
            quantity -= self._put_some(opened, item, quantity)
        return True

    def _put_some(self, found: _Bin, item: Goods, quantity: int) -> int:
        some = min(quantity, found.room_for(item))
        if some:
            found.put(item, some)
        return some

    def _open(self, item: Goods) -> _Bin | None:
        """Start a parcel that takes at least one piece, in the first zone that has a door left for it."""
        for zone in self._allowed[item.line]:
            door = self._largest_left(zone)
            if door is None:
                continue
            opened = _Bin(door)
            if opened.room_for(item):
                for key in _keys(door):
                    self._left[key] -= 1
                self._bins.append(opened)
                return opened
        return None

    def _largest_left(self, zone: Zone) -> DoorType | None:
        types = [door for door in self._site.types[zone] if door.size in self._sizes]
        usable = (door for door in reversed(types) if all(self._left.get(key, 0) > 0 for key in _keys(door)))
        return next(usable, None)

    def _finished(self, found: _Bin) -> PlannedParcel:
        door = self._site.smallest_for(found.door.zone, volume_ml=found.volume_ml, longest_mm=found.longest_mm)
        assert door is not None, "it fitted the door it was packed for"
        return PlannedParcel(
            zone=door.zone,
            size=door.size,
            portions=tuple(Portion(line=line, quantity=count) for line, count in sorted(found.portions.items())),
            volume_ml=found.volume_ml,
            longest_mm=found.longest_mm,
            weight_g=found.weight_g,
        )


def _keys(door: DoorType) -> list[CounterKey]:
    return [(door.zone, size) for size in up_to(door.size)]


def _cost(parcels: Sequence[PlannedParcel], goods: Sequence[Goods], site: _Site) -> Cost:
    own = {item.line: item.zone for item in goods}
    portions = [(parcel.zone, portion) for parcel in parcels for portion in parcel.portions]
    astray = sum(portion.quantity for zone, portion in portions if zone != own[portion.line])
    room = sum(_volume(site, parcel) for parcel in parcels)
    return len(parcels), astray, room, len(portions)


def _volume(site: _Site, parcel: PlannedParcel) -> int:
    return next(door.volume_ml for door in site.types[parcel.zone] if door.size == parcel.size)


def _full(goods: Sequence[Goods], choices: Mapping[int, frozenset[Zone]], site: _Site) -> RunFull:
    """Name the zone that is short: the one with the fewest doors left of those some line cannot do without."""

    def left_for(item: Goods) -> int:
        return max(site.left.get((zone, SizeClass.S), 0) for zone in choices[item.line])

    short = min(goods, key=left_for)
    return RunFull(zone=short.zone.value, left=left_for(short))
