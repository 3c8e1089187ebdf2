"""Doubts: a door opened for a parcel and nobody saw it shut, so nobody knows whether the parcel lies behind it.

Such a parcel is not loaded and its door is nobody else's. Its label opens the same door again; when the doubt ends in
any other way, staff must look behind the door before it is loaded.
"""

from locker_gateway import conditions
from locker_gateway.codes import code_of
from locker_gateway.conditions import Finding
from locker_gateway.records import Doubt, Grant, GrantDoor
from locker_gateway.turn import Turn
from locker_protocol.site_events import LoadUnsure


def remember(turn: Turn, grant: Grant, door: GrantDoor) -> None:
    """The door was opened, or may have been, and its shutting was not seen."""
    parcel_id, order_id = door.parcel_id, grant.order_id
    if parcel_id is None or order_id is None or parcel_id in turn.site.placements.rows:
        return
    if turn.site.lying_at(door.door) is not None:
        return
    settle(turn, parcel_id, door.door)
    turn.event(LoadUnsure(parcel_id, order_id, door.controller, door.door, grant.actor))
    turn.say("load_unsure", level="warning", order_id=order_id, parcel_id=parcel_id, door=door.door)
    doubt = Doubt(parcel_id, order_id, door.door)
    turn.put(turn.site.doubts, parcel_id, doubt)
    if code_of(turn.site, order_id).cancelled:
        leave(turn, doubt)


def settle(turn: Turn, parcel_id: str, door: int) -> None:
    """The parcel lies behind this door now, or may; an older doubt about another door does not end by that."""
    doubt = turn.site.doubts.rows.get(parcel_id)
    if doubt is not None and doubt.door == door:
        turn.delete(turn.site.doubts, parcel_id)
    elif doubt is not None:
        leave(turn, doubt)


def leave(turn: Turn, doubt: Doubt) -> None:
    """Nobody will come with this label any more: somebody has to look."""
    turn.delete(turn.site.doubts, doubt.parcel_id)
    conditions.change(turn, doubt.door, Finding.DOUBTED)


def looked_behind(turn: Turn, door: int) -> None:
    """Staff had the door open for this very purpose."""
    for doubt in list(turn.site.doubts.rows.values()):
        if doubt.door == door:
            turn.delete(turn.site.doubts, doubt.parcel_id)
