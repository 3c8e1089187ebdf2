"""Grants: a decision to open doors, recorded and audited before an unlock leaves, and what became of each door.

A grant is outstanding while one of its doors is pending. Such a door, and a recalled one, lapses only when it can no
longer open: ten seconds have passed, its command is too old for the controller to obey, and every event the controller
made is known.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from locker_gateway import doubts, troubles
from locker_gateway.controllers import caught_up
from locker_gateway.doors import STANDS_OPEN, Happening
from locker_gateway.records import DoorPhase, Grant, GrantDoor
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import FRESH_BEATS, Unlock, UnlockDone
from locker_protocol.site_events import DoorStayedShut, UnlockGranted
from locker_protocol.vocabulary import Right, Via

LAPSE_AFTER_MS = 10_000
MAX_PULSES = 3
PULSE_WINDOW_MS = 120_000
# A door may still open after its grant lapsed (a bag held it): for so long it is known which grant that was.
KEEP_MS = 600_000
# In these phases a door may still open; in the last one it stands open.
MAY_OPEN: tuple[DoorPhase, ...] = ("pending", "recalled")
AT_WORK: tuple[DoorPhase, ...] = (*MAY_OPEN, "opened")
BY_CODE = frozenset({Right.COLLECT, Right.REOPEN})
TO_OWNERS = frozenset({Right.COLLECT, Right.REOPEN, Right.HAND_OVER})


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for doors to open, where, by what right, why. Goes to the audit as it is."""

    controller: str
    via: Via
    actor: str
    right: Right
    order_id: str | None = None
    credential_id: str | None = None
    generation: int = 0
    reason: str = ""
    command_id: str | None = None
    confirmed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A door to open, and the parcel it is opened for."""

    door: int
    controller: str
    parcel_id: str | None = None


def give(turn: Turn, asked: Asked, targets: Sequence[Target]) -> Grant:
    """Record the decision, audit it, tell the service, then send one unlock a door."""
    grant = Grant(
        turn.new_id(),
        asked.controller,
        asked.right,
        asked.via,
        asked.actor,
        turn.civil_ms,
        tuple(_door(turn, target) for target in targets),
        asked.order_id,
    )
    turn.put(turn.site.grants, grant.grant_id, grant)
    turn.site.granted_ms[grant.grant_id] = turn.ms
    granted = _audit_row(grant, asked)
    turn.audit(granted)
    for door in grant.doors:
        turn.move(door.door, Happening.GRANT)
    repeat(turn, grant)
    turn.say(
        "unlock_granted",
        order_id=grant.order_id,
        controller=grant.controller,
        doors=granted.doors,
        right=grant.right,
        via=grant.via,
        actor=grant.actor,
    )
    return grant


def repeat(turn: Turn, grant: Grant) -> None:
    """Send the unlocks of the doors still pending, as they were: the controller obeys each id once, and only fresh."""
    for door in grant.doors:
        if door.phase == "pending":
            unlock = Unlock(door.command_id, door.door, door.boot_id, door.beat, grant.order_id)
            turn.command(door.controller, unlock)


def outstanding(site: Site, order_id: str) -> Grant | None:
    """The order's grant to its owner that still has a pending door, if any."""
    return next((grant for grant in _of_order(site, order_id, TO_OWNERS) if _pending(grant)), None)


def pulses(turn: Turn, order_id: str) -> int:
    """How many grants the order's residents had in the last 120 s."""
    site = turn.site
    granted = [site.granted_ms[grant.grant_id] for grant in _of_order(site, order_id, BY_CODE)]
    return sum(turn.ms - granted_ms < PULSE_WINDOW_MS for granted_ms in granted)


def at_door(site: Site, door: int, *phases: DoorPhase) -> Iterator[tuple[Grant, GrantDoor]]:
    """Grants of a door in one of these phases (none named: in any), newest first."""
    for grant in reversed(site.grants.rows.values()):
        for each in grant.doors:
            if each.door == door and (not phases or each.phase in phases):
                yield grant, each


def opened(turn: Turn, door: int, command_id: str | None) -> tuple[Grant, GrantDoor] | None:
    """Find the one grant an opening belongs to and mark its door; `None`: nobody unlocked it.

    The command it followed, while that is pending; else whoever waits for this door now; else the one that lapsed.
    """
    if command_id is None:
        return None
    named = _named(turn.site, door, command_id)
    if named is None or named[1].phase != "pending":
        named = next(at_door(turn.site, door, "pending"), named)
    if named is None or named[1].phase not in {"pending", "lapsed", "recalled"}:
        return named
    return _mark(turn, *named, "given_up" if named[1].phase == "recalled" else "opened")


def shut(turn: Turn, door: int) -> list[tuple[Grant, GrantDoor]]:
    """Mark the door shut in every grant it stood open for."""
    return [_mark(turn, grant, each, "shut") for grant, each in list(at_door(turn.site, door, "opened"))]


