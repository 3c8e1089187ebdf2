"""Where taking out and wiping stand: open, wait, do it, shut, next doors. Pure, like the load loop beside it.

What was asked last and what the site told since decide it; a reload or a second phone changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.db.pages.ops import DoorNow
from app.web.driver_loop import ANSWER_GRACE_S, LOST_INTEREST_S, MOVING, PUTTING_S, Word

# In real seconds; a demo's faster civil time multiplies them.
OPEN_LONG_S = {Word.TAKE: PUTTING_S, Word.WIPE: 30}


@dataclass(frozen=True, slots=True)
class DoorsStep:
    """What the screen says, and the doors it points at; `refusal` becomes a sentence."""

    word: Word
    doors: Sequence[int] = ()
    refusal: str = ""

    @property
    def waits(self) -> bool:
        """Whether something is about to change by itself."""
        return self.word in MOVING


class Opening(Protocol):
    """The last doors this driver asked for, as `db.pages.visit.last_opening` reads them."""

    doors: Sequence[int]
    asked_at: datetime
    not_after: datetime
    answered_at: datetime | None
    refusal: str | None
    stayed_shut: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Round:
    """What is left: all doors of the task, and those to open next; others' doors are in the first only."""

    work: Word
    waiting: Sequence[int]
    upcoming: Sequence[int]

    @property
    def resting(self) -> DoorsStep:
        """What the screen says when nothing was begun."""
        if self.upcoming:
            return DoorsStep(Word.OPEN, self.upcoming)
        return DoorsStep(Word.BUSY, self.waiting) if self.waiting else DoorsStep(Word.DONE)


def doors_step(
    asked: Opening | None, left: Round, doors: Mapping[int, DoorNow], *, now: datetime, rate: float = 1
) -> DoorsStep:
    """Say what the driver does next."""
    mine = [door for door in asked.doors if door in left.waiting] if asked else []
    if asked is None or not mine:
        return left.resting
    standing_open = [doors[door] for door in mine if doors[door].door_state == "open"]
    if standing_open:
        long_ago = now - timedelta(seconds=OPEN_LONG_S[left.work] * rate)
        forgotten = all(door.door_changed_at and door.door_changed_at < long_ago for door in standing_open)
        return DoorsStep(Word.SHUT, [door.door for door in standing_open]) if forgotten else DoorsStep(left.work, mine)
    if now - asked.asked_at > timedelta(seconds=LOST_INTEREST_S * rate):
        return left.resting
    return _shut_doors(asked, mine, left.work, now=now, rate=rate)


def _shut_doors(asked: Opening, mine: Sequence[int], work: Word, *, now: datetime, rate: float) -> DoorsStep:
    if asked.refusal is not None:
        return DoorsStep(Word.REFUSED, mine, asked.refusal)
    if asked.answered_at is None:
        late = now > asked.not_after + timedelta(seconds=ANSWER_GRACE_S * rate)
        return DoorsStep(Word.SILENT if late else Word.WAIT, mine)
    stuck = [door for door in mine if door in (asked.stayed_shut or ())]
    return DoorsStep(Word.STUCK, stuck) if stuck else DoorsStep(work, mine)
