"""An order is cancelled by its owner: freely until the cut-off, then by its site's policy, and as its page showed."""

from datetime import datetime, timedelta

import pytest

from app.db.engine import transaction
from app.db.pages.cancelling import CancelPage, cancel_page
from app.domain.cancelling import CancelTermsChanged, NotToBeCancelled, Stage, TooLateToCancel
from app.domain.errors import DomainError, NotFound
from app.use_cases.ordering.cancel_order import cancel_order
from app.use_cases.ordering.drop_edit import WAITS_FOR, drop_stale_edits
from app.use_cases.ordering.place_order import PlacedOrder
from locker_protocol.site_entries import CancelOrder
from tests.use_cases.cast import ALICE, BOB, LOAD_FROM, NOW, ORDER_BY, SITE, Shop
from tests.use_cases.changes import Changes
from tests.use_cases.evening import Evening

LATE = ORDER_BY + timedelta(minutes=1)


@pytest.fixture
def policy(shop: Shop) -> None:
    shop.run_sql("INSERT INTO cancel_policy VALUES (:s, 80, 33, 0)", s=SITE)


def page_of(shop: Shop, order: PlacedOrder, *, now: datetime = NOW) -> CancelPage:
    with transaction(shop.engine) as conn:
        page = cancel_page(conn, order_id=order.order_id, person_id=ALICE, now=now)
    assert page is not None
    return page


def cancel(shop: Shop, order: PlacedOrder, minor: int, *, now: datetime = NOW, person: str = ALICE) -> None:
    with transaction(shop.engine) as conn:
        cancel_order(conn, order_id=order.order_id, person_id=person, shown_minor=minor, now=now)


def refused(shop: Shop, order: PlacedOrder, minor: int, why: type[DomainError], **more: object) -> None:
    before = shop.everything()
    with pytest.raises(why):
        cancel(shop, order, minor, **more)  # type: ignore[arg-type]
    assert shop.everything() == before


def test_until_the_cut_off_all_of_it_comes_back_and_others_can_have_the_goods(
    shop: Shop, changes: Changes, evening: Evening, policy: None
) -> None:
    order = shop.paid(("milk", 2))
    page = page_of(shop, order)
    assert (page.stage, page.percent, page.back_minor) == (Stage.OPEN, 100, 2760)
    cancel(shop, order, 2760)
    assert shop.taken()["stock"] == {}
    assert changes.refunds(order) == [], "money waits for the site's word"
    assert shop.entries()[-1] == CancelOrder(order.order_id)
    evening.confirm_cancelled(order, at=NOW)
    assert (shop.state(order), changes.refunds(order)) == ("refunded", [("given_up", 2760)])


def test_after_it_the_policy_of_its_site_says_how_much(
    shop: Shop, changes: Changes, evening: Evening, policy: None
) -> None:
    order = shop.paid(("milk", 2), ("tomatoes", 1))
    page = page_of(shop, order, now=LATE)
    assert (page.stage, page.percent, page.back_minor) == (Stage.CLOSED, 80, 2208 + 472)
    cancel(shop, order, page.back_minor, now=LATE)
    evening.confirm_cancelled(order, at=LATE)
    shop.send_refunds(now=LATE)
    assert changes.refunds(order) == [("given_up", 2680)]
    sums = dict(shop.rows("SELECT account, sum(amount_minor)::int FROM ledger_entry GROUP BY 1"))
    assert sums == {"provider_clearing": 3350, "customer_held": 0, "refunds": -2680, "sales": -670}


def test_a_part_is_rounded_in_the_residents_favour(shop: Shop, policy: None) -> None:
    order = shop.packed(("milk", 1))
    page = page_of(shop, order, now=LATE)
    assert (page.stage, page.back_minor) == (Stage.PACKED, 456), "33 % of 13.80 is 4.554"


def test_where_nothing_comes_back_it_is_not_cancelled(shop: Shop, evening: Evening, policy: None) -> None:
    order = evening.ready(("milk", 1))
    refused(shop, order, 0, TooLateToCancel, now=LOAD_FROM)


