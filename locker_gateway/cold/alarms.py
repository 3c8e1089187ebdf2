"""Tells of zones that want a person: too warm, too cold, not measured, a probe not believed, too much ice melted.

Each is told once when it is found and once when it is over, by `locker_protocol.cold_chain.alarms`. It shuts no door.
"""

import msgspec

from locker_gateway.cold import zones
from locker_gateway.cold.memory import ZoneKey
from locker_gateway.cold.records import Watched
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.cold_chain.alarms import AlarmMove, ZoneWatch, watch_zone
from locker_protocol.cold_chain.bounds import bounds_of
from locker_protocol.cold_messages import ZoneAlarmEnded, ZoneAlarmFound
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import Right, Zone

# Minutes not measured beyond this say no more: they are skipped.
LOOKS_BACK_MIN = 30
WORKS_THERE = frozenset({Right.LOAD, Right.CHECK, Right.REMOVE, Right.RESCUE, Right.STAFF})


def go_on(turn: Turn, controller: str, minutes: dict[int, dict[Zone, ZoneMinute]], *, through: int) -> None:
    """Take a controller's minutes in, through this one; those that are not there were not measured."""
    site = turn.site
    before = site.watched.rows.get(controller) or Watched({}, {})
    names = zones.of_controller(site, controller) | {zone for some in minutes.values() for zone in some}
    first = before.through + 1 if before.through else min(minutes, default=through)
    numbers = {each for each in minutes if each >= first} | set(
        range(max(first, through - LOOKS_BACK_MIN), through + 1)
    )
    for number in sorted(numbers):
        for zone in sorted(names):
            _take(turn, (controller, zone), before.zones, number, minutes.get(number, {}).get(zone))
    turn.put(site.watched, controller, msgspec.structs.replace(before, through=max(through, before.through)))


def _take(turn: Turn, key: ZoneKey, watches: dict[Zone, ZoneWatch], number: int, minute: ZoneMinute | None) -> None:
    site, (controller, zone) = turn.site, key
    moves = watch_zone(
        watches.setdefault(zone, ZoneWatch()),
        number,
        minute,
        bounds=bounds_of(site.cold_policy, zone, classes_in(site, key)),
        policy=site.cold_policy,
        loaded=_staff_work_there(site, key),
    )
    for move in moves:
        _tell(turn, controller, zone, move)


def classes_in(site: Site, key: ZoneKey) -> list[str]:
    """Under which rules goods in a zone are judged."""
    return [
        each.now.food_class
        for exposed in site.exposed.rows.values()
        if exposed.door is not None and zones.of_door(site, exposed.door) == key
        for each in exposed.classes
    ]


def _staff_work_there(site: Site, key: ZoneKey) -> bool:
    return any(
        grant.right in WORKS_THERE and door.phase == "opened" and zones.of_door(site, door.door) == key
        for grant in site.grants.rows.values()
        for door in grant.doors
    )


def _tell(turn: Turn, controller: str, zone: Zone, move: AlarmMove) -> None:
    if move.found:
        turn.event(ZoneAlarmFound(controller, zone, move.alarm, move.probe, move.fault, move.value_c))
    else:
        turn.event(ZoneAlarmEnded(controller, zone, move.alarm))
    said = "zone_alarm" if move.found else "zone_alarm_ended"
    turn.say(said, level="warning", controller=controller, zone=zone, alarm=move.alarm, fault=move.fault)
