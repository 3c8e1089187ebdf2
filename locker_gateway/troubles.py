"""What is wrong with a door and lasts: forced, jammed, reading open for ever, or taken for another by its wires.

Kept over restarts, told once when it is found and once when it is over. A miswired door is for staff only: nobody knows
which door its lock moves and which one its contact tells of, so no food is handed out or promised there. It ends when
an operator gives the door back; the others end by what the door does. Never decides where a parcel lies.
"""

from locker_gateway import conditions
from locker_gateway.conditions import Finding
from locker_gateway.records import Trouble
from locker_gateway.state import DoorNow, Site
from locker_gateway.turn import Turn
from locker_protocol.site_entries import DoorSpec
from locker_protocol.site_events import DoorTroubleEnded, DoorTroubleFound
from locker_protocol.vocabulary import DoorTrouble

# Once is a bag that leans against the door; twice somebody must come.
JAMMED_AFTER = 2
# Nobody unpacks for ten minutes: the door is forgotten, or its contact is stuck.
READS_OPEN_AFTER_S = 600


def of(site: Site, door: int) -> DoorTrouble | None:
    """What is wrong with this door, if anything is."""
    known = site.troubles.rows.get(str(door))
    return known.trouble if known else None


def is_for_staff_only(site: Site, door: int) -> bool:
    """True when nobody knows which door its lock moves."""
    return of(site, door) is DoorTrouble.MISWIRED


def find(turn: Turn, door: int, trouble: DoorTrouble, *, other_door: int | None = None) -> None:
    """Keep and tell what is wrong; a door that is miswired stays just that."""
    site = turn.site
    controller, known = site.controller_of(door), of(site, door)
    if controller is None or known in {trouble, DoorTrouble.MISWIRED}:
        return
    turn.put(site.troubles, str(door), Trouble(door, trouble, other_door))
    turn.event(DoorTroubleFound(controller, door, trouble, other_door))
    turn.say("door_trouble", level="warning", controller=controller, door=door, trouble=trouble, other_door=other_door)
    if trouble is DoorTrouble.MISWIRED:
        conditions.change(turn, door, Finding.BROKE)


def stayed_shut(turn: Turn, door: int) -> None:
    """A lock was pulsed and its door was not seen to open in time."""
    now = turn.site.door_now.setdefault(door, DoorNow(since_ms=turn.ms))
    now.stayed_shut += 1
    if now.stayed_shut >= JAMMED_AFTER:
        find(turn, door, DoorTrouble.JAMMED)


def opened(turn: Turn, door: int, *, granted: bool) -> None:
    """The door's contact told of an opening, by a grant or without one."""
    turn.site.door_now.setdefault(door, DoorNow(since_ms=turn.ms)).stayed_shut = 0
    _end(turn, door, DoorTrouble.JAMMED)
    if granted:
        _end(turn, door, DoorTrouble.FORCED)
    else:
        find(turn, door, DoorTrouble.FORCED)


def seen_shut(turn: Turn, door: int) -> None:
    """The door's contact says shut, so it can say so."""
    _end(turn, door, DoorTrouble.READS_OPEN)


def given_back(turn: Turn, door: int) -> None:
    """An operator says that the door is in order again."""
    known = of(turn.site, door)
    if known is not None:
        _end(turn, door, known)


def told(turn: Turn, spec: DoorSpec, *, store_is_new: bool) -> None:
    """A snapshot names a trouble: believed by a store that is new, else put right."""
    known = turn.site.troubles.rows.get(str(spec.door))
    if spec.trouble is (known.trouble if known else None):
        return
    if known is not None:
        turn.event(DoorTroubleFound(spec.controller, spec.door, known.trouble, known.other_door))
    elif spec.trouble is not None and store_is_new:
        turn.put(turn.site.troubles, str(spec.door), Trouble(spec.door, spec.trouble))
    elif spec.trouble is not None:
        turn.event(DoorTroubleEnded(spec.controller, spec.door, spec.trouble))


def _end(turn: Turn, door: int, trouble: DoorTrouble) -> None:
    controller = turn.site.controller_of(door)
    if of(turn.site, door) is trouble:
        turn.delete(turn.site.troubles, str(door))
        if controller is not None:
            turn.event(DoorTroubleEnded(controller, door, trouble))
        turn.say("door_trouble_ended", controller=controller, door=door, trouble=trouble)
