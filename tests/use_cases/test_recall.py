"""A recalled lot: every order that has it is dealt with once, by where its bags are, whatever dies in between."""

from typing import Any

import pytest

from app.db.engine import transaction
from app.domain.errors import IllegalMove, NotFound
from app.domain.order_state import OrderState
from app.domain.recalling import RecallCountWrong
from app.use_cases.evening.withdraw_order import close_withdrawn
from app.use_cases.site.ask_site import ReasonNeeded
from app.use_cases.supply.move_lot import hold_lot, release_lot
from app.use_cases.supply.recall_lot import recall_lot
from app.use_cases.supply.recall_orders import recall_next_order, recall_orders
from locker_protocol.site_entries import CancelOrder
from tests.use_cases.cast import ALICE, BOB, LOAD_FROM, PICKER, SITE, Shop, at_once
from tests.use_cases.supply_world import add_lot, begin, in_line, recall, refunds, stand
from tests.use_cases.test_picking import do, scan

MILK, TOMATOES = 1380, 590


def notices(shop: Shop) -> Any:
    return shop.rows("SELECT person_id, body FROM notification WHERE kind = 'lot_recalled' ORDER BY person_id")


def test_whoever_collected_it_gets_its_money_and_the_word_not_to_eat_it(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    order = shop.packed(("milk", 2), ("tomatoes", 1))
    stand(shop, order, parcels="collected", state=OrderState.COLLECTED)

    assert recall(shop, lot, orders=1) == 1

    assert shop.state(order) == "collected"
    assert refunds(shop, order) == [("recalled", 2 * MILK)]
    ((person, body),) = notices(shop)
    assert person == ALICE
    assert "do not eat it! milk (lot M-1)" in body
    assert "¥27.60 goes back now" in body
    assert not [entry for entry in shop.entries() if isinstance(entry, CancelOrder)]


@pytest.mark.parametrize(("parcels", "state"), [("packed", OrderState.PACKED), ("loaded", OrderState.READY)])
def test_what_waits_for_its_owner_is_shut_and_the_rest_follows_by_the_sites_word(
    shop: Shop, parcels: str, state: OrderState
) -> None:
    lot = add_lot(shop, "milk", "M-1")
    order = shop.packed(("milk", 1), ("tomatoes", 1), person=BOB)
    stand(shop, order, parcels=parcels, state=state)

    recall(shop, lot, orders=1)

    assert shop.state(order) == "expiring"
    assert shop.one("SELECT count(*) FROM credential WHERE ended_at IS NULL") == 0
    assert CancelOrder(order.order_id) in shop.entries()
    assert refunds(shop, order) == [("recalled", MILK)]
    assert "请勿食用" in notices(shop)[0].body
    with transaction(shop.engine) as conn:
        assert close_withdrawn(conn, order_id=order.order_id, site_id=SITE, actor="site", now=LOAD_FROM)
    assert sorted(refunds(shop, order)) == sorted([("recalled", TOMATOES), ("recalled", MILK)])
    assert shop.state(order) == "refunded"


def test_what_is_being_picked_is_picked_again_from_another_lot(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    order = shop.paid(("milk", 1))
    scan(shop, order, "milk")
    other = add_lot(shop, "milk", "M-2")

    recall(shop, lot, orders=1)
    assert shop.rows("SELECT picked_quantity FROM order_line") == [(None,)]
    scan(shop, order, "milk")

    assert in_line(shop, order) == [("milk", "M-2", 1, False)]
    assert shop.state(order) == "paid"
    assert (refunds(shop, order), notices(shop)) == ([], [])
    assert shop.one("SELECT taken FROM lot WHERE id = :id", id=other) == 1


def test_of_a_line_from_two_lots_only_its_share_goes_back(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1", received=1)
    add_lot(shop, "milk", "M-2")
    order = shop.packed(("milk", 3))
    stand(shop, order, parcels="collected", state=OrderState.COLLECTED)

    recall(shop, lot, orders=1)

    assert refunds(shop, order) == [("recalled", MILK)]


def test_what_never_reaches_anybody_is_written_down_and_nothing_more(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    order = shop.packed()
    stand(shop, order, parcels="disposed", state=OrderState.REFUNDED)

    recall(shop, lot, orders=1)

    assert shop.rows("SELECT step FROM lot_recall_order") == [("nothing",)]
    assert (refunds(shop, order), notices(shop)) == ([], [])


def test_a_recall_that_died_in_the_middle_is_ended_by_repeating_it(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    orders = [shop.packed(person=person) for person in (ALICE, BOB, ALICE)]
    for order in orders:
        stand(shop, order, parcels="collected", state=OrderState.COLLECTED)
    begin(shop, lot, orders=3)
    with shop.engine.connect() as dies:
        assert recall_next_order(dies, now=LOAD_FROM)
    assert recall_orders(shop.engine, now=LOAD_FROM, limit=1) == 1
    assert shop.one("SELECT count(*) FROM lot_recall WHERE ended_at IS NULL") == 1

    assert recall_orders(shop.engine, now=LOAD_FROM) == 2
    assert recall_orders(shop.engine, now=LOAD_FROM) == 0

    assert [refunds(shop, order) for order in orders] == [[("recalled", MILK)]] * 3
    assert len(notices(shop)) == 3
    assert shop.one("SELECT count(*) FROM lot_recall WHERE ended_at IS NOT NULL") == 1


def test_two_workers_deal_with_each_order_once(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    for _ in range(4):
        stand(shop, shop.packed(), parcels="collected", state=OrderState.COLLECTED)
    begin(shop, lot, orders=4)

    done = at_once(*[lambda: recall_orders(shop.engine, now=LOAD_FROM)] * 2)

    assert sum(done) == 4
    assert shop.one("SELECT count(*) FROM refund") == len(notices(shop)) == 4


def test_another_number_of_orders_than_was_typed_recalls_nothing(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    shop.packed()
    before = shop.everything()

    with pytest.raises(RecallCountWrong) as refused:
        begin(shop, lot, orders=0)

    assert refused.value.facts == {"field": "orders", "orders": 1}
    assert shop.everything() == before


def test_a_recall_needs_a_lot_a_reason_and_happens_once(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    begin(shop, lot, orders=0)
    before = shop.everything()

    for refusal, changed in (
        (NotFound, {"lot_id": "nobody"}),
        (ReasonNeeded, {"reason": " "}),
        (IllegalMove, {}),
    ):
        with pytest.raises(refusal):
            do(shop, recall_lot, **{"lot_id": lot, "orders": 0, "reason": "salmonella", **changed})
    assert shop.everything() == before


def test_a_lot_that_is_held_back_is_not_picked_until_it_is_given_back(shop: Shop) -> None:
    lot = add_lot(shop, "milk", "M-1")
    add_lot(shop, "milk", "M-2")
    held = shop.paid(person=BOB)
    later = shop.paid()

    do(shop, hold_lot, lot_id=lot, reason="smells odd")
    scan(shop, held, "milk")
    do(shop, release_lot, lot_id=lot, reason="it was the crate")
    scan(shop, later, "milk")

    assert in_line(shop, held) == [("milk", "M-2", 1, False)]
    assert in_line(shop, later) == [("milk", "M-1", 1, False)]
    assert shop.rows("SELECT before, after, person_id FROM change ORDER BY id") == [
        ("open", "held", PICKER),
        ("held", "open", PICKER),
    ]
