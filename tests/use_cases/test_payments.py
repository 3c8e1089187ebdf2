"""Money: started once, settled by what the provider says now, booked to zero, and back where it came from when late."""

from datetime import timedelta

import pytest

from app.domain.errors import DomainError, IllegalMove, NotFound
from app.domain.holding import HoldEnded, NotToBePaid
from app.payments.provider import Charge, Unavailable
from app.payments.sandbox import SandboxProvider
from app.use_cases.money.poll_payments import poll_payments
from app.use_cases.money.record_webhook import record_webhook
from app.use_cases.ordering.give_up_order import give_up_order
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.ordering.release_holds import release_holds
from tests.use_cases.cast import ALICE, BOB, NOW, ORDER_BY, RETURN_URL, Shop, at_once

NOTHING_TAKEN = {"stock": {}, "doors": {}, "places": 0}
HOLD_OVER = NOW + timedelta(minutes=25)


def release(shop: Shop, *, now: object = HOLD_OVER) -> int:
    with shop.engine.begin() as conn:
        return release_holds(conn, now=now, limit=10)  # type: ignore[arg-type]


def payment_state(shop: Shop) -> str:
    found: str = shop.one("SELECT state FROM payment")
    return found


def captured_late(shop: Shop) -> tuple[PlacedOrder, str]:
    """An order that was released while its owner was paying, and then paid."""
    order = shop.order(("tomatoes", 6), ("dumplings", 1))
    ref = shop.start(order)
    assert release(shop) == 1
    shop.provider.decide(ref, paid=True)
    return order, ref


# --- the way it should go


def test_a_captured_payment_pays_the_order_and_books_it(shop: Shop) -> None:
    order = shop.paid(("milk", 1))

    assert (shop.state(order), payment_state(shop)) == ("paid", "captured")
    assert shop.balances() == {"provider_clearing": 1380, "customer_held": -1380}
    assert shop.rows("SELECT kind, contact FROM notification") == [("order_paid", "alice@x.example")]


def test_starting_twice_is_one_charge(shop: Shop) -> None:
    order = shop.order()

    assert shop.start(order) == shop.start(order)
    assert shop.one("SELECT count(*) FROM payment") == 1


def test_ten_taps_at_once_are_one_charge_and_extend_the_hold_once(shop: Shop) -> None:
    order = shop.order()
    later = NOW + timedelta(minutes=8)
    refs = list[str]()

    assert at_once(*[lambda: refs.append(shop.start(order, now=later))] * 10) == [None] * 10

    assert len(refs) == 10
    assert shop.rows("SELECT provider_ref FROM payment") == [(ref,) for ref in set(refs)]
    assert shop.one("SELECT count(*) FROM sandbox_charge") == 1
    assert shop.one("SELECT hold_until FROM customer_order") == later + timedelta(minutes=10)


def test_the_hold_is_extended_once_when_payment_starts(shop: Shop) -> None:
    order = shop.order()
    shop.start(order, now=NOW + timedelta(minutes=8))
    shop.start(order, now=NOW + timedelta(minutes=16))

    assert shop.one("SELECT hold_until FROM customer_order") == NOW + timedelta(minutes=18)


def test_settling_twice_changes_nothing_the_second_time(shop: Shop) -> None:
    shop.paid()
    before = shop.everything()

    shop.settle(shop.one("SELECT provider_ref FROM payment"))

    assert shop.everything() == before


def test_ten_rivals_settle_once(shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)
    shop.provider.decide(ref, paid=True)

    outcomes = at_once(*[lambda: shop.settle(ref)] * 10)

    assert outcomes == [None] * 10
    assert shop.balances() == {"provider_clearing": 1380, "customer_held": -1380}
    assert shop.one("SELECT count(*) FROM outbox") == 1
    assert shop.one("SELECT count(*) FROM notification") == 1


def test_a_declined_payment_leaves_the_order_to_be_paid_again(shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)
    shop.provider.decide(ref, paid=False)
    shop.settle(ref)

    assert (shop.state(order), payment_state(shop)) == ("awaiting_payment", "failed")
    again = shop.start(order)
    assert again != ref


def test_an_undecided_payment_changes_nothing_but_when_it_was_asked_about(shop: Shop) -> None:
    order = shop.order()
    shop.settle(shop.start(order))

    assert (shop.state(order), payment_state(shop)) == ("awaiting_payment", "open")


# --- refused


def test_somebody_elses_order_is_not_found(shop: Shop) -> None:
    order = shop.order()
    before = shop.everything()

    with pytest.raises(NotFound):
        shop.start(order, person=BOB)

    assert shop.everything() == before


@pytest.mark.parametrize(("minutes", "refusal"), [(10, HoldEnded), (600, HoldEnded)])
def test_an_order_that_holds_nothing_any_more_cannot_be_paid(
    shop: Shop, minutes: int, refusal: type[DomainError]
) -> None:
    order = shop.order()
    before = shop.everything()

    with pytest.raises(refusal):
        shop.start(order, now=NOW + timedelta(minutes=minutes))

    assert shop.everything() == before