def is_pending(site: Site, door: int, command_id: str) -> bool:
    """True while this command's door has neither opened nor lapsed."""
    named = _named(site, door, command_id)
    return named is not None and named[1].phase == "pending"


def give_up(turn: Turn, parcel_id: str, door: int) -> None:
    """The parcel goes elsewhere: whatever this door was granted for it, shutting it loads nothing."""
    for grant, each in list(at_door(turn.site, door)):
        if grant.right is Right.LOAD and each.parcel_id == parcel_id and each.phase != "recalled":
            _mark(turn, grant, each, "recalled" if each.phase == "pending" else "given_up")


def unlock_done(turn: Turn, done: UnlockDone) -> None:
    """A controller that refused to pulse will not open this door: the code is usable again at once."""
    found = _named(turn.site, done.door, done.command_id)
    if found and found[1].phase in MAY_OPEN and done.outcome != "pulsed":
        turn.say("unlock_not_obeyed", level="warning", order_id=found[0].order_id, door=done.door, outcome=done.outcome)
        _lapse(turn, *found, unseen=False)


def lapse_what_stayed_shut(turn: Turn) -> None:
    """Give up doors that can no longer open, and forget grants long done."""
    site = turn.site
    for grant in list(site.grants.rows.values()):
        age_ms = turn.ms - site.granted_ms[grant.grant_id]
        for door in grant.doors:
            if door.phase in MAY_OPEN and age_ms >= LAPSE_AFTER_MS and _settled(turn, door):
                unseen = site.sight_of(door.controller).boot_id != door.boot_id
                _lapse(turn, site.grants.rows[grant.grant_id], door, unseen=unseen)
                if not unseen and site.door_state(door.door) not in STANDS_OPEN:
                    troubles.stayed_shut(turn, door.door)
        if age_ms >= KEEP_MS and not any(door.phase in AT_WORK for door in grant.doors):
            turn.delete(site.grants, grant.grant_id)
            del site.granted_ms[grant.grant_id]


def _door(turn: Turn, target: Target) -> GrantDoor:
    seen = turn.site.seen[target.controller]
    return GrantDoor(target.door, target.controller, turn.new_id(), seen.boot_id, seen.beat, parcel_id=target.parcel_id)


def _audit_row(grant: Grant, asked: Asked) -> UnlockGranted:
    return UnlockGranted(
        grant.grant_id,
        grant.controller,
        [door.door for door in grant.doors],
        grant.actor,
        grant.right,
        grant.via,
        asked.reason,
        grant.order_id,
        asked.credential_id,
        asked.generation,
        asked.command_id,
        asked.confirmed_by,
    )


def _of_order(site: Site, order_id: str, rights: Collection[Right]) -> Iterator[Grant]:
    for grant in site.grants.rows.values():
        if grant.order_id == order_id and grant.right in rights:
            yield grant


def _pending(grant: Grant) -> bool:
    return any(door.phase == "pending" for door in grant.doors)


def _named(site: Site, door: int, command_id: str) -> tuple[Grant, GrantDoor] | None:
    return next(((grant, each) for grant, each in at_door(site, door) if each.command_id == command_id), None)


def _settled(turn: Turn, door: GrantDoor) -> bool:
    seen = turn.site.sight_of(door.controller)
    # One beat more: a pulse within the last fresh beat is told of, and its door seen open, only in the next.
    too_old = seen.boot_id != door.boot_id or seen.beat > door.beat + FRESH_BEATS + 1
    return too_old and caught_up(turn.site, door.controller, now_ms=turn.ms)


def _mark(turn: Turn, grant: Grant, door: GrantDoor, phase: DoorPhase) -> tuple[Grant, GrantDoor]:
    marked = msgspec.structs.replace(door, phase=phase)
    doors = tuple(marked if each.command_id == door.command_id else each for each in grant.doors)
    fresh = msgspec.structs.replace(turn.site.grants.rows[grant.grant_id], doors=doors)
    turn.put(turn.site.grants, grant.grant_id, fresh)
    return fresh, marked


def _lapse(turn: Turn, grant: Grant, door: GrantDoor, *, unseen: bool) -> None:
    """Give one door up. `unseen`: its controller was without power meanwhile, so it may have been open after all."""
    turn.move(door.door, Happening.LAPSED)
    if door.phase == "recalled":
        _mark(turn, grant, door, "given_up")
        return
    _mark(turn, grant, door, "lapsed")
    if unseen and grant.right is Right.LOAD:
        doubts.remember(turn, grant, door)
        return
    turn.event(DoorStayedShut(door.controller, door.door, grant.grant_id, grant.order_id))
    turn.say("door_stayed_shut", level="warning", order_id=grant.order_id, door=door.door)