def test_a_site_without_a_policy_gives_all_of_it(shop: Shop, evening: Evening) -> None:
    order = evening.ready(("milk", 1))
    page = page_of(shop, order, now=LOAD_FROM)
    assert (page.stage, page.back_minor) == (Stage.READY, 1380)


def test_what_does_not_come_as_promised_is_cancelled_freely(shop: Shop, evening: Evening, policy: None) -> None:
    order = shop.packed(("milk", 1))
    evening.delay(LOAD_FROM + timedelta(hours=4), now=LOAD_FROM)
    assert page_of(shop, order, now=LOAD_FROM).percent == 100
    evening.call_off()
    assert page_of(shop, order, now=LOAD_FROM).percent == 100


def test_what_was_missing_is_not_given_back_twice(shop: Shop, evening: Evening, changes: Changes) -> None:
    order = shop.paid(("milk", 2), ("tomatoes", 1))
    changes.pay(order, changes.edit(order, ("milk", 3), ("tomatoes", 1)))
    cancel(shop, order, 3 * 1380 + 590)
    evening.confirm_cancelled(order, at=NOW)
    assert sum(amount for _, amount in changes.refunds(order)) == 3 * 1380 + 590
    assert len(changes.refunds(order)) == 2, "one for each of its payments"


def test_whoever_was_shown_another_amount_is_asked_again(shop: Shop, policy: None) -> None:
    order = shop.paid(("milk", 2))
    refused(shop, order, 2760, CancelTermsChanged, now=LATE)


def test_nobody_cancels_anothers_order(shop: Shop) -> None:
    refused(shop, shop.paid(("milk", 2)), 2760, NotFound, person=BOB)


def test_what_is_over_or_unpaid_is_not_cancelled(shop: Shop, evening: Evening) -> None:
    refused(shop, shop.order(("milk", 2)), 2760, NotToBeCancelled)
    order = evening.ready(("milk", 1))
    evening.collect(order, at=LOAD_FROM + timedelta(hours=3))
    refused(shop, order, 1380, NotToBeCancelled, now=LOAD_FROM + timedelta(hours=4))


def test_cancelling_ends_a_change_that_waits_and_its_money_goes_back(
    shop: Shop, changes: Changes, evening: Evening
) -> None:
    order = shop.paid(("milk", 1))
    edited = changes.edit(order, ("milk", 2))
    ref = changes.begin_to_pay(order, edited)
    cancel(shop, order, 1380)
    shop.provider.decide(ref, paid=True)
    shop.settle(ref)
    evening.confirm_cancelled(order, at=NOW)
    assert sorted(changes.refunds(order)) == [("edit_gone", 1380), ("given_up", 1380)]
    assert changes.edit_states() == [("dropped", "cancelled")]


def test_what_was_handed_out_before_the_site_heard_is_paid_for(shop: Shop, evening: Evening, policy: None) -> None:
    shop.run_sql("UPDATE cancel_policy SET ready_percent = 50")
    order = evening.ready(("milk", 1))
    cancel(shop, order, 690, now=LOAD_FROM)
    evening.collect(order, at=LOAD_FROM + timedelta(hours=3))
    evening.confirm_cancelled(order, at=LOAD_FROM + timedelta(hours=3))
    assert (shop.state(order), evening.refunded(order)) == ("collected", {})


def test_a_change_nobody_pays_for_ends(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    changes.edit(order, ("milk", 2))
    assert stale(shop, NOW + WAITS_FOR - timedelta(seconds=1)) == 0
    assert stale(shop, NOW + WAITS_FOR) == 1
    assert changes.edit_states() == [("dropped", "not_paid")]


def test_a_change_whose_payment_failed_ends_at_once(shop: Shop, changes: Changes) -> None:
    order = shop.paid(("milk", 1))
    ref = changes.begin_to_pay(order, changes.edit(order, ("milk", 2)))
    shop.provider.decide(ref, paid=False)
    shop.settle(ref)
    assert stale(shop, NOW) == 1
    assert changes.edit_states() == [("dropped", "payment_failed")]
    assert changes.goods(order) == {"milk": 1}


def stale(shop: Shop, now: datetime) -> int:
    with transaction(shop.engine) as conn:
        return drop_stale_edits(conn, now=now)