def test_a_paid_order_cannot_be_paid_again(shop: Shop) -> None:
    order = shop.paid()

    with pytest.raises(NotToBePaid):
        shop.start(order)


def test_a_charge_of_nobody_is_not_found(shop: Shop) -> None:
    started = shop.provider.start(
        idempotency_key="k", amount_minor=1, currency="CNY", description="", return_url=RETURN_URL
    )
    with pytest.raises(NotFound):
        shop.settle(started.ref)


def test_another_amount_than_ours_pays_nothing(shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)
    shop.provider.decide(ref, paid=True)
    shop.run_sql("UPDATE sandbox_charge SET amount_minor = 1")

    shop.settle(ref)

    assert (shop.state(order), payment_state(shop), shop.balances()) == ("awaiting_payment", "open", {})


# --- holds


def test_an_unpaid_order_gives_everything_back(shop: Shop) -> None:
    order = shop.order(("tomatoes", 3), ("dumplings", 1), ("pak-choi", 12))

    assert release(shop, now=NOW + timedelta(minutes=10)) == 1

    assert shop.state(order) == "released"
    assert shop.taken() == NOTHING_TAKEN


def test_a_hold_that_lasts_is_left_alone(shop: Shop) -> None:
    shop.order()
    before = shop.everything()

    assert release(shop, now=NOW + timedelta(minutes=9)) == 0
    assert shop.everything() == before


def test_many_holds_end_together(shop: Shop) -> None:
    for _ in range(3):
        shop.order(("milk", 1), ("tomatoes", 1))

    assert release(shop) == 3
    assert shop.taken() == NOTHING_TAKEN


def test_releasing_and_buying_at_once_never_waits_in_a_circle(shop: Shop) -> None:
    shop.run_sql("UPDATE run_capacity SET total = 1000")
    for _ in range(20):
        shop.order(("milk", 1), ("potatoes", 1), ("dumplings", 1))

    doings = [lambda: release(shop)] * 6 + [lambda: shop.order(("dumplings", 1), ("milk", 1))] * 20
    outcomes = at_once(*doings)

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    held = shop.one("SELECT count(*) FROM customer_order WHERE state = 'awaiting_payment'")
    assert shop.taken()["stock"].get("dumplings", 0) == held


def test_giving_up_gives_back(shop: Shop) -> None:
    order = shop.order(("tomatoes", 3))
    with shop.engine.begin() as conn:
        give_up_order(conn, order_id=order.order_id, person_id=ALICE, now=NOW)

    assert (shop.state(order), shop.taken()) == ("released", NOTHING_TAKEN)


def test_a_paid_order_cannot_be_given_up_and_nobodys_by_others(shop: Shop) -> None:
    order = shop.paid()
    before = shop.everything()

    with pytest.raises(IllegalMove), shop.engine.begin() as conn:
        give_up_order(conn, order_id=order.order_id, person_id=ALICE, now=NOW)
    with pytest.raises(NotFound), shop.engine.begin() as conn:
        give_up_order(conn, order_id=order.order_id, person_id=BOB, now=NOW)

    assert shop.everything() == before


# --- late


def test_late_money_takes_again_what_was_held(shop: Shop) -> None:
    order, ref = captured_late(shop)

    shop.settle(ref, now=HOLD_OVER)

    assert (shop.state(order), payment_state(shop)) == ("paid", "captured")
    assert shop.taken() == {
        "stock": {"dumplings": 1, "tomatoes": 6},
        "doors": {("chilled", "S"): 1, ("frozen", "S"): 1}
        if [p.zone for p in shop.parcels(order)] == ["chilled", "frozen"]
        else {("cool", "S"): 1, ("frozen", "S"): 1},
        "places": 1,
    }
    assert all(parcel.planned_doors for parcel in shop.parcels(order))


def test_late_money_for_what_others_have_now_goes_back(shop: Shop) -> None:
    order, ref = captured_late(shop)
    shop.order(("tomatoes", 6), person=BOB, now=HOLD_OVER)
    taken = shop.taken()

    shop.settle(ref, now=HOLD_OVER)

    assert (shop.state(order), payment_state(shop)) == ("refunded", "captured")
    assert shop.balances() == {"provider_clearing": order.total_minor, "customer_held": -order.total_minor}
    assert shop.send_refunds(now=HOLD_OVER) == 1
    assert shop.taken() == taken
    assert shop.balances() == {"provider_clearing": order.total_minor, "refunds": -order.total_minor}
    assert shop.provider.look_up(ref).refunded_minor == order.total_minor
    assert shop.rows("SELECT kind FROM notification") == [("order_refunded",)]


def test_late_money_after_the_cycle_goes_back(shop: Shop) -> None:
    order, ref = captured_late(shop)

    shop.settle(ref, now=ORDER_BY)

    assert (shop.state(order), shop.taken()) == ("refunded", NOTHING_TAKEN)


