"""What a keeper should do at a door they asked for: a word, from the site's answer and what the door did. Pure.

Never says that a door is open because it was asked to: only the site's word counts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class DoorWord(StrEnum):
    """What to do now."""

    WAIT = "wait"
    PULL = "pull"  # its lock was released
    TAKE = "take"  # it is open
    STUCK = "stuck"
    REFUSED = "refused"
    SILENT = "silent"
    HELD = "held"  # a second person must agree
    DECLINED = "declined"
    EXPIRED = "expired"  # nobody agreed in time
    DONE = "done"


ANSWERS = {
    "waiting": DoorWord.WAIT,
    "refused": DoorWord.REFUSED,
    "unanswered": DoorWord.SILENT,
    "held": DoorWord.HELD,
    "declined": DoorWord.DECLINED,
    "expired": DoorWord.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorTask:
    """One door of what was asked."""

    door: int
    word: DoorWord


def tasks(
    doors: Collection[int],
    *,
    command_state: str,
    open_now: Collection[int],
    opened: Collection[int],
    stuck: Collection[int],
    done: Collection[int],
) -> list[DoorTask]:
    """What to do at each door; `command_state` as `ops.command_state` says it."""
    answer = ANSWERS.get(command_state)

    def word(door: int) -> DoorWord:
        if door in done:
            return DoorWord.DONE
        if door in opened and door in open_now:
            return DoorWord.TAKE
        if door in stuck and door not in opened:
            return DoorWord.STUCK
        return answer or DoorWord.PULL

    return [DoorTask(door=door, word=word(door)) for door in sorted(doors)]
