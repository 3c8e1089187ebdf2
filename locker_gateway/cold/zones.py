"""A controller's zones now: which they are, what is waiting for its minute to end, and for how long doors stood open.

Also what came after its minute had been settled, until it is put where it belongs. It judges nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from locker_gateway.cold.memory import ZoneNow
from locker_gateway.doors import STANDS_OPEN
from locker_gateway.outputs import ReadMinutes
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.cold_chain.minutes import MINUTE_MS, Sampled, fold
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import Zone

OPEN_KEPT_MIN = 240

Extent = tuple[int | None, int | None, int | None]
NOTHING: Extent = (None, None, None)


def of_controller(site: Site, controller: str) -> frozenset[Zone]:
    """The zones of a controller's doors, as the service told them."""
    return frozenset(spec.zone for spec in site.doors.rows.values() if spec.controller == controller)


def now(site: Site, controller: str, zone: Zone) -> ZoneNow:
    """What is known of a zone in this process."""
    return site.cold.zones[controller, zone]


def of_door(site: Site, door: int) -> tuple[str, Zone] | None:
    """Which controller's zone a door belongs to."""
    spec = site.doors.rows.get(str(door))
    return (spec.controller, spec.zone) if spec else None


def note_open_doors(turn: Turn) -> None:
    """On each tick: count for how long doors stand open, minute by minute of civil time."""
    memory = turn.site.cold
    since, memory.doors_seen_at = memory.doors_seen_at, turn.civil_ms
    if since is None:
        return
    keys = {
        key
        for door, known in turn.site.door_now.items()
        if known.state in STANDS_OPEN and (key := of_door(turn.site, door)) is not None
    }
    first, last = since // MINUTE_MS, turn.civil_ms // MINUTE_MS
    for key in keys:
        counted = memory.zones[key].open_ms
        for minute in range(max(first, last - OPEN_KEPT_MIN), last + 1):
            begin, end = max(since, minute * MINUTE_MS), min(turn.civil_ms, (minute + 1) * MINUTE_MS)
            counted[minute] += max(0, end - begin)


def open_s(zone: ZoneNow, minute: int) -> int:
    """For how many seconds of a minute a door of the zone stood open; forgets what is older."""
    for old in [each for each in zone.open_ms if each < minute]:
        del zone.open_ms[old]
    return min(60, round(zone.open_ms.get(minute, 0) / 1000))


def mend_later(turn: Turn, controller: str, zone: Zone, samples: Sequence[Sampled]) -> None:
    """Samples of settled minutes: read those minutes, and put these in."""
    if not samples:
        return
    late = turn.site.cold.late[controller]
    for minute, some in by_minute(samples).items():
        folded = fold(minute, some)
        before = late.get((zone, minute))
        late[zone, minute] = joined(before, folded) if before else folded
    read_to_mend(turn, controller, min(minute for _, minute in late))


def read_to_mend(turn: Turn, controller: str, first: int) -> None:
    """Ask for the minutes that are to change."""
    sampling = turn.site.samplings.rows.get(controller)
    if sampling is not None:
        turn.outputs.append(ReadMinutes(controller, first, sampling.settled, "mend"))


def by_minute(samples: Iterable[Sampled]) -> dict[int, list[Sampled]]:
    """Samples by their civil minute, oldest first."""
    minutes = defaultdict[int, list[Sampled]](list)
    for sample in sorted(samples, key=lambda each: each.at_ms):
        minutes[sample.at_ms // MINUTE_MS].append(sample)
    return minutes


def joined(one: ZoneMinute, other: ZoneMinute) -> ZoneMinute:
    """The same minute, told in two parts: the extremes of both; means weighed by their samples.

    A probe that was not believed in one part is not believed in the other.
    """
    air_fault, product_fault = one.air_fault or other.air_fault, one.product_fault or other.product_fault
    air = _extent(one, other, "air") if air_fault is None else NOTHING
    product = _extent(one, other, "product") if product_fault is None else NOTHING
    return ZoneMinute(
        one.minute,
        one.samples + other.samples,
        *air,
        *product,
        max(one.open_s, other.open_s),
        max(one.cooling_s, other.cooling_s),
        max(one.defrost_s, other.defrost_s),
        air_fault,
        product_fault,
    )


def _extent(one: ZoneMinute, other: ZoneMinute, probe: str) -> Extent:
    values = [(each, getattr(each, f"{probe}_mean")) for each in (one, other)]
    told = [(each, mean) for each, mean in values if mean is not None]
    if not told:
        return NOTHING
    weight = sum(each.samples for each, _ in told)
    mean = round(sum(mean * each.samples for each, mean in told) / max(1, weight))
    lowest = min(getattr(each, f"{probe}_min") for each, _ in told)
    return lowest, mean, max(getattr(each, f"{probe}_max") for each, _ in told)
