"""The steel: doors with spring and latch, and what hands can do to them. Pure.

It decides how a door moves and how its contact bounces meanwhile. It never knows why a lock was pulsed.
A door's state is what a person sees; what its contact says can differ (stuck, or wired to another number).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Position = Literal["shut", "open", "ajar"]
Hand = Literal["shut", "open_by_force", "ajar", "jam", "unjam", "put", "take", "stick", "unstick"]
MAX_BAGS = 4
# Milliseconds after the cause at which a contact changes, as measured on spring latches of this kind: it bounces.
SPRINGS_OPEN = ((40, True), (46, False), (54, True))
FALLS_SHUT = ((0, False), (7, True), (16, False))
# A worn contact chatters on, once in so many milliseconds.
CHATTER_MS = 20


class HandRefusedError(Exception):
    """The hand cannot do that to the door as it is; `code` is stable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Edge:
    """A contact's change, some time after what caused it."""

    after_ms: int
    door: int
    is_open: bool


@dataclass(slots=True)
class Door:
    """One compartment. What `stays_ajar` cannot be shut: it comes to rest ajar."""

    number: int
    position: Position = "shut"
    jammed: bool = False
    stuck_open: bool = False
    stays_ajar: bool = False
    bags: int = 0
    stuck_contact: bool | None = None
    wired_as: int | None = None

    def looks(self) -> Literal["shut", "open", "ajar", "jammed"]:
        """What a person sees."""
        return "jammed" if self.jammed and self.position == "shut" else self.position


class Cabinet:
    """All doors of one locker."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.doors = {number: Door(number) for number in numbers}

    def door(self, number: int) -> Door:
        """One door. Raises HandRefusedError(door_unknown)."""
        if number not in self.doors:
            raise HandRefusedError("door_unknown")
        return self.doors[number]

    def contacts(self) -> dict[int, bool]:
        """What each contact says at rest; True is open."""
        said = dict.fromkeys(self.doors, False)
        for door in self.doors.values():
            said[door.wired_as or door.number] = _at_rest(door)
        return said

    def pulse(self, number: int, *, latch_holds: bool = False, bounce_ms: int = 0) -> list[Edge]:
        """Energise a lock: a shut door springs open unless it is jammed or its latch holds this time."""
        door = self.doors[number]
        if door.position != "shut" or door.jammed or latch_holds:
            return []
        return _move(door, "open", bounce_ms)

    def use(self, number: int, hand: Hand, *, bounce_ms: int = 0) -> list[Edge]:
        """Do with a door what a hand does. Raises HandRefusedError, and then nothing has moved."""
        door = self.door(number)
        match hand:
            case "shut":
                return _move(door, _pushed(door), bounce_ms)
            case "open_by_force":
                return _move(door, _unless(door.position == "open", "already_open", "open"), bounce_ms)
            case "ajar":
                return _move(door, _unless(door.position != "open", "not_open", "ajar"), bounce_ms)
            case "jam" | "unjam":
                door.jammed = hand == "jam"
            case "put" | "take":
                _carry(door, 1 if hand == "put" else -1)
            case "stick" | "unstick":
                door.stuck_contact = _at_rest(door) if hand == "stick" else None
        return []


def _at_rest(door: Door) -> bool:
    return door.position != "shut" if door.stuck_contact is None else door.stuck_contact


def _unless(impossible: bool, code: str, target: Position) -> Position:  # noqa: FBT001 - reads as a sentence at its calls
    if impossible:
        raise HandRefusedError(code)
    return target


def _pushed(door: Door) -> Position:
    """Where a door ends that is pushed shut."""
    _unless(door.position == "shut", "already_shut", "shut")
    _unless(door.stuck_open, "stuck_open", "shut")
    return "ajar" if door.stays_ajar else "shut"


def _move(door: Door, target: Position, bounce_ms: int) -> list[Edge]:
    was_open, door.position = door.position != "shut", target
    is_open = target != "shut"
    if door.stuck_contact is not None or was_open == is_open:
        return []
    pattern: tuple[tuple[int, bool], ...] = SPRINGS_OPEN if is_open else FALLS_SHUT
    pattern += _chatter(pattern[-1][0], bounce_ms, is_open=is_open)
    return [Edge(after_ms, door.wired_as or door.number, said) for after_ms, said in pattern]


def _chatter(from_ms: int, bounce_ms: int, *, is_open: bool) -> tuple[tuple[int, bool], ...]:
    """Away and back again for `bounce_ms` after the usual bouncing; it ends as the door lies."""
    turns = range(from_ms + CHATTER_MS, from_ms + bounce_ms, 2 * CHATTER_MS)
    return tuple(edge for at_ms in turns for edge in ((at_ms, not is_open), (at_ms + CHATTER_MS, is_open)))


def _carry(door: Door, bags: int) -> None:
    if door.position == "shut":
        raise HandRefusedError("not_open")
    if not 0 <= door.bags + bags <= MAX_BAGS:
        raise HandRefusedError("full" if bags > 0 else "empty")
    door.bags += bags
