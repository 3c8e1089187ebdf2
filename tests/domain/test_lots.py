"""Which lot is taken, what a recall does to an order, and how much of a line goes back."""

from datetime import date

import pytest

from app.domain.errors import IllegalMove
from app.domain.lot_state import LOT_TABLE, LotEvent, LotState
from app.domain.lots import LotLeft, LotNotForThis, LotShort, Taken, as_chosen, first_expired_first
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.recalling import RecallStep, amount_back, steps
from app.domain.state_table import step

TODAY = date(2026, 11, 24)
OLD, FRESH, SOON = (
    LotLeft("1", "old", date(2026, 11, 26), 3),
    LotLeft("2", "fresh", date(2026, 11, 30), 9),
    LotLeft("3", "soon", date(2026, 11, 25), 2),
)


def test_what_expires_first_goes_first_and_a_line_may_take_from_two_lots() -> None:
    assert first_expired_first([OLD, FRESH, SOON], quantity=4, good_on=TODAY) == [Taken("3", 2), Taken("1", 2)]


def test_of_two_lots_that_expire_together_the_one_that_came_first_goes_first() -> None:
    later = LotLeft("9", "later", OLD.expires_on, 3)
    assert first_expired_first([OLD, later], quantity=1, good_on=TODAY) == [Taken("1", 1)]


def test_a_lot_is_good_on_its_last_day_and_not_the_day_after() -> None:
    assert first_expired_first([SOON], quantity=1, good_on=SOON.expires_on) == [Taken("3", 1)]
    assert first_expired_first([SOON], quantity=1, good_on=OLD.expires_on) == []


def test_pieces_beyond_all_lots_are_of_no_lot() -> None:
    assert first_expired_first([OLD], quantity=5, good_on=TODAY) == [Taken("1", 3)]


def test_a_picker_takes_another_lot_as_far_as_it_goes() -> None:
    found = as_chosen([OLD, FRESH, SOON], code="old", chosen=None, quantity=5, good_on=TODAY)
    assert found == [Taken("1", 3, by_hand=True), Taken("3", 2)]
    found = as_chosen([OLD, FRESH, SOON], code="fresh", chosen=1, quantity=2, good_on=TODAY)
    assert found == [Taken("2", 1, by_hand=True), Taken("3", 1)]


@pytest.mark.parametrize(("code", "good_on"), [("nobody's", TODAY), ("soon", OLD.expires_on)])
def test_a_lot_of_other_goods_or_too_old_is_refused(code: str, good_on: date) -> None:
    with pytest.raises(LotNotForThis):
        as_chosen([SOON], code=code, chosen=1, quantity=1, good_on=good_on)


@pytest.mark.parametrize("pieces", [0, 4, 9])
def test_no_more_of_a_lot_than_is_left_or_than_the_line_has(pieces: int) -> None:
    with pytest.raises(LotShort) as refused:
        as_chosen([OLD], code="old", chosen=pieces, quantity=5, good_on=TODAY)
    assert refused.value.facts == {"lot": "old", "left": 3}


def test_a_recalled_lot_never_opens_again() -> None:
    assert step(LOT_TABLE, LotState.HELD, LotEvent.RELEASED) is LotState.OPEN
    for event in LotEvent:
        with pytest.raises(IllegalMove):
            step(LOT_TABLE, LotState.RECALLED, event)


@pytest.mark.parametrize(
    ("order", "parcels", "expected"),
    [
        (OrderState.PAID, {ParcelState.PLANNED}, {RecallStep.PICK_AGAIN}),
        (OrderState.PAID, {ParcelState.PACKED}, {RecallStep.WITHDRAW}),
        (OrderState.PACKED, {ParcelState.LOADED}, {RecallStep.WITHDRAW}),
        (OrderState.READY, {ParcelState.LOADED, ParcelState.COLLECTED}, {RecallStep.WITHDRAW, RecallStep.WARN}),
        (OrderState.READY, {ParcelState.RESCUED}, {RecallStep.WITHDRAW}),
        (OrderState.COLLECTED, {ParcelState.COLLECTED}, {RecallStep.WARN}),
        (OrderState.COLLECTED, {ParcelState.DISPOSED}, set()),
        (OrderState.EXPIRING, {ParcelState.LOADED}, set()),
        (OrderState.EXPIRING, {ParcelState.COLLECTED, ParcelState.LOADED}, {RecallStep.WARN}),
        (OrderState.REFUNDED, {ParcelState.RETURNED}, set()),
    ],
)
def test_what_a_recall_does_depends_on_where_the_bag_is(
    order: OrderState, parcels: set[ParcelState], expected: set[RecallStep]
) -> None:
    assert steps(order, parcels) == expected


def test_a_part_of_a_line_goes_back_by_its_share_rounded_up() -> None:
    assert amount_back(kept_minor=1000, of_lot=1, packed=3) == 334
    assert amount_back(kept_minor=999, of_lot=3, packed=3) == 999
    assert amount_back(kept_minor=0, of_lot=1, packed=3) == 0
