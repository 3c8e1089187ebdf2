"""What a resident is offered when something does not go as promised, until when, and what silence means.

Decides by time and by what is possible; never whether it is possible (`replanning` and the counters say that), and
never anything about money. What is offered is checked again when it is taken.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.domain.calendar import instant
from app.domain.errors import DomainError

# Nobody is told the same again for less (experience §2, "late van").
CHANGE_WORTH_TELLING = timedelta(minutes=15)
WAITS_PATIENTLY = timedelta(minutes=60)
# "Keep till morning" means that one can still collect on the way to work.
MORNING = time(8)
BEFORE_THE_LAST_WINDOW_CLOSES = timedelta(hours=1)
READY_FOR = timedelta(minutes=30)
TIME_TO_ANSWER = timedelta(hours=2)
SHORTEST_TO_ANSWER = timedelta(minutes=30)


class OfferKind(StrEnum):
    """Why somebody is asked."""

    LATE_VAN = "late_van"
    CALLED_OFF = "called_off"
    NOT_LOADED = "not_loaded"
    NOT_COLLECTED = "not_collected"


class Option(StrEnum):
    """What may be chosen, in the order in which it is shown."""

    KEEP = "keep"
    HAND_OVER = "hand_over"
    WAIT = "wait"
    TOMORROW = "tomorrow"
    NEIGHBOUR = "neighbour"
    REFUND = "refund"


# Options that move the order to another run, and so may be gone when they are taken.
MOVES = frozenset({Option.TOMORROW, Option.NEIGHBOUR})

# What is done when nobody answers: the first that is possible. Where nothing stands, everything stays as it is.
IN_SILENCE: Mapping[OfferKind, tuple[Option, ...]] = {
    OfferKind.LATE_VAN: (),
    OfferKind.NOT_COLLECTED: (),
    OfferKind.CALLED_OFF: (Option.TOMORROW, Option.REFUND),
    OfferKind.NOT_LOADED: (Option.WAIT, Option.TOMORROW, Option.REFUND),
}


class ChoiceOver(DomainError):
    """It was answered before, or the time to answer is over."""

    code = "choice_over"


class ChoiceGone(DomainError):
    """What was chosen is not possible any more; the page shows what is left."""

    code = "choice_gone"


class DelayTooSmall(DomainError):
    """Less than 15 minutes from what people were told last. Fact: `minutes`, the least."""

    code = "delay_too_small"
    status = 422


class DelayImpossible(DomainError):
    """The hour is past, or the leftovers are taken away before it: the run is called off instead."""

    code = "delay_impossible"
    status = 422


class RunOver(DomainError):
    """The run was called off, or its leftovers are taken away by now."""

    code = "run_over"


def refuse_delay(*, expected_at: datetime, told: datetime, removal_from: datetime, now: datetime) -> None:
    """Refuse an hour that cannot be, or is not worth a message. `told`: the hour people reckon with now."""
    if not now < expected_at < removal_from:
        raise DelayImpossible
    if abs(expected_at - told) < CHANGE_WORTH_TELLING:
        raise DelayTooSmall(minutes=CHANGE_WORTH_TELLING // timedelta(minutes=1))


def late_options(late: timedelta, *, keeps: bool, moves: Collection[Option]) -> tuple[Option, ...]:
    """What is offered for a late van: nothing up to an hour, as long as the food `keeps` until it can be collected."""
    if keeps and late <= WAITS_PATIENTLY:
        return ()
    return in_order({*moves, Option.REFUND, *({Option.WAIT} if keeps else ())})


def not_collected_options(*, keeps_until: datetime, last_closes_at: datetime, timezone: str) -> tuple[Option, ...]:
    """What is offered to whoever did not collect; `keeps_until` is the end of the first of their parcels."""
    morning = morning_after(last_closes_at, timezone)
    return in_order({Option.HAND_OVER, Option.REFUND, *({Option.KEEP} if keeps_until > morning else ())})


def ask_not_collected_from(*, last_closes_at: datetime, ready_at: datetime) -> datetime:
    """When whoever did not collect is asked: an hour before the last window closes, and not at once."""
    return max(last_closes_at - BEFORE_THE_LAST_WINDOW_CLOSES, ready_at + READY_FOR)


def answer_by(*, first_opens_at: datetime, now: datetime) -> datetime:
    """Until when an answer counts: the first window's opening, or two hours where that is past or too near."""
    return first_opens_at if first_opens_at - now >= SHORTEST_TO_ANSWER else now + TIME_TO_ANSWER


def morning_after(moment: datetime, timezone: str) -> datetime:
    """Eight o'clock of the next local day."""
    zone = ZoneInfo(timezone)
    return instant(moment.astimezone(zone).date() + timedelta(days=1), MORNING, zone)


def in_order(options: Collection[Option]) -> tuple[Option, ...]:
    """As they are shown."""
    return tuple(option for option in Option if option in options)
