"""What an order's doors did, in a word a door, and when their owner may have the money at once."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.door_tries import (
    DoorEvent,
    DoorNotStuck,
    DoorTry,
    DoorWord,
    Happened,
    TriedParcel,
    refuse_refund_before_a_door,
    tries,
)
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from locker_protocol.vocabulary import DoorTrouble

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
GO, UP, SHUT, NO = Happened.GRANTED, Happened.OPENED, Happened.SHUT, Happened.STAYED


def follow(*happened: Happened) -> DoorTry:
    events = [DoorEvent(12, what, NOW + timedelta(seconds=n)) for n, what in enumerate(happened)]
    return tries(events).get(12, DoorTry())


@pytest.mark.parametrize(
    ("happened", "word", "failures"),
    [
        ((), DoorWord.SHUT, 0),
        ((GO,), DoorWord.OPENING, 0),
        ((GO, UP), DoorWord.OPEN, 0),
        ((GO, UP, SHUT), DoorWord.DONE, 0),
        ((GO, NO), DoorWord.STAYED, 1),
        ((GO, NO, GO), DoorWord.OPENING, 1),
        ((GO, NO, GO, NO), DoorWord.STAYED, 2),
        ((GO, NO, GO, UP), DoorWord.OPEN, 0),
        ((SHUT,), DoorWord.SHUT, 0),  # of an opening that was not this order's
    ],
)
def test_a_door_says_what_it_did_last_and_how_often_in_vain(
    happened: tuple[Happened, ...], word: DoorWord, failures: int
) -> None:
    found = follow(*happened)
    assert (found.word, found.failures) == (word, failures)


def parcel(
    *happened: Happened, state: ParcelState = ParcelState.LOADED, trouble: DoorTrouble | None = None
) -> TriedParcel:
    return TriedParcel("p1", 12, state, follow(*happened), trouble)


@pytest.mark.parametrize(
    ("tried", "stuck"),
    [
        (parcel(GO, NO), False),
        (parcel(GO, NO, GO, NO), True),
        (parcel(GO, NO, GO, NO, GO), True),  # a third pulse is under way; the money may be had meanwhile
        (parcel(GO, NO, trouble=DoorTrouble.JAMMED), True),
        (parcel(trouble=DoorTrouble.JAMMED), False),
        (parcel(trouble=DoorTrouble.MISWIRED), True),
        (parcel(GO, NO, GO, NO, GO, UP), False),
        (parcel(GO, NO, GO, NO, state=ParcelState.COLLECTED), False),
    ],
)
def test_a_door_is_stuck_after_two_pulses_in_vain_or_one_where_it_is_known(tried: TriedParcel, *, stuck: bool) -> None:
    assert tried.is_stuck is stuck
    if stuck:
        refuse_refund_before_a_door(OrderState.READY, [tried])
    else:
        with pytest.raises(DoorNotStuck):
            refuse_refund_before_a_door(OrderState.READY, [tried])


@pytest.mark.parametrize("state", [state for state in OrderState if state is not OrderState.READY])
def test_nothing_is_refunded_before_a_door_of_an_order_that_is_not_ready(state: OrderState) -> None:
    with pytest.raises(DoorNotStuck):
        refuse_refund_before_a_door(state, [parcel(GO, NO, GO, NO)])
