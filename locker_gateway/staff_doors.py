"""Doors opened for staff, from afar or at a locker's keypad: by which right, whether it may be, what follows.

All doors or none. A right to look changes nothing about what lies there; a right to check frees an emptied door; a
right to remove takes a parcel out for good. It never judges whether food may still be eaten; what is kept in quarantine
opens for staff and is not handed over.
"""

from collections.abc import Callable
from dataclasses import dataclass

from locker_gateway import conditions, doubts, grants
from locker_gateway.codes import code_of
from locker_gateway.cold.quarantines import is_condemned, is_kept
from locker_gateway.collecting import TAKES_OUT
from locker_gateway.conditions import Finding
from locker_gateway.grants import Asked, Target
from locker_gateway.records import Grant, GrantDoor, Placement
from locker_gateway.refusals import Refused
from locker_gateway.state import Site
from locker_gateway.turn import Turn, keep
from locker_protocol.bus_messages import Show
from locker_protocol.site_events import ParcelRemoved
from locker_protocol.token import SKEW_S
from locker_protocol.vocabulary import DoorCondition, Refusal, Right, Via


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants which doors open, by what right and why; `order_id` for a right that is an order's."""

    right: Right
    doors: tuple[int, ...]
    actor: str
    via: Via
    reason: str = ""
    order_id: str | None = None
    command_id: str | None = None
    confirmed_by: str | None = None


def open_doors(turn: Turn, wish: Wish) -> tuple[int, ...]:
    """Open all doors wished for, or none; return their numbers. Raises Refused."""
    grants.lapse_what_stayed_shut(turn)
    judge = JUDGES.get(wish.right)
    if judge is None:
        raise Refused(Refusal.NO_RIGHT, actor=wish.actor)
    doors = _orders_doors(turn.site, wish) if wish.right is Right.HAND_OVER else tuple(dict.fromkeys(wish.doors))
    if not doors:
        raise Refused(Refusal.MALFORMED, actor=wish.actor)
    controllers = [_reachable(turn.site, wish, door) for door in doors]
    lying = [judge(turn.site, wish, door) for door in doors]
    orders = {each.order_id for each in lying if each is not None}
    asked = Asked(
        controllers[0],
        wish.via,
        wish.actor,
        wish.right,
        order_id=orders.pop() if len(orders) == 1 else None,
        reason=wish.reason,
        command_id=wish.command_id,
        confirmed_by=wish.confirmed_by,
    )
    opened = zip(doors, controllers, lying, strict=True)
    grants.give(turn, asked, [Target(door, where, each.parcel_id if each else None) for door, where, each in opened])
    for controller in dict.fromkeys(controllers):
        turn.command(controller, _show(wish.right, doors), qos=0)
    return doors


def open_typed(turn: Turn, door: int, *, controller: str, actor: str) -> None:
    """A driver typed a door's number at its locker: check what was emptied, remove what is due. Raises Refused."""
    site = turn.site
    if site.controller_of(door) != controller:
        raise Refused(Refusal.DOOR_UNKNOWN, actor=actor)
    lying = site.lying_at(door)
    due = _is_due(turn, lying) if lying else conditions.of(site, door) is DoorCondition.TO_CHECK
    if not due:
        raise Refused(Refusal.NOT_DUE, order_id=lying.order_id if lying else None, actor=actor)
    open_doors(turn, Wish(Right.REMOVE if lying else Right.CHECK, (door,), actor, Via.KEYPAD))


def taken_out(turn: Turn, grant: Grant, door: GrantDoor) -> None:
    """The door was opened to take its parcel out, and is shut again: the parcel is not there any more.

    So it is too when the shutting itself was not seen: the record must not promise food that staff have taken.
    """
    placement = turn.site.placements.rows.get(door.parcel_id or "")
    if grant.right not in TAKES_OUT or placement is None or not placement.lies or placement.door != door.door:
        return
    keep(turn, turn.site.placements, placement.parcel_id, state="removed", changed_at=turn.civil_ms)
    parcel_id, order_id = placement.parcel_id, placement.order_id
    turn.event(ParcelRemoved(parcel_id, order_id, placement.controller, door.door, grant.right, grant.actor))
    turn.say("parcel_removed", order_id=order_id, parcel_id=parcel_id, door=door.door, right=grant.right)
    conditions.change(turn, door.door, Finding.EMPTIED)


