"""Weights and what they cost; which goods take a bag of their own."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.picking import InnerBag, PickedLine, amounts_back, inner_bag
from app.domain.refunding import RefundCause
from app.domain.weighing import ScaleNotVerified, refuse_unverified, tolerance_g


@pytest.mark.parametrize(
    ("declared", "food_class", "grams"),
    [
        (1_000, "chilled_quality", 20),
        (1_001, "ambient", 40),
        (5_000, "ambient", 100),
        (30_000, "ambient", 100),
        (2_500, "chilled_strict", 5),
        (2_501, "chilled_tcs", 10),
        (300, "frozen", 5),
    ],
)
def test_a_portion_may_lack_what_the_measures_allow(declared: int, food_class: str, grams: int) -> None:
    assert tolerance_g(declared, food_class=food_class) == grams


def test_a_scale_weighs_until_the_end_of_its_last_day() -> None:
    refuse_unverified("1", verified_until=date(2026, 11, 24), today=date(2026, 11, 24))
    with pytest.raises(ScaleNotVerified):
        refuse_unverified("1", verified_until=date(2026, 11, 24), today=date(2026, 11, 25))


@pytest.mark.parametrize(
    ("food_class", "flags", "bag"),
    [
        ("chilled_strict", [], InnerBag.OWN),
        ("chilled_tcs", ["seal_apart"], InnerBag.OWN),
        ("chilled_tcs", [], InnerBag.SHARED),
        ("chilled_quality", ["smells"], InnerBag.OWN),
        ("chilled_quality", ["leaks"], InnerBag.OWN),
        ("ambient", ["ready_to_eat"], InnerBag.READY_TO_EAT),
        ("ambient", ["fragile"], InnerBag.SHARED),
    ],
)
def test_raw_leaking_and_smelling_goods_take_a_bag_of_their_own(food_class: str, flags: list[str], bag: Any) -> None:
    assert inner_bag(food_class=food_class, flags=flags) is bag


@given(
    quantity=st.integers(1, 99),
    data=st.data(),
    price=st.integers(1, 100_000),
    weight=st.none() | st.integers(1, 300_000),
    net=st.integers(1, 5_000),
    catch=st.booleans(),
)
def test_no_line_gives_more_back_than_it_was_charged(
    quantity: int, data: st.DataObject, price: int, weight: int | None, net: int, catch: bool
) -> None:
    picked = data.draw(st.integers(0, quantity))
    line = PickedLine(
        quantity=quantity,
        picked=picked,
        price_minor=price,
        estimate_minor=data.draw(st.integers(1, price)),
        catch_weight=catch,
        net_g=net,
        weight_g=weight if picked else None,
        food_class="chilled_tcs",
        substitute_quantity=data.draw(st.integers(0, quantity - picked)),
        substitute_minor=data.draw(st.integers(1, 200_000)),
    )
    back = amounts_back(line)
    assert all(amount > 0 for amount in back.values())
    assert sum(back.values()) <= quantity * price
    missing = quantity - picked - line.substitute_quantity
    assert back.get(RefundCause.SHORT, 0) == missing * price
