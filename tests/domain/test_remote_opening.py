"""When an opening from afar waits for a second person, and who may end the waiting."""

import pytest

from app.domain.errors import DomainError, IllegalMove
from app.domain.hold_state import FINAL_HOLD_STATES, HOLD_TABLE, HoldEvent, HoldState
from app.domain.remote_opening import (
    OpeningDecided,
    OwnOpening,
    TooManyWaiting,
    needs_second,
    openings,
    refuse_decision,
    refuse_more_waiting,
)
from app.domain.state_table import step
from locker_protocol.vocabulary import Right


@pytest.mark.parametrize(
    ("asked", "lately", "needed"),
    [
        ({"A": 1}, {}, False),
        ({"A": 3}, {}, False),
        ({"A": 4}, {}, True),
        ({"A": 1}, {"A": 2}, False),
        ({"A": 1}, {"A": 3}, True),
        ({"A": 1}, {"B": 3}, False),
        ({"A": 1, "B": 1}, {"B": 3}, True),
        ({"A": 1}, dict.fromkeys("BCDEFGH", 2) | {"I": 3, "J": 2}, False),
        ({"A": 2}, dict.fromkeys("BCDEFGH", 2) | {"I": 3, "J": 2}, True),
    ],
)
def test_more_than_three_at_a_locker_or_twenty_in_the_fleet_need_a_second_person(
    asked: dict[str, int], lately: dict[str, int], needed: bool
) -> None:
    assert needs_second(asked, lately) is needed


def test_the_doors_of_an_order_handed_over_are_one_opening() -> None:
    assert [openings(Right.HAND_OVER, doors) for doors in (0, 1, 3)] == [0, 1, 1]
    assert [openings(Right.RESCUE, doors) for doors in (0, 1, 3)] == [0, 1, 3]


@pytest.mark.parametrize("state", HoldState)
@pytest.mark.parametrize("event", HoldEvent)
def test_only_what_waits_is_decided(state: HoldState, event: HoldEvent) -> None:
    if state is HoldState.WAITING:
        assert step(HOLD_TABLE, state, event) in FINAL_HOLD_STATES
    else:
        with pytest.raises(IllegalMove):
            step(HOLD_TABLE, state, event)


@pytest.mark.parametrize(
    ("state", "overdue", "own", "refusal"),
    [
        (HoldState.WAITING, False, True, OwnOpening),
        (HoldState.WAITING, True, False, OpeningDecided),
        (HoldState.CONFIRMED, False, False, OpeningDecided),
        (HoldState.DECLINED, False, False, OpeningDecided),
        (HoldState.EXPIRED, True, False, OpeningDecided),
    ],
)
def test_a_decision_is_anothers_and_in_time(
    state: HoldState, overdue: bool, own: bool, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        refuse_decision(state=state, overdue=overdue, own=own)


def test_one_person_cannot_fill_the_list_of_what_waits() -> None:
    refuse_more_waiting(4)
    with pytest.raises(TooManyWaiting) as refused:
        refuse_more_waiting(5)
    assert refused.value.facts == {"most": 5}