def checked(turn: Turn, grant: Grant, door: GrantDoor) -> None:
    """The door was opened to wipe it and seen to shut: it is free, unless it is broken."""
    if turn.site.lying_at(door.door) is None:
        doubts.looked_behind(turn, door.door)
        conditions.change(turn, door.door, Finding.CHECKED, actor=grant.actor)


# --- whether it may be ------------------------------------------------------------------------------------------------


def _orders_doors(site: Site, wish: Wish) -> tuple[int, ...]:
    """The doors an order is handed over from: those wished for, or all it lies behind."""
    order_id = wish.order_id
    if order_id is None:
        raise Refused(Refusal.MALFORMED, actor=wish.actor)
    if code_of(site, order_id).cancelled:
        raise Refused(Refusal.REVOKED, order_id=order_id, actor=wish.actor)
    if grants.outstanding(site, order_id) is not None:
        raise Refused(Refusal.IN_PROGRESS, order_id=order_id, actor=wish.actor)
    loaded = [
        each.door for each in site.placements.rows.values() if each.order_id == order_id and each.state == "loaded"
    ]
    if not loaded or not set(wish.doors) <= set(loaded):
        raise Refused(Refusal.NOT_LOADED, order_id=order_id, actor=wish.actor)
    good = [door for door in dict.fromkeys(wish.doors or loaded) if not _is_kept(site, door)]
    if not good or len(good) < len(set(wish.doors)):
        raise Refused(Refusal.QUARANTINED, order_id=order_id, actor=wish.actor)
    return tuple(good)


def _is_kept(site: Site, door: int) -> bool:
    lying = site.lying_at(door)
    return lying is not None and is_kept(site, lying.parcel_id)


def _reachable(site: Site, wish: Wish, door: int) -> str:
    controller = site.controller_of(door)
    if controller is None:
        raise Refused(Refusal.DOOR_UNKNOWN, actor=wish.actor)
    if not site.seen[controller].online:
        raise Refused(Refusal.LOCKER_SILENT, actor=wish.actor)
    return controller


def _to_look(_site: Site, _wish: Wish, _door: int) -> Placement | None:
    return None


def _to_check(site: Site, wish: Wish, door: int) -> Placement | None:
    lying = site.lying_at(door)
    if lying is not None:
        raise Refused(Refusal.DOOR_FULL, order_id=lying.order_id, actor=wish.actor)
    # Whoever stands there with a bag would put it behind a door that counts as empty afterwards.
    if any(grant.right is Right.LOAD for grant, _ in grants.at_door(site, door, *grants.AT_WORK)):
        raise Refused(Refusal.IN_PROGRESS, actor=wish.actor)
    return None


def _to_take_out(site: Site, wish: Wish, door: int) -> Placement | None:
    lying = site.lying_at(door)
    if lying is None:
        raise Refused(Refusal.DOOR_EMPTY, actor=wish.actor)
    if any(grant.right in grants.TO_OWNERS for grant, _ in grants.at_door(site, door, "pending")):
        raise Refused(Refusal.IN_PROGRESS, order_id=lying.order_id, actor=wish.actor)
    return lying


def _to_hand_over(site: Site, _wish: Wish, door: int) -> Placement | None:
    return site.lying_at(door)


JUDGES: dict[Right, Callable[[Site, Wish, int], Placement | None]] = {
    Right.STAFF: _to_look,
    Right.CHECK: _to_check,
    Right.REMOVE: _to_take_out,
    Right.RESCUE: _to_take_out,
    Right.HAND_OVER: _to_hand_over,
}


def _is_due(turn: Turn, lying: Placement) -> bool:
    """Nobody can collect it any more: its order ended, its code did, or its time."""
    code, site = code_of(turn.site, lying.order_id), turn.site
    parcel, credential = site.parcels.rows.get(lying.parcel_id), site.credentials.rows.get(lying.order_id)
    return (
        code.cancelled
        or is_condemned(site, lying.parcel_id)
        or code.revoked_through >= code.generation
        or (parcel is not None and parcel.collect_until < turn.civil_ms)
        or (credential is not None and credential.expires_at + SKEW_S * 1000 < turn.civil_ms)
    )


def _show(right: Right, doors: tuple[int, ...]) -> Show:
    if right is Right.CHECK:
        return Show("check", doors=list(doors))
    return Show("remove" if right in TAKES_OUT else "opening", doors=list(doors))
