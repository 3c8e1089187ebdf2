"""Collecting: which doors a good code opens, and when a parcel is spent.

All doors of the order that are loaded open at once, but for those whose food is not to be eaten. A parcel is spent when
its door was opened by a code, or by the keeper who hands it over, and shut again. For 15 minutes after the last one the
same code re-opens what has not been filled anew.
"""

from collections.abc import Sequence

from locker_gateway import cancelling, conditions, grants, troubles
from locker_gateway.codes import Holder
from locker_gateway.cold.quarantines import is_kept
from locker_gateway.conditions import Finding
from locker_gateway.controllers import caught_up
from locker_gateway.grants import Asked, Target
from locker_gateway.records import Grant, GrantDoor, Placement
from locker_gateway.refusals import Refused
from locker_gateway.state import Site
from locker_gateway.turn import Turn, keep
from locker_protocol.bus_messages import Show
from locker_protocol.site_events import ParcelCollected
from locker_protocol.vocabulary import Refusal, Right, Via

REOPEN_MS = 900_000
TAKES_OUT = frozenset({Right.REMOVE, Right.RESCUE})
SPENDS = frozenset({Right.COLLECT, Right.HAND_OVER})


def open_for(turn: Turn, holder: Holder, *, controller: str | None, via: Via) -> tuple[int, ...]:
    """Open the doors of the holder's order; returns their numbers. Raises Refused.

    `controller`: the locker where the code was shown; `None`: on a page, and every locker must be known to live.
    """
    site = turn.site
    grants.lapse_what_stayed_shut(turn)
    running = grants.outstanding(site, holder.order_id)
    if running is not None:
        return _go_on(turn, running, holder)
    placements = [each for each in site.placements.rows.values() if each.order_id == holder.order_id]
    lying = [each for each in placements if each.state == "loaded" and not _being_taken_out(site, each)]
    loaded = [each for each in lying if not is_kept(site, each.parcel_id)]
    right, meant = (Right.COLLECT, loaded) if loaded else (Right.REOPEN, _reopenable(turn, placements))
    wanted = [each for each in meant if not troubles.is_for_staff_only(site, each.door)]
    if not wanted:
        raise Refused(Refusal.DOOR_BROKEN if meant else _why_nothing(site, placements), order_id=holder.order_id)
    targets = [Target(each.door, each.controller, each.parcel_id) for each in wanted]
    reachable = [each for each in targets if _reachable(turn, each.controller, shown_at=controller)]
    if not reachable:
        raise Refused(Refusal.LOCKER_SILENT, order_id=holder.order_id)
    if grants.pulses(turn, holder.order_id) >= grants.MAX_PULSES:
        raise Refused(Refusal.TOO_MANY_PULSES, order_id=holder.order_id)
    asked = Asked(
        controller or reachable[0].controller,
        via,
        holder.actor,
        right,
        holder.order_id,
        holder.credential_id,
        holder.generation,
        command_id=holder.command_id,
    )
    return _show(turn, grants.give(turn, asked, reachable))


def parcel_opened(turn: Turn, grant: Grant, door: GrantDoor) -> None:
    """A door opened for its owner: from now on, shutting it spends the parcel.

    Not when the service was told meanwhile that nothing of the order is collected any more: a lock may yield late.
    """
    placement = turn.site.placements.rows.get(door.parcel_id or "")
    if grant.right not in SPENDS or placement is None or placement.state != "loaded":
        return
    if grant.right is Right.COLLECT and troubles.is_for_staff_only(turn.site, door.door):
        return  # another door may have opened; a keeper would have seen that
    if not cancelling.was_told(turn.site, placement.order_id):
        keep(turn, turn.site.placements, placement.parcel_id, state="opened", changed_at=turn.civil_ms)


def door_shut(turn: Turn, door: int, ended: Sequence[tuple[Grant, GrantDoor]]) -> None:
    """Whatever had been opened for its owner behind this door is collected now. `ended`: the grants it stood open for.

    What was re-opened may have been wiped meanwhile: somebody has to look again.
    """
    for placement in list(turn.site.placements.rows.values()):
        if placement.door == door and placement.state == "opened":
            _collected(turn, placement, ended)
    if any(grant.right is Right.REOPEN for grant, _ in ended):
        conditions.change(turn, door, Finding.EMPTIED)


def show_end(turn: Turn, grant: Grant) -> None:
    """Thank the person when the last door of their grant is shut."""
    if not any(door.phase in {"pending", "opened"} for door in grant.doors):
        for controller in _controllers(grant):
            turn.command(controller, Show("done", doors=[door.door for door in grant.doors]), qos=0)


