"""What follows when a door opens, shuts, or stands open: by events in order, and by readings where events were lost."""

from collections.abc import Sequence

from locker_gateway import collecting, doubts, grants, loading, staff_doors
from locker_gateway.controllers import caught_up
from locker_gateway.doors import STANDS_OPEN, DoorState, Happening
from locker_gateway.records import Grant, GrantDoor
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import DoorReading
from locker_protocol.uplink_messages import DoorLeftOpen, DoorWasOpened, DoorWasShut
from locker_protocol.vocabulary import Right

LEFT_OPEN_S = (30, 60, 120)


def door_opened(turn: Turn, controller: str, door: int, command_id: str | None, *, boot_id: str | None) -> None:
    """A door's sensor went open: by the grant it followed, or by force. `boot_id`: in which boot, if that is known."""
    if not _is_its_own(turn, controller, door):
        return
    if boot_id is not None:
        turn.site.seen[controller].open_in_boot[door] = boot_id
    turn.site.seen[controller].doors[door] = "open"
    found = grants.opened(turn, door, command_id)
    if found is None:
        turn.move(door, Happening.OPENED_ALONE)
        turn.event(DoorWasOpened(controller, door))
        turn.say("door_forced", level="warning", controller=controller, door=door)
        return
    grant, grant_door = found
    turn.move(door, Happening.OPENED)
    collecting.parcel_opened(turn, grant, grant_door)
    turn.event(DoorWasOpened(controller, door, grant.grant_id, grant.order_id))
    turn.say("door_opened", order_id=grant.order_id, controller=controller, door=door)


def door_shut(turn: Turn, controller: str, door: int, *, boot_id: str | None) -> None:
    """A door's sensor went shut: what it was opened for is done.

    `boot_id`: the boot in which the controller saw it happen; `None`: it is found shut, or which boot is not known.
    """
    if not _is_its_own(turn, controller, door):
        return
    turn.site.seen[controller].doors[door] = "shut"
    turn.move(door, Happening.CLOSED)
    ended = grants.shut(turn, door)
    order_id = next((grant.order_id for grant, _ in ended if grant.order_id), None)
    turn.event(DoorWasShut(controller, door, order_id))
    turn.say("door_shut", order_id=order_id, controller=controller, door=door)
    for grant, grant_door in ended:
        staff_doors.taken_out(turn, grant, grant_door)
    collecting.door_shut(turn, door, ended)
    for grant, grant_door in ended:
        _end(turn, grant, grant_door, boot_id=boot_id)


def _end(turn: Turn, grant: Grant, door: GrantDoor, *, boot_id: str | None) -> None:
    seen = _seen_to_shut(turn.site, door, boot_id)
    match grant.right:
        case Right.LOAD if seen:
            loading.door_shut(turn, grant, door)
        case Right.LOAD:
            doubts.remember(turn, grant, door)
        case Right.CHECK if seen:
            staff_doors.checked(turn, grant, door)
        case Right.COLLECT | Right.REOPEN | Right.HAND_OVER | Right.STAFF:
            collecting.show_end(turn, turn.site.grants.rows[grant.grant_id])
        case _:
            pass  # what was taken out is recorded; a check nobody saw the end of is made again


def _seen_to_shut(site: Site, door: GrantDoor, boot_id: str | None) -> bool:
    """True when the controller watched the door from its opening to its shutting.

    One that boots tells at once of doors that moved while it had no power: that shutting nobody saw. If it is found
    open after the boot, what follows is seen again.
    """
    if boot_id is None:
        return False
    return boot_id in {door.boot_id, site.sight_of(door.controller).open_in_boot.get(door.door)}


def see_doors(turn: Turn, controller: str, readings: Sequence[DoorReading]) -> None:
    """Take a report's whole state: what was unknown is known again, and what contradicts our record is put right."""
    seen = turn.site.seen[controller]
    current = caught_up(turn.site, controller, now_ms=turn.ms)
    for reading in readings:
        if not _is_its_own(turn, controller, reading.door):
            continue
        if seen.doors.get(reading.door) != reading.state:
            seen.doors[reading.door] = reading.state
            turn.site.status_wanted = True
        if reading.state == "open":
            seen.open_in_boot[reading.door] = seen.boot_id
        if turn.site.door_state(reading.door) is DoorState.UNKNOWN:
            _know_again(turn, reading)
        if current:
            _put_right(turn, controller, reading)


def watch_open_doors(turn: Turn) -> None:
    """Tell of doors that stand open, at 30, 60 and 120 s of real time."""
    for door, known in turn.site.door_now.items():
        if known.state not in STANDS_OPEN:
            continue
        open_s = (turn.ms - known.since_ms) // 1000
        due = max((limit for limit in LEFT_OPEN_S if limit <= open_s), default=0)
        if due > known.told_s:
            known.told_s = due
            _tell_left_open(turn, door, due)


def _tell_left_open(turn: Turn, door: int, open_s: int) -> None:
    turn.move(door, Happening.STOOD_OPEN)
    grant = next(grants.at_door(turn.site, door, "opened"), None)
    order_id = grant[0].order_id if grant else None
    controller = turn.site.controller_of(door)
    if controller is not None:
        turn.event(DoorLeftOpen(controller, door, open_s, order_id))
        turn.say("door_left_open", level="warning", order_id=order_id, door=door, open_s=open_s)


def _is_its_own(turn: Turn, controller: str, door: int) -> bool:
    """A door another controller has, by the service's list, is a wiring fault and moves nothing."""
    spec = turn.site.doors.rows.get(str(door))
    if spec is None or spec.controller == controller:
        return True
    turn.say("door_misplaced", level="warning", controller=controller, door=door)
    return False


def _know_again(turn: Turn, reading: DoorReading) -> None:
    if reading.state == "shut":
        turn.move(reading.door, Happening.SEEN_SHUT)
        if any(grants.at_door(turn.site, reading.door, *grants.MAY_OPEN)):
            turn.move(reading.door, Happening.GRANT)
    elif reading.state == "open":
        opened = _recorded_open(turn.site, reading.door)
        turn.move(reading.door, Happening.OPENED if opened else Happening.OPENED_ALONE)


def _put_right(turn: Turn, controller: str, reading: DoorReading) -> None:
    """Two reports in a row, with no event between them, that say what no event said: the event was lost.

    Only a controller that lost its memory can come to this; without it a parcel would stay half collected for ever.
    """
    seen = turn.site.seen[controller]
    stands_open = turn.site.door_state(reading.door) in STANDS_OPEN or _recorded_open(turn.site, reading.door)
    if reading.state == "unknown" or stands_open == (reading.state == "open"):
        seen.contradictions.pop(reading.door, None)
    elif seen.contradictions.get(reading.door) != seen.event_no:
        seen.contradictions[reading.door] = seen.event_no
    else:
        del seen.contradictions[reading.door]
        turn.say("door_put_right", level="warning", controller=controller, door=reading.door, state=reading.state)
        if reading.state == "open":
            door_opened(turn, controller, reading.door, None, boot_id=seen.boot_id)
        else:
            door_shut(turn, controller, reading.door, boot_id=None)


def _recorded_open(site: Site, door: int) -> bool:
    return any(grants.at_door(site, door, "opened")) or any(
        each.door == door and each.state == "opened" for each in site.placements.rows.values()
    )
