"""Checkout: what an order holds, what it refuses, and that a refusal leaves no trace."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.basket import (
    IdempotencyKeyReused,
    LiveGoods,
    NothingInBasket,
    OrderCycleClosed,
    ProductUnavailable,
    QuantityAbsurd,
    SoldOut,
    WindowFull,
)
from app.domain.capacity import RunFull
from app.domain.errors import DomainError, NotFound
from app.domain.parcelling import TooLargeForLockers
from app.domain.shelf_life import KeepsTooShort
from app.use_cases.ordering.place_order import place_order
from tests.use_cases.cast import ALICE, BOB, NOW, ORDER_BY, REMOVAL_FROM, Shop, add_people, at_once


def refused(shop: Shop, refusal: type[DomainError], *wanted: tuple[str, int], **changes: Any) -> DomainError:
    """Ask in vain, and find everything as it was."""
    before = shop.everything()
    with pytest.raises(refusal) as caught:
        shop.order(*wanted, **changes)
    assert shop.everything() == before
    return caught.value


def test_an_order_holds_stock_doors_and_a_place_for_ten_minutes(shop: Shop) -> None:
    order = shop.order(("milk", 2), ("tomatoes", 1), ("dumplings", 1))

    assert shop.state(order) == "awaiting_payment"
    assert (order.total_minor, order.currency) == (2 * 1380 + 590 + 1690, "CNY")
    assert shop.taken() == {
        "stock": {"milk": 2, "tomatoes": 1, "dumplings": 1},
        "doors": {("chilled", "S"): 1, ("frozen", "S"): 1},
        "places": 1,
    }
    assert shop.one("SELECT hold_until FROM customer_order") == NOW + timedelta(minutes=10)


def test_its_parcels_are_drafts_with_numbers_that_begin_with_its_own(shop: Shop) -> None:
    order = shop.order(("milk", 1), ("dumplings", 1))

    parcels = shop.parcels(order)

    assert [parcel.ref for parcel in parcels] == [f"{order.order_no}0", f"{order.order_no}1"]
    assert {parcel.state for parcel in parcels} == {"draft"}
    assert {parcel.collect_until for parcel in parcels} == {REMOVAL_FROM}


def test_a_late_window_parts_what_an_early_one_keeps_together(shop: Shop) -> None:
    early = shop.order(("milk", 1), ("tomatoes", 1))
    late = shop.order(("milk", 1), ("tomatoes", 1), window_id=shop.late_window_id)

    assert [parcel.zone for parcel in shop.parcels(early)] == ["chilled"]
    assert [parcel.zone for parcel in shop.parcels(late)] == ["chilled", "cool"]


def test_catch_weight_is_charged_at_its_cap(shop: Shop) -> None:
    assert shop.order(("pork", 2)).total_minor == 2 * 2178


def test_a_line_split_over_two_doors_becomes_two_lines(shop: Shop) -> None:
    order = shop.order(("pak-choi", 12))

    lines = shop.rows("SELECT quantity, parcel_id FROM order_line WHERE order_id = :id", id=order.order_id)

    assert sum(line.quantity for line in lines) == 12
    assert len({line.parcel_id for line in lines}) == len(lines) == 2
    assert shop.taken()["stock"] == {"pak-choi": 12}


def test_the_history_begins_with_who_placed_it(shop: Shop) -> None:
    order = shop.order()

    (row,) = shop.rows("SELECT * FROM history WHERE order_id = :id", id=order.order_id)

    assert (row.from_state, row.event, row.to_state, row.actor) == (
        None,
        "placed",
        "awaiting_payment",
        f"person:{ALICE}",
    )


@pytest.mark.parametrize(
    ("refusal", "wanted"),
    [
        (QuantityAbsurd, [("milk", 0)]),
        (QuantityAbsurd, [("milk", 100)]),
        (ProductUnavailable, [("unicorn", 1)]),
        (LiveGoods, [("crabs", 1)]),
        (KeepsTooShort, [("oysters", 1)]),
        (TooLargeForLockers, [("canoe", 1)]),
    ],
)
def test_what_cannot_be_ordered_is_refused_by_name(
    shop: Shop, refusal: type[DomainError], wanted: list[tuple[str, int]]
) -> None:
    if refusal is LiveGoods:  # not among a run's goods; an operator may put it there by mistake
        shop.run_sql("INSERT INTO run_stock (run_no, product_id, total) VALUES (:run, 'crabs', 9)", run=shop.run_no)

    error = refused(shop, refusal, ("milk", 1), *wanted)

    assert error.facts["product"] == wanted[0][0]


def test_an_empty_basket_is_refused(shop: Shop) -> None:
    before = shop.everything()

    with pytest.raises(NothingInBasket), transaction(shop.engine) as conn:
        place_order(
            conn,
            person_id=ALICE,
            window_id=shop.window_id,
            lines=[],
            idempotency_key="12345678",
            low_door=False,
            now=NOW,
        )

    assert shop.everything() == before


def test_an_unknown_window_is_not_found(shop: Shop) -> None:
    refused(shop, NotFound, window_id=99)
    refused(shop, NotFound, window_id=2**70)


def test_orders_end_with_the_cycle(shop: Shop) -> None:
    refused(shop, OrderCycleClosed, now=ORDER_BY)


def test_sold_out_says_what_is_left_of_each(shop: Shop) -> None:
    shop.order(("tomatoes", 8))

    error = refused(shop, SoldOut, ("tomatoes", 3), ("milk", 1))

    assert error.facts == {"product": "tomatoes", "wanted": 3, "left": 2}


def test_a_full_window_is_refused(shop: Shop) -> None:
    shop.run_sql("UPDATE pickup_window SET order_cap = 1 WHERE id = :id", id=shop.window_id)
    shop.order()

    refused(shop, WindowFull)


def test_a_full_zone_is_refused_with_the_doors_it_has(shop: Shop) -> None:
    shop.order(("dumplings", 1))
    shop.order(("dumplings", 1))

    error = refused(shop, RunFull, ("milk", 1), ("dumplings", 1))

    assert error.facts == {"zone": "frozen", "left": 0}


def test_the_same_key_gives_the_same_answer(shop: Shop) -> None:
    first = shop.order(("milk", 1), key="the-same-key")
    before = shop.everything()

    assert shop.order(("milk", 1), key="the-same-key") == first
    assert shop.everything() == before


def test_a_repeat_is_answered_after_the_cycle_closed(shop: Shop) -> None:
    first = shop.order(key="the-same-key")

    assert shop.order(key="the-same-key", now=ORDER_BY) == first


def test_the_same_key_for_another_basket_is_refused(shop: Shop) -> None:
    shop.order(("milk", 1), key="the-same-key")

    refused(shop, IdempotencyKeyReused, ("milk", 2), key="the-same-key")


def test_two_people_may_have_the_same_key(shop: Shop) -> None:
    assert shop.order(key="the-same-key") != shop.order(key="the-same-key", person=BOB)


def test_a_refused_key_may_be_used_again(shop: Shop) -> None:
    refused(shop, SoldOut, ("tomatoes", 11), key="the-same-key")

    shop.order(("tomatoes", 1), key="the-same-key")


# --- races


def test_the_same_basket_five_times_at_once_is_one_order(shop: Shop) -> None:
    answers = at_once(*[lambda: shop.order(("milk", 1), key="the-same-key")] * 5)

    assert len(set(answers)) == 1, answers
    assert shop.one("SELECT count(*) FROM customer_order") == 1
    assert shop.taken()["stock"] == {"milk": 1}


def test_forty_buyers_of_the_last_ten_get_exactly_ten(shop: Shop) -> None:
    shop.run_sql("UPDATE run_capacity SET total = 100")
    people = add_people(shop.engine, 40)

    answers = at_once(
        *[lambda person=person: shop.order(("tomatoes", 1), ("milk", 1), person=person) for person in people]
    )

    refusals = [answer for answer in answers if isinstance(answer, DomainError)]
    assert [type(refusal) for refusal in refusals] == [SoldOut] * 30
    assert {refusal.facts["left"] for refusal in refusals} == {0}
    assert shop.taken()["stock"] == {"tomatoes": 10, "milk": 10}
    assert shop.taken()["places"] == 10
    assert shop.one("SELECT count(*) FROM customer_order") == 10


def test_forty_buyers_of_seven_places_get_seven(shop: Shop) -> None:
    shop.run_sql("UPDATE run_capacity SET total = 100")
    shop.run_sql("UPDATE pickup_window SET order_cap = 7")
    people = add_people(shop.engine, 40)

    answers = at_once(*[lambda person=person: shop.order(("milk", 1), person=person) for person in people])

    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [WindowFull] * 33
    assert shop.taken()["stock"] == {"milk": 7}


def test_forty_buyers_of_five_chilled_doors_fill_them_and_no_more(shop: Shop) -> None:
    people = add_people(shop.engine, 40)

    def basket(number: int) -> list[tuple[str, int]]:
        return [[("milk", 1)], [("pak-choi", 7)], [("milk", 2), ("pak-choi", 8)]][number % 3]  # S, M, L

    answers = at_once(
        *[lambda n=n, person=person: shop.order(*basket(n), person=person) for n, person in enumerate(people)]
    )

    assert {type(answer) for answer in answers if isinstance(answer, Exception)} == {RunFull}
    over = shop.rows("SELECT * FROM run_capacity WHERE taken > total")
    held = shop.one("SELECT coalesce(sum(count), 0) FROM capacity_hold WHERE zone = 'chilled' AND size_or_larger = 'S'")
    assert over == []
    assert held == 5 == shop.taken()["doors"]["chilled", "S"]


def test_opposite_baskets_never_wait_in_a_circle(shop: Shop) -> None:
    shop.run_sql("UPDATE run_capacity SET total = 1000")
    shop.run_sql("UPDATE run_stock SET total = 1000")
    shop.run_sql("UPDATE pickup_window SET order_cap = 1000")
    people = add_people(shop.engine, 40)
    baskets = [[("milk", 1), ("potatoes", 1), ("dumplings", 1)], [("dumplings", 1), ("potatoes", 1), ("milk", 1)]]

    answers = at_once(
        *[lambda n=n, person=person: shop.order(*baskets[n % 2], person=person) for n, person in enumerate(people)]
    )

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert shop.taken()["stock"] == {"dumplings": 40, "milk": 40, "potatoes": 40}
