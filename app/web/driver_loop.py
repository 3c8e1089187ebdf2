"""Where a driver's loop stands: scan, wait, put, shut, next. Pure: what was asked and what the site told decide it.

A reload, a second phone or a scan at the locker's own scanner changes nothing: the loop is read, never remembered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from app.db.pages.ops import DoorNow
from app.db.pages.staff import Bag
from app.domain.parcel_state import ParcelState
from locker_protocol.label import read_label

# In real seconds; a demo's faster civil time multiplies them.
ANSWER_GRACE_S = 5
PUTTING_S = 6
LOST_INTEREST_S = 120
LAID = frozenset({ParcelState.LOADED, ParcelState.COLLECTED})


class Word(StrEnum):
    """The one thing to do now."""

    SCAN = "scan"
    WAIT = "wait"
    PUT = "put"
    SHUT = "shut"
    LOOK = "look"
    NEXT = "next"
    OPEN = "open"
    TAKE = "take"
    WIPE = "wipe"
    BUSY = "busy"
    STUCK = "stuck"
    REFUSED = "refused"
    SILENT = "silent"
    DONE = "done"


# The screen changes by itself while one of these stands on it.
MOVING = frozenset({Word.WAIT, Word.PUT, Word.LOOK, Word.SHUT, Word.TAKE, Word.WIPE})


@dataclass(frozen=True, slots=True)
class Step:
    """What the screen says; `door` stands in large digits, `refusal` becomes a sentence."""

    word: Word
    door: int | None = None
    ref: str = ""
    refusal: str = ""

    @property
    def waits(self) -> bool:
        """Whether something is about to change by itself."""
        return self.word in MOVING


class Asked(Protocol):
    """The last load command of this driver at this site, as `db.pages.staff.last_load` reads it."""

    label: str
    asked_at: datetime
    not_after: datetime
    answered_at: datetime | None
    answered_doors: Sequence[int]
    instead_of: int | None
    refusal: str | None
    stayed_shut: int


def step_of(
    asked: Asked | None,
    bags: Sequence[Bag],
    doors: Mapping[int, DoorNow],
    *,
    now: datetime,
    rate: float = 1,
    away: frozenset[str] = frozenset(),
) -> Step:
    """Say what the driver does next. `away`: bags that are missing or broken, for which nobody waits."""
    done = bags and all(bag.state in LAID or bag.ref in away for bag in bags)
    resting = Step(Word.DONE) if done else Step(Word.SCAN)
    if asked is None:
        return resting
    label = read_label(asked.label)
    ref = label.ref if label else ""
    if asked.refusal is not None:
        return Step(Word.REFUSED, ref=ref, refusal=asked.refusal)
    if asked.answered_at is None or not asked.answered_doors:
        late = now > asked.not_after + timedelta(seconds=ANSWER_GRACE_S * rate)
        return Step(Word.SILENT if late else Word.WAIT, ref=ref)
    bag = next((bag for bag in bags if bag.ref == ref), None)
    if bag is None:
        return resting
    if bag.state in LAID and not _still_behind(asked, bag):
        return resting if resting.word is Word.DONE else Step(Word.NEXT, bag.door, ref)
    step = _at_the_door(asked, doors.get(asked.answered_doors[0]), resting, now=now, rate=rate, ref=ref)
    return replace(step, word=Word.LOOK) if step.word is Word.PUT and bag.look_door == step.door else step


def _still_behind(asked: Asked, bag: Bag) -> bool:
    """The bag is still told as lying behind the door that will not do; another one is open already."""
    return asked.instead_of is not None and bag.state is ParcelState.LOADED and bag.door == asked.instead_of


def _at_the_door(asked: Asked, door: DoorNow | None, resting: Step, *, now: datetime, rate: float, ref: str) -> Step:
    number = asked.answered_doors[0]
    if door is not None and door.door_state == "open":
        long_open = door.door_changed_at and now - door.door_changed_at > timedelta(seconds=PUTTING_S * rate)
        return Step(Word.SHUT if long_open else Word.PUT, number, ref)
    if asked.stayed_shut:
        return Step(Word.STUCK, number, ref)
    if now - asked.asked_at > timedelta(seconds=LOST_INTEREST_S * rate):
        return resting
    return Step(Word.PUT, number, ref)
