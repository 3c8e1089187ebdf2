"""What follows when a door opens, shuts, or stands open: by events in order, and by readings where events were lost.

An opening without a grant is told as forced; whether crossed wires told of it is judged in `wiring`.
"""

from dataclasses import dataclass

from locker_gateway import collecting, doubts, grants, loading, staff_doors, troubles, wiring
from locker_gateway.controllers import caught_up, is_outdated
from locker_gateway.doors import STANDS_OPEN, DoorState, Happening
from locker_gateway.records import Grant, GrantDoor
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import Beat, ControllerBirth, DoorReading, Show
from locker_protocol.site_events import DoorLeftOpen, DoorWasOpened, DoorWasShut
from locker_protocol.vocabulary import DoorTrouble, Right

LEFT_OPEN_S = (30, 60, 120)
# A screen is shown for so long; the locker asks again until the last of the limits above.
ASK_EVERY_S = 30


@dataclass(frozen=True, slots=True)
class Moment:
    """In which boot of its controller something was seen, and when (monotonic milliseconds of ours)."""

    boot_id: str
    at_ms: int


def door_opened(turn: Turn, controller: str, door: int, command_id: str | None, *, seen_in: Moment | None) -> None:
    """A door's sensor went open: by the grant it followed, or by force. `seen_in`: where the boot is known."""
    if not _is_its_own(turn, controller, door):
        return
    if seen_in is not None:
        turn.site.seen[controller].open_in_boot[door] = seen_in.boot_id
    turn.site.seen[controller].doors[door] = "open"
    found = grants.opened(turn, door, command_id)
    if found is None:
        turn.move(door, Happening.OPENED_ALONE)
        turn.event(DoorWasOpened(controller, door))
        turn.say("door_forced", level="warning", controller=controller, door=door)
        troubles.opened(turn, door, granted=False)
        if command_id is None and seen_in is not None:
            wiring.opened_alone(turn, controller, door, at_ms=seen_in.at_ms)
        return
    grant, grant_door = found
    turn.move(door, Happening.OPENED)
    troubles.opened(turn, door, granted=True)
    wiring.opened_by(turn, controller, command_id or "")
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
    troubles.seen_shut(turn, door)
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
    seen = _seen_to_shut(turn.site, door, boot_id) and not troubles.is_for_staff_only(turn.site, door.door)
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


def see_doors(turn: Turn, controller: str, said: Beat | ControllerBirth) -> None:
    """Take the whole state: what was unknown is known again, and what contradicts our record is put right.

    Not what is older than an event known here: it says how the doors stood before that.
    """
    if is_outdated(turn.site, controller, said):
        return
    seen = turn.site.seen[controller]
    current = caught_up(turn.site, controller, now_ms=turn.ms)
    for reading in said.doors:
        if not _is_its_own(turn, controller, reading.door):
            continue
        if seen.doors.get(reading.door) != reading.state:
            seen.doors[reading.door] = reading.state
            turn.site.status_wanted = True
        if reading.state == "open":
            seen.open_in_boot[reading.door] = seen.boot_id
        elif reading.state == "shut":
            troubles.seen_shut(turn, reading.door)
        if turn.site.door_state(reading.door) is DoorState.UNKNOWN:
            _know_again(turn, reading)
        if current:
            _put_right(turn, controller, reading)


def watch_open_doors(turn: Turn) -> None:
    """Tell of doors that stand open, at 30, 60 and 120 s of real time."""
    for door, known in turn.site.door_now.items():
        if known.state not in STANDS_OPEN:
            continue
        due = (turn.ms - known.since_ms) // 1000 // ASK_EVERY_S * ASK_EVERY_S
        if due <= known.told_s:
            continue
        passed = [limit for limit in LEFT_OPEN_S if known.told_s < limit <= due]
        known.told_s = due
        _left_open(turn, door, due, told_s=passed[-1] if passed else None)
        if due >= troubles.READS_OPEN_AFTER_S:
            troubles.find(turn, door, DoorTrouble.READS_OPEN)


def _left_open(turn: Turn, door: int, open_s: int, *, told_s: int | None) -> None:
    """Ask whoever is there to shut it, unless staff work behind it, and tell the service at the limits."""
    turn.move(door, Happening.STOOD_OPEN)
    grant = next((each for each, _ in grants.at_door(turn.site, door, "opened")), None)
    controller = turn.site.controller_of(door)
    if controller is None:
        return
    if open_s <= LEFT_OPEN_S[-1] and (grant is None or grant.right in grants.TO_OWNERS):
        turn.command(controller, Show("left_open", doors=[door]), qos=0)
    if told_s is not None:
        order_id = grant.order_id if grant else None
        turn.event(DoorLeftOpen(controller, door, told_s, order_id))
        turn.say("door_left_open", level="warning", order_id=order_id, door=door, open_s=told_s)


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
            door_opened(turn, controller, reading.door, None, seen_in=Moment(seen.boot_id, turn.ms))
        else:
            door_shut(turn, controller, reading.door, boot_id=None)


def _recorded_open(site: Site, door: int) -> bool:
    return any(grants.at_door(site, door, "opened")) or any(
        each.door == door and each.state == "opened" for each in site.placements.rows.values()
    )
