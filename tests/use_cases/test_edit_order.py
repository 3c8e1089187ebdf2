"""A paid order is changed by its owner until the cut-off: whole or not at all, and the money follows."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.basket import NothingInBasket, OrderCycleClosed, ProductUnavailable, SoldOut, WindowFull
from app.domain.capacity import RunFull
from app.domain.editing import (
    EditClosed,
    MovedOrder,
    NothingChanged,
    NotToBeEdited,
    PartlyRefunded,
    PickingBegan,
    TooManyEdits,
)
from app.domain.errors import DomainError, NotFound
from app.domain.holding import NotToBePaid
from app.domain.picking import ShortReason
from app.use_cases.money.refund_by_hand import refund_by_hand
from app.use_cases.packing.short_line import short_line
from locker_protocol.site_entries import PlanOrder
from tests.use_cases.cast import ALICE, BOB, NOW, ORDER_BY, OTHER_SITE, PICKER, Shop, at_once
from tests.use_cases.changes import Changes
from tests.use_cases.evening import Evening


def agrees(shop: Shop) -> bool:
    """What is held of every run is what its live orders have."""
    stock = shop.rows("""
        SELECT s.run_no, s.product_id FROM run_stock s LEFT JOIN (
            SELECT coalesce(stock_run_no, run_no) AS run_no, product_id, sum(quantity) AS n FROM order_line
            JOIN customer_order o ON o.id = order_id WHERE o.state <> 'released' GROUP BY 1, 2
        ) o USING (run_no, product_id) WHERE s.taken <> coalesce(o.n, 0)
    """)
    doors = shop.rows("""
        SELECT c.run_no, c.zone FROM run_capacity c LEFT JOIN (
            SELECT run_no, zone, size_or_larger, sum(count) AS n FROM capacity_hold GROUP BY 1, 2, 3
        ) h USING (run_no, zone, size_or_larger) WHERE c.taken <> coalesce(h.n, 0)
    """)
    places = shop.rows("""
        SELECT w.id FROM pickup_window w WHERE w.orders_taken <>
            (SELECT count(*) FROM customer_order o WHERE o.window_id = w.id AND o.state <> 'released')
    """)
    return not (stock or doors or places)


def refused(changes: Changes, order: Any, *wanted: tuple[str, int], why: type[DomainError], **more: Any) -> DomainError:
    """The order cannot be changed so, and nothing was."""
    before = changes.shop.everything()
    with pytest.raises(why) as caught:
        changes.edit(order, *wanted, **more)
    after = changes.shop.everything()
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}
    return caught.value


def test_what_is_taken_out_goes_back_and_others_can_have_it(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 3), ("tomatoes", 2))
    edited = changes.edit(order, ("milk", 1))
    assert (edited.difference_minor, edited.payment_id) == (-(2 * 1380 + 2 * 590), None)
    assert changes.goods(order) == {"milk": 1}
    assert changes.total(order) == 1380
    assert changes.refunds(order) == [("edited", 2 * 1380 + 2 * 590)]
    assert shop.taken()["stock"] == {"milk": 1}
    assert agrees(shop)


def test_what_costs_more_is_paid_first_and_done_then(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    held = shop.taken()
    edited = changes.edit(order, ("milk", 2), ("dumplings", 1))
    assert edited.difference_minor == 1380 + 1690
    assert (changes.goods(order), shop.taken()) == ({"milk": 1}, held)
    changes.pay(order, edited)
    assert changes.goods(order) == {"milk": 2, "dumplings": 1}
    assert changes.total(order) == 2 * 1380 + 1690
    assert (changes.refunds(order), changes.edit_states()) == ([], [("applied", None)])
    assert {parcel.zone for parcel in shop.parcels(order)} == {"chilled", "frozen"}
    assert agrees(shop)


def test_what_is_gone_when_the_money_comes_gives_it_back_and_leaves_the_order(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("tomatoes", 1))
    edited = changes.edit(order, ("tomatoes", 5))
    shop.order(("tomatoes", 9), person=BOB)
    changes.pay(order, edited)
    assert changes.goods(order) == {"tomatoes": 1}
    assert changes.refunds(order) == [("edit_gone", 4 * 590)]
    assert changes.edit_states() == [("dropped", "sold_out")]
    assert shop.state(order) == "paid"
    assert agrees(shop)
    shop.send_refunds()
    assert shop.one("SELECT -sum(amount_minor) FROM ledger_entry WHERE account = 'customer_held'") == 590


def test_a_price_that_rose_meanwhile_is_not_charged(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    edited = changes.edit(order, ("milk", 2))
    shop.run_sql("UPDATE product SET price_minor = 9900 WHERE id = 'milk'")
    changes.pay(order, edited)
    assert (changes.total(order), changes.edit_states()) == (2 * 1380, [("applied", None)])


def test_pieces_keep_their_price_and_more_of_them_cost_todays(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 2))
    shop.run_sql("UPDATE product SET price_minor = 1500 WHERE id = 'milk'")
    edited = changes.edit(order, ("milk", 3))
    assert edited.difference_minor == 1500
    changes.pay(order, edited)
    assert changes.total(order) == 2 * 1380 + 1500
    back = changes.edit(order, ("milk", 1))
    assert back.difference_minor == -(1500 + 1380), "the dearest pieces go back first"


def test_money_goes_back_to_each_payment_at_most_once(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    changes.pay(order, changes.edit(order, ("milk", 3), now=NOW + timedelta(minutes=1)))
    changes.edit(order, ("potatoes", 1))
    paid = shop.rows("SELECT amount_minor FROM payment ORDER BY made_at, id")
    assert [tuple(row) for row in paid] == [(1380,), (2760,)]
    assert changes.refunds(order) == [("edited", 1380), ("edited", 3 * 1380 - 360 - 1380)]
    over = shop.rows("""
        SELECT p.id FROM payment p JOIN refund r ON r.payment_id = p.id GROUP BY p.id HAVING
            sum(r.amount_minor) > p.amount_minor
    """)
    assert over == []


def test_the_window_changes_alone_within_its_run(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    assert changes.edit(order, ("milk", 1), window_id=shop.late_window_id).difference_minor == 0
    assert shop.one("SELECT window_id FROM customer_order") == shop.late_window_id
    assert changes.refunds(order) == []
    assert agrees(shop)


def test_another_run_takes_goods_doors_and_a_place_there(shop: Shop, changes: Changes, evening: Evening) -> None:
    order = shop.paid(("milk", 2), ("bananas", 1))
    run_no, window_id = evening.add_run()
    shop.run_sql("INSERT INTO run_stock (run_no, product_id, total) SELECT :r, id, 9 FROM product", r=run_no)
    changes.edit(order, ("milk", 2), ("bananas", 1), window_id=window_id)
    assert shop.one("SELECT run_no FROM customer_order") == run_no
    taken = shop.rows("SELECT run_no, product_id, taken FROM run_stock WHERE taken > 0 ORDER BY 2")
    assert [tuple(row) for row in taken] == [(run_no, "bananas", 1), (run_no, "milk", 2)]
    assert agrees(shop)


def test_the_site_hears_which_bags_there_are_now(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1), ("dumplings", 1))
    frozen = next(parcel for parcel in shop.parcels(order) if parcel.zone == "frozen")
    changes.edit(order, ("milk", 1))
    planned, ended = shop.entries()[-2:]
    assert isinstance(planned, PlanOrder)
    assert isinstance(ended, PlanOrder)
    assert [bag.zone for bag in planned.parcels] == ["chilled"]
    assert [(bag.parcel_id, bag.loadable_until) for bag in ended.parcels] == [(frozen.id, NOW.timestamp() * 1000)]
    assert {parcel.zone: parcel.state for parcel in shop.parcels(order)} == {
        "chilled": "planned",
        "frozen": "cancelled",
    }


def test_a_bag_keeps_its_label_when_it_is_filled_differently(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    (before,) = shop.parcels(order)
    changes.edit(order, ("pak-choi", 1))
    (after,) = shop.parcels(order)
    assert (after.id, after.ref, after.state) == (before.id, before.ref, "planned")
    assert after.volume_ml == 3000
    assert after.planned_doors != []


def test_the_same_form_sent_twice_is_one_change(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 3))
    first, again = [changes.edit(order, ("milk", 1), key="the same form") for _ in range(2)]
    assert first == again
    assert changes.refunds(order) == [("edited", 2 * 1380)]


def test_five_equal_forms_at_once_are_one_change(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 3))
    found = at_once(*[lambda: changes.edit(order, ("milk", 1), key="the same form")] * 5)
    assert len(set(found)) == 1
    assert changes.refunds(order) == [("edited", 2 * 1380)]
    assert agrees(shop)


def test_a_newer_wish_ends_the_one_that_waits_and_its_payment_goes_back(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    older = changes.edit(order, ("milk", 4))
    ref = changes.begin_to_pay(order, older)
    newer = changes.edit(order, ("milk", 2))
    with pytest.raises(NotToBePaid):
        changes.begin_to_pay(order, older)
    shop.provider.decide(ref, paid=True)
    shop.settle(ref)
    changes.pay(order, newer)
    assert changes.goods(order) == {"milk": 2}
    assert changes.refunds(order) == [("edit_gone", 3 * 1380)]
    assert sorted(changes.edit_states()) == [("applied", None), ("dropped", "superseded")]


def test_two_who_want_the_last_pieces_never_get_more_than_there_are(shop: Shop, changes: Changes) -> None:
    orders = [shop.paid(("tomatoes", 1), person=person) for person in (ALICE, BOB)]
    edits = [changes.edit(order, ("tomatoes", 8), person=who) for order, who in zip(orders, (ALICE, BOB), strict=True)]
    refs = [
        changes.begin_to_pay(order, edit, person=who)
        for order, edit, who in zip(orders, edits, (ALICE, BOB), strict=True)
    ]
    for ref in refs:
        shop.provider.decide(ref, paid=True)
    assert at_once(*[lambda ref=ref: shop.settle(ref) for ref in refs]) == [None, None]
    assert sorted(changes.goods(order)["tomatoes"] for order in orders) == [1, 8]
    assert shop.taken()["stock"] == {"tomatoes": 9}
    assert agrees(shop)


def test_many_edits_and_orders_at_once_leave_the_counters_right(shop: Shop, changes: Changes, evening: Evening) -> None:
    run_no, window_id = evening.add_run()
    shop.run_sql("INSERT INTO run_stock (run_no, product_id, total) SELECT :r, id, 6 FROM product", r=run_no)
    orders = [shop.paid(("milk", 1), ("tomatoes", 1)) for _ in range(3)]
    there = [lambda o=o: changes.edit(o, ("milk", 1), ("tomatoes", 1), window_id=window_id) for o in orders]
    back = [lambda o=o: changes.edit(o, ("tomatoes", 1), window_id=shop.late_window_id) for o in orders]
    new = [lambda: shop.order(("milk", 1), ("tomatoes", 1)) for _ in range(4)]
    found = at_once(*[each for three in zip(there, back, new, strict=False) for each in three])
    assert [each for each in found if isinstance(each, Exception) and not isinstance(each, DomainError)] == []
    assert agrees(shop)


def test_sold_out_says_what_is_left_and_changes_nothing(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("tomatoes", 2))
    shop.order(("tomatoes", 5), person=BOB)
    refusal = refused(changes, order, ("tomatoes", 6), why=SoldOut)
    assert refusal.facts == {"product": "tomatoes", "wanted": 4, "left": 3}


def test_no_doors_left_changes_nothing_and_fewer_goods_are_always_possible(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("bananas", 6), ("milk", 1))
    shop.paid(("bananas", 6), person=BOB)
    refused(changes, order, ("bananas", 8), ("milk", 1), why=RunFull)
    shop.run_sql("UPDATE run_capacity SET blocked = total")
    changes.edit(order, ("bananas", 5), ("milk", 1))
    assert changes.goods(order) == {"bananas": 5, "milk": 1}


def test_a_full_window_changes_nothing(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    shop.run_sql("UPDATE pickup_window SET order_cap = 0 WHERE id = :id", id=shop.late_window_id)
    refused(changes, order, ("milk", 1), why=WindowFull, window_id=shop.late_window_id)


@pytest.mark.parametrize("late", [ORDER_BY, ORDER_BY + timedelta(hours=1)])
def test_after_the_cut_off_nothing_is_changed(shop: Shop, changes: Changes, late: Any) -> None:
    order = shop.paid(("milk", 2))
    refused(changes, order, ("milk", 1), why=EditClosed, now=late)


def test_money_that_comes_after_the_cut_off_goes_back(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    edited = changes.edit(order, ("milk", 2))
    ref = changes.begin_to_pay(order, edited)
    with pytest.raises(EditClosed):
        changes.begin_to_pay(order, edited, now=ORDER_BY)
    shop.provider.decide(ref, paid=True)
    shop.settle(ref, now=ORDER_BY)
    assert changes.refunds(order) == [("edit_gone", 1380)]
    assert changes.goods(order) == {"milk": 1}


def test_once_a_picker_began_nothing_is_changed(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 2))
    (parcel,) = shop.parcels(order)
    with transaction(shop.engine) as conn:
        short_line(
            conn,
            parcel_id=parcel.id,
            line_no=1,
            missing=1,
            reason=ShortReason.SPOILED,
            person_id=PICKER,
            now=NOW,
        )
    refused(changes, order, ("milk", 1), why=PickingBegan)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ([], NothingInBasket),
        ([("milk", 2)], NothingChanged),
        ([("milk", 2), ("moon-cake", 1)], ProductUnavailable),
    ],
)
def test_a_wish_that_makes_no_sense_changes_nothing(shop: Shop, changes: Changes, wanted: Any, why: Any) -> None:
    refused(changes, shop.paid(("milk", 2)), *wanted, why=why)


def test_what_is_no_longer_sold_stays_or_goes_and_never_grows(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 3), ("potatoes", 1))
    shop.run_sql("UPDATE product SET active = false WHERE id = 'milk'")
    refused(changes, order, ("milk", 4), why=ProductUnavailable)
    changes.edit(order, ("milk", 2), ("potatoes", 1))
    assert changes.goods(order) == {"milk": 2, "potatoes": 1}


def test_only_its_owner_changes_an_order(shop: Shop, changes: Changes) -> None:
    refused(changes, shop.paid(("milk", 2)), ("milk", 1), why=NotFound, person=BOB)


def test_an_order_stays_at_its_site(shop: Shop, changes: Changes) -> None:
    elsewhere = shop.one(
        "SELECT min(w.id) FROM pickup_window w JOIN load_run USING (run_no) WHERE site_id = :s", s=OTHER_SITE
    )
    refused(changes, shop.paid(("milk", 2)), ("milk", 1), why=NotFound, window_id=elsewhere)


def test_a_run_that_has_closed_is_not_moved_to(shop: Shop, changes: Changes, evening: Evening) -> None:
    order = shop.paid(("milk", 2))
    _, window_id = evening.add_run(kind="breakfast", days=0)
    shop.run_sql("UPDATE load_run SET order_by = :now WHERE kind = 'breakfast'", now=NOW)
    refused(changes, order, ("milk", 2), why=OrderCycleClosed, window_id=window_id)


def test_an_unpaid_order_is_not_edited(shop: Shop, changes: Changes) -> None:
    refused(changes, shop.order(("milk", 2)), ("milk", 1), why=NotToBeEdited)


def test_an_order_that_was_moved_is_not_edited(shop: Shop, changes: Changes, evening: Evening) -> None:
    order = shop.paid(("milk", 2))
    evening.move(order, evening.add_run(), now=NOW)
    refused(changes, order, ("milk", 1), why=MovedOrder)


def test_after_money_went_back_by_hand_an_order_is_not_edited(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 2))
    with transaction(shop.engine) as conn:
        refund_by_hand(
            conn,
            order_id=order.order_id,
            lines={1: 100},
            reason="a soft one",
            key="12345678",
            person_id=PICKER,
            now=NOW,
        )
    refused(changes, order, ("milk", 1), why=PartlyRefunded)


def test_an_order_has_numbers_for_thirty_two_bags_and_no_more(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    for _ in range(31):
        changes.pay(order, changes.edit(order, ("milk", 1), ("dumplings", 1)))
        changes.edit(order, ("milk", 1))
    refused(changes, order, ("milk", 1), ("dumplings", 1), why=TooManyEdits)


def test_an_edited_order_ends_with_its_books_even(shop: Shop, changes: Changes, evening: Evening) -> None:
    order = shop.paid(("milk", 1), ("tomatoes", 1))
    changes.pay(order, changes.edit(order, ("milk", 3), ("tomatoes", 1)))
    changes.edit(order, ("milk", 2))
    for parcel in shop.parcels(order):
        if parcel.state == "planned":
            shop.pack(parcel.id)
    evening.load(order)
    evening.collect(order, at=NOW + timedelta(days=1, hours=9))
    assert shop.state(order) == "collected"
    shop.send_refunds()
    sums = dict(shop.rows("SELECT account, sum(amount_minor)::int FROM ledger_entry GROUP BY 1"))
    paid, back = 1380 + 590 + 2 * 1380, 1380 + 590
    assert sums == {"provider_clearing": paid, "customer_held": 0, "refunds": -back, "sales": -(paid - back)}
