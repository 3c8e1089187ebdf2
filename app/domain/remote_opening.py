"""How many doors one person may have opened from afar, before another person must say yes.

Whoever steals a phone or a password of staff's could empty every locker from a chair; so beyond so many doors a minute
a second person decides (issue 4: more than 3 at a locker, 20 in the fleet). What somebody in front of the lockers opens
is not counted: codes, labels, and a driver's doors at a visit, which hold nothing that anybody may still collect.
Decides whether an opening waits and who may end the waiting. Never which doors may be asked for.
"""

from collections.abc import Mapping
from datetime import timedelta

from app.domain.errors import DomainError
from app.domain.hold_state import HoldState
from locker_protocol.vocabulary import Right

WITHIN = timedelta(minutes=1)
MOST_AT_LOCKER, MOST_IN_FLEET = 3, 20
# Long enough to telephone the office, short enough that whoever asked is still there.
WAITS = timedelta(minutes=5)
MOST_WAITING = 5

# By these, doors open on a person's word alone. `check` and `remove` need a visit and doors nobody may collect from.
COUNTED = frozenset({Right.STAFF, Right.RESCUE, Right.HAND_OVER})


class TooManyWaiting(DomainError):
    """Five requests of this person wait for a second one already. Fact: `most`."""

    code = "too_many_waiting"
    status = 429


class OwnOpening(DomainError):
    """Nobody confirms what they asked for themselves."""

    code = "own_opening"
    status = 403


class OpeningDecided(DomainError):
    """Somebody else has decided it, or its time has passed."""

    code = "opening_decided"


def openings(right: Right, doors: int) -> int:
    """For how many openings so many doors at one locker count: those of an order handed over are one."""
    return min(doors, 1) if right is Right.HAND_OVER else doors


def needs_second(asked: Mapping[str, int], lately: Mapping[str, int]) -> bool:
    """Whether these openings by locker are too many, after those of the last minute in the whole fleet."""
    too_many_there = any(count + lately.get(locker, 0) > MOST_AT_LOCKER for locker, count in asked.items())
    return too_many_there or sum(asked.values()) + sum(lately.values()) > MOST_IN_FLEET


def refuse_more_waiting(waiting: int) -> None:
    """Raises TooManyWaiting when so many requests of one person wait."""
    if waiting >= MOST_WAITING:
        raise TooManyWaiting(most=MOST_WAITING)


def refuse_decision(*, state: HoldState, overdue: bool, own: bool) -> None:
    """Raises OwnOpening or OpeningDecided."""
    if own:
        raise OwnOpening
    if state is not HoldState.WAITING or overdue:
        raise OpeningDecided