def test_a_second_payment_of_an_order_goes_back(shop: Shop) -> None:
    order = shop.order()
    first = shop.start(order)
    # As if the first had been given up and a second begun: both were then paid.
    shop.run_sql("UPDATE payment SET state = 'failed'")
    second = shop.start(order)
    shop.run_sql("UPDATE payment SET state = 'open'")
    for ref in (first, second):
        shop.provider.decide(ref, paid=True)
        shop.settle(ref)

    assert shop.state(order) == "paid"
    assert shop.one("SELECT cause FROM refund") == "second_payment"
    shop.send_refunds()
    assert shop.balances() == {"provider_clearing": 2760, "customer_held": -1380, "refunds": -1380}


class ShyProvider(SandboxProvider):
    """Refuses the first refund."""

    refunds = 0

    def refund(self, ref: str, *, amount_minor: int, idempotency_key: str) -> str:
        self.refunds += 1
        if self.refunds == 1:
            raise Unavailable("come back later", permanent=False)
        return super().refund(ref, amount_minor=amount_minor, idempotency_key=idempotency_key)


def test_a_refund_the_provider_did_not_do_is_asked_for_again_and_done_once(shop: Shop) -> None:
    shop.provider = ShyProvider(shop.engine, shop.clock, shop.settings)
    _, ref = captured_late(shop)
    shop.settle(ref, now=ORDER_BY)

    assert shop.send_refunds(now=ORDER_BY) == 0
    assert shop.send_refunds(now=ORDER_BY + timedelta(seconds=29)) == 0
    assert shop.one("SELECT count(*) FROM refund WHERE done_at IS NULL AND tries = 1") == 1
    assert shop.send_refunds(now=ORDER_BY + timedelta(seconds=30)) == 1
    assert shop.send_refunds(now=ORDER_BY + timedelta(days=1)) == 0

    assert shop.one("SELECT count(*) FROM ledger_entry WHERE kind = 'refund'") == 2


# --- webhooks and polling


def test_a_webhook_is_kept_once(shop: Shop) -> None:
    ref = shop.start(shop.order())
    body, headers = shop.provider.webhook(ref)
    event = shop.provider.read_webhook(body, headers)

    with shop.engine.begin() as conn:
        heard = [record_webhook(conn, provider="sandbox", event=event, body=body, now=NOW) for _ in range(3)]

    assert heard == [True, False, False]


def test_settling_marks_what_was_heard(shop: Shop) -> None:
    ref = shop.start(shop.order())
    shop.hear(ref)
    shop.settle(ref)

    assert shop.one("SELECT applied_at FROM payment_webhook") == NOW


def test_a_lost_webhook_is_made_up_for_long_before_the_hold_ends(shop: Shop) -> None:
    order = shop.order()
    shop.provider.decide(shop.start(order), paid=True)

    assert poll_payments(shop.engine, shop.provider, now=NOW + timedelta(seconds=59), settings=shop.settings) == 0
    assert poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=1), settings=shop.settings) == 1

    assert shop.state(order) == "paid"


def test_what_nobody_pays_is_asked_about_ever_more_rarely(shop: Shop) -> None:
    shop.start(shop.order())

    asked = [
        n
        for n in range(1, 41)
        if poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=n), settings=shop.settings)
    ]

    assert asked == [1, 2, 4, 8, 16, 32]


def test_a_message_that_was_not_applied_is_taken_up_a_minute_later(shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)
    poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=5), settings=shop.settings)
    shop.provider.decide(ref, paid=True)
    shop.hear(ref)

    assert poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=6), settings=shop.settings) == 1
    assert shop.state(order) == "paid"


def test_a_charge_whose_reference_was_lost_is_found_by_its_key(shop: Shop) -> None:
    order = shop.order()
    shop.provider.decide(shop.start(order), paid=True)
    shop.run_sql("UPDATE payment SET provider_ref = NULL")

    poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=15), settings=shop.settings)

    assert shop.state(order) == "paid"


class DeafProvider(SandboxProvider):
    """Does not answer for one charge."""

    deaf_to = ""

    def look_up(self, ref: str) -> Charge:
        if ref == self.deaf_to:
            raise Unavailable("no answer", permanent=False)
        return super().look_up(ref)


def test_one_payment_without_an_answer_does_not_keep_the_next(shop: Shop) -> None:
    provider = DeafProvider(shop.engine, shop.clock, shop.settings)
    shop.provider = provider
    first, second = shop.order(), shop.order(person=BOB)
    provider.deaf_to = shop.start(first)
    ref = shop.start(second, person=BOB)
    provider.decide(ref, paid=True)

    assert poll_payments(shop.engine, provider, now=NOW + timedelta(minutes=15), settings=shop.settings) == 2

    assert (shop.state(first), shop.state(second)) == ("awaiting_payment", "paid")
