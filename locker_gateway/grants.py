"""Grants: a decision to open doors, recorded and audited before an unlock leaves, and what became of each door.

A grant is outstanding while one of its doors is pending. A pending door lapses only when it can no longer open: ten
seconds have passed, its command is too old for the controller to obey, and every event the controller made is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from locker_gateway.controllers import caught_up
from locker_gateway.doors import Happening
from locker_gateway.records import DoorPhase, Grant, GrantDoor
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import FRESH_BEATS, Unlock, UnlockDone
from locker_protocol.uplink_messages import DoorStayedShut, UnlockGranted
from locker_protocol.vocabulary import Right, Via

LAPSE_AFTER_MS = 10_000
MAX_PULSES = 3
PULSE_WINDOW_MS = 120_000
# A door may still open after its grant lapsed (a bag held it): for so long it is known which grant that was.
KEEP_MS = 600_000


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
    turn.event(granted)
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
    """The order's grant to a resident that still has a pending door, if any."""
    return next((grant for grant in _to_residents(site, order_id) if _pending(grant)), None)


def pulses(turn: Turn, order_id: str) -> int:
    """How many grants the order's residents had in the last 120 s."""
    site = turn.site
    return sum(turn.ms - site.granted_ms[grant.grant_id] < PULSE_WINDOW_MS for grant in _to_residents(site, order_id))


def at_door(site: Site, door: int, *phases: DoorPhase) -> Iterator[tuple[Grant, GrantDoor]]:
    """Grants of a door in one of these phases, newest first."""
    for grant in reversed(site.grants.rows.values()):
        for each in grant.doors:
            if each.door == door and each.phase in phases:
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
    if named is None or named[1].phase not in {"pending", "lapsed"}:
        return named
    return _mark(turn, *named, "opened")


def shut(turn: Turn, door: int) -> list[tuple[Grant, GrantDoor]]:
    """Mark the door shut in every grant it stood open for."""
    return [_mark(turn, grant, each, "shut") for grant, each in list(at_door(turn.site, door, "opened"))]


def unlock_done(turn: Turn, done: UnlockDone) -> None:
    """A controller that refused to pulse will not open this door: the code is usable again at once."""
    found = _named(turn.site, done.door, done.command_id)
    if found and found[1].phase == "pending" and done.outcome != "pulsed":
        turn.say("unlock_not_obeyed", level="warning", order_id=found[0].order_id, door=done.door, outcome=done.outcome)
        _lapse(turn, *found)


def lapse_what_stayed_shut(turn: Turn) -> None:
    """Give up doors that can no longer open, and forget grants long done."""
    site = turn.site
    for grant in list(site.grants.rows.values()):
        age_ms = turn.ms - site.granted_ms[grant.grant_id]
        for door in grant.doors:
            if door.phase == "pending" and age_ms >= LAPSE_AFTER_MS and _settled(turn, door):
                _lapse(turn, site.grants.rows[grant.grant_id], door)
        if age_ms >= KEEP_MS and not any(door.phase in {"pending", "opened"} for door in grant.doors):
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
    )


def _to_residents(site: Site, order_id: str) -> Iterator[Grant]:
    for grant in site.grants.rows.values():
        if grant.order_id == order_id and grant.right in {Right.COLLECT, Right.REOPEN}:
            yield grant


def _pending(grant: Grant) -> bool:
    return any(door.phase == "pending" for door in grant.doors)


def _named(site: Site, door: int, command_id: str) -> tuple[Grant, GrantDoor] | None:
    found = at_door(site, door, "pending", "opened", "shut", "lapsed")
    return next(((grant, each) for grant, each in found if each.command_id == command_id), None)


def _settled(turn: Turn, door: GrantDoor) -> bool:
    seen = turn.site.sight_of(door.controller)
    too_old = seen.boot_id != door.boot_id or seen.beat > door.beat + FRESH_BEATS
    return too_old and caught_up(turn.site, door.controller, now_ms=turn.ms)


def _mark(turn: Turn, grant: Grant, door: GrantDoor, phase: DoorPhase) -> tuple[Grant, GrantDoor]:
    marked = msgspec.structs.replace(door, phase=phase)
    doors = tuple(marked if each.command_id == door.command_id else each for each in grant.doors)
    fresh = msgspec.structs.replace(turn.site.grants.rows[grant.grant_id], doors=doors)
    turn.put(turn.site.grants, grant.grant_id, fresh)
    return fresh, marked


def _lapse(turn: Turn, grant: Grant, door: GrantDoor) -> None:
    _mark(turn, grant, door, "lapsed")
    turn.move(door.door, Happening.LAPSED)
    turn.event(DoorStayedShut(door.controller, door.door, grant.grant_id, grant.order_id))
    turn.say("door_stayed_shut", level="warning", order_id=grant.order_id, door=door.door)