def _go_on(turn: Turn, running: Grant, holder: Holder) -> tuple[int, ...]:
    """The same code again while its doors are being opened: the same commands again, and no new grant."""
    if running.right is Right.HAND_OVER:
        raise Refused(Refusal.IN_PROGRESS, order_id=holder.order_id)
    if not any(turn.site.sight_of(door.controller).online for door in running.doors if door.phase == "pending"):
        raise Refused(Refusal.LOCKER_SILENT, order_id=holder.order_id)
    grants.repeat(turn, running)
    return _show(turn, running)


def _show(turn: Turn, grant: Grant) -> tuple[int, ...]:
    doors = [door.door for door in grant.doors]
    show = Show("reopened", doors=doors) if grant.right is Right.REOPEN else Show("opening", doors=doors)
    for controller in {grant.controller: None} | _controllers(grant):
        turn.command(controller, show, qos=0)
    return tuple(doors)


def _controllers(grant: Grant) -> dict[str, None]:
    return {door.controller: None for door in grant.doors}


def _reachable(turn: Turn, controller: str, *, shown_at: str | None) -> bool:
    """Where the code was shown every event through the scan is applied; another locker must be known to be."""
    return controller == shown_at or caught_up(turn.site, controller, now_ms=turn.ms)


def _reopenable(turn: Turn, placements: Sequence[Placement]) -> list[Placement]:
    """What was collected a moment ago and not filled since, when nothing else of the order is left."""
    if any(each.lies and not is_kept(turn.site, each.parcel_id) for each in placements):
        return []
    gone = [each for each in placements if each.state == "collected"]
    return [each for each in gone if _just_collected(turn, each) and not _taken_since(turn.site, each)]


def _just_collected(turn: Turn, placement: Placement) -> bool:
    """Within 15 minutes by both clocks, where both are known.

    Civil time survives a restart but may be set; monotonic time cannot be set but does not survive. Each bounds the
    other, so neither a clock set back nor a demo clock that stands still keeps a door re-openable.
    """
    began_ms = turn.site.collected_ms.get(placement.parcel_id)
    lately = began_ms is None or turn.ms - began_ms <= REOPEN_MS
    return lately and turn.civil_ms - placement.changed_at <= REOPEN_MS


def _taken_since(site: Site, placement: Placement) -> bool:
    # What had been left behind was taken out then; and since then a bag may have come that no record tells of.
    looked_behind = conditions.checked_at(site, placement.door) >= placement.changed_at
    lies_there = site.lying_at(placement.door) is not None
    may_lie = any(each.door == placement.door for each in site.doubts.rows.values())
    loading = any(grant.right is Right.LOAD for grant, _ in grants.at_door(site, placement.door, *grants.AT_WORK))
    return looked_behind or lies_there or may_lie or loading


def _why_nothing(site: Site, placements: Sequence[Placement]) -> Refusal:
    if not placements:
        return Refusal.NOT_LOADED
    if any(each.state == "loaded" and is_kept(site, each.parcel_id) for each in placements):
        return Refusal.QUARANTINED
    standing_open = any(each.lies for each in placements)
    return Refusal.IN_PROGRESS if standing_open else Refusal.SPENT


def _being_taken_out(site: Site, placement: Placement) -> bool:
    """Staff have its door open to take it out: the owner's lock must not yield after that door is shut."""
    return any(grant.right in TAKES_OUT for grant, _ in grants.at_door(site, placement.door, "opened"))


def _collected(turn: Turn, placement: Placement, ended: Sequence[tuple[Grant, GrantDoor]]) -> None:
    by_keeper = [grant for grant, door in ended if grant.right is Right.HAND_OVER and _is_for(door, placement)]
    by_code = any(grant.right is Right.COLLECT and _is_for(door, placement) for grant, door in ended)
    handed_over = by_keeper[0] if by_keeper and not by_code else None
    keep(turn, turn.site.placements, placement.parcel_id, state="collected", changed_at=turn.civil_ms)
    turn.site.collected_ms[placement.parcel_id] = turn.ms
    turn.event(
        ParcelCollected(
            placement.parcel_id,
            placement.order_id,
            placement.controller,
            placement.door,
            Right.HAND_OVER if handed_over else Right.COLLECT,
            handed_over.actor if handed_over else None,
        )
    )
    conditions.change(turn, placement.door, Finding.EMPTIED)
    turn.say("parcel_collected", order_id=placement.order_id, parcel_id=placement.parcel_id, door=placement.door)


def _is_for(door: GrantDoor, placement: Placement) -> bool:
    return door.parcel_id == placement.parcel_id
