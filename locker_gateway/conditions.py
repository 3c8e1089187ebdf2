"""Whether a door may be loaded, as a table: `(condition, finding) → condition`. Everything unlisted changes nothing.

Two rules. A door whose parcel left is loaded again only after staff had it open and shut it. A broken door stays broken
until an operator gives it back, whatever else happens there. Our own record is nearer the truth than what the service
last heard: a snapshot fills in only what was never found out here, and is told where it is wrong.
"""

from enum import StrEnum

from locker_gateway.records import Condition
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.site_entries import DoorSpec
from locker_protocol.site_events import DoorConditionChanged
from locker_protocol.vocabulary import DoorCondition


class Finding(StrEnum):
    """What is found out about the space behind a door."""

    EMPTIED = "emptied"
    DOUBTED = "doubted"
    CHECKED = "checked"
    BROKE = "broke"
    GIVEN_BACK = "given_back"


C, F = DoorCondition, Finding

MOVES: dict[tuple[DoorCondition, Finding], DoorCondition] = {
    (C.FREE, F.EMPTIED): C.TO_CHECK,
    (C.FREE, F.DOUBTED): C.TO_CHECK,
    (C.TO_CHECK, F.CHECKED): C.FREE,
    (C.FREE, F.BROKE): C.BROKEN,
    (C.TO_CHECK, F.BROKE): C.BROKEN,
    (C.FREE, F.GIVEN_BACK): C.TO_CHECK,
    (C.BROKEN, F.GIVEN_BACK): C.TO_CHECK,
}


def of(site: Site, door: int) -> DoorCondition:
    """A door's condition; free where nothing else was ever found out or told."""
    known = site.conditions.rows.get(str(door))
    return known.condition if known else DoorCondition.FREE


def checked_at(site: Site, door: int) -> int:
    """When staff last looked behind a door, in civil milliseconds; 0: never, as far as is known here."""
    known = site.conditions.rows.get(str(door))
    return known.checked_at if known else 0


def change(turn: Turn, door: int, finding: Finding, *, actor: str | None = None) -> None:
    """Take a finding by the table, and tell the service when the condition changed. `actor`: who said so."""
    before = of(turn.site, door)
    after = MOVES.get((before, finding), before)
    if after is before:
        return
    looked_at = turn.civil_ms if finding is Finding.CHECKED else checked_at(turn.site, door)
    turn.put(turn.site.conditions, str(door), Condition(door, after, looked_at))
    _tell(turn, door, after, actor)
    turn.say("door_condition_changed", door=door, condition=after, finding=finding, actor=actor)


def told(turn: Turn, spec: DoorSpec) -> None:
    """A snapshot names a condition: believed where nothing is known, else put right."""
    known = turn.site.conditions.rows.get(str(spec.door))
    if known is not None and known.condition is not spec.condition:
        _tell(turn, spec.door, known.condition, None)
    elif known is None and spec.condition is not DoorCondition.FREE:
        turn.put(turn.site.conditions, str(spec.door), Condition(spec.door, spec.condition))


def _tell(turn: Turn, door: int, condition: DoorCondition, actor: str | None) -> None:
    controller = turn.site.controller_of(door)
    if controller is not None:
        turn.event(DoorConditionChanged(controller, door, condition, actor))
