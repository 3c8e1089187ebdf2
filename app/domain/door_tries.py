"""How it goes with an order's doors, told by what its site said of them: which opened, which stayed shut.

Pure: events in, a word a door out. Decides as well when somebody who stands before a door that will not open may have
their money at once. Never says that a door is open because it was asked to: only the site's word counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.domain.errors import DomainError
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from locker_protocol.vocabulary import DoorTrouble

# Once is a bag that leans against the door, and pressing its edge helps; twice somebody must come.
STUCK_AFTER = 2


class DoorNotStuck(DomainError):
    """No door of this order stayed shut twice: it can be opened, or was."""

    code = "door_not_stuck"


class DoorWord(StrEnum):
    """How a door stands for whoever collects."""

    SHUT = "shut"  # nobody tried
    OPENING = "opening"
    OPEN = "open"
    STAYED = "stayed"  # its lock was released, and it was not seen to open
    DONE = "done"  # opened, and shut again


class Happened(StrEnum):
    """What a site tells of a door."""

    GRANTED = "granted"
    OPENED = "opened"
    SHUT = "shut"
    STAYED = "stayed"


@dataclass(frozen=True, slots=True)
class DoorEvent:
    """One thing a site told of a door."""

    door: int
    what: Happened
    at: datetime


@dataclass(frozen=True, slots=True)
class DoorTry:
    """A door's word, since when it holds, and how often its lock was released in vain since it last opened."""

    word: DoorWord = DoorWord.SHUT
    since: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class TriedParcel:
    """A parcel, its door's tries, and what is known to be wrong with that door."""

    parcel_id: str
    door: int
    state: ParcelState
    tried: DoorTry
    trouble: DoorTrouble | None

    @property
    def is_stuck(self) -> bool:
        """True when its owner can do nothing more: someone must come."""
        if self.state is not ParcelState.LOADED or self.tried.word in {DoorWord.OPEN, DoorWord.DONE}:
            return False
        if self.trouble is DoorTrouble.MISWIRED:
            return True
        known = self.trouble is DoorTrouble.JAMMED and self.tried.failures > 0
        return known or self.tried.failures >= STUCK_AFTER

    @property
    def stayed_shut(self) -> bool:
        """True when pressing its edge and trying again is worth it."""
        return self.state is ParcelState.LOADED and self.tried.word is DoorWord.STAYED and not self.is_stuck


MOVES: Mapping[Happened, DoorWord] = {
    Happened.GRANTED: DoorWord.OPENING,
    Happened.OPENED: DoorWord.OPEN,
    Happened.SHUT: DoorWord.DONE,
    Happened.STAYED: DoorWord.STAYED,
}


def tries(events: Iterable[DoorEvent]) -> dict[int, DoorTry]:
    """Follow the events of an order's doors, oldest first."""
    found: dict[int, DoorTry] = {}
    for event in events:
        before = found.get(event.door, DoorTry())
        if event.what is Happened.SHUT and before.word is not DoorWord.OPEN:
            continue  # somebody else's opening
        failures = before.failures + (event.what is Happened.STAYED)
        after = replace(before, word=MOVES[event.what], since=event.at, failures=failures)
        found[event.door] = replace(after, failures=0) if event.what is Happened.OPENED else after
    return found


def refuse_refund_before_a_door(state: OrderState, parcels: Iterable[TriedParcel]) -> None:
    """Raises DoorNotStuck unless a door of a ready order will not open."""
    if state is not OrderState.READY or not any(each.is_stuck for each in parcels):
        raise DoorNotStuck
