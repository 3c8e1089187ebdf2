"""Our books beside the provider's report: every difference is found and filed once; only some heal by themselves."""

import random
from datetime import timedelta
from typing import Any

import pytest

from app.domain.errors import NotFound
from app.domain.refunding import RefundCause
from app.payments.sandbox import SandboxProvider
from app.payments.sandbox_faults import NO_FAULTS, SandboxFaults
from app.use_cases.money.decide_refund import decide_refund
from app.use_cases.money.file_differences import DifferenceClosed, close_difference
from app.use_cases.money.reconcile import Reconciled, reconcile, reconcile_due
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.site.ask_site import ReasonNeeded
from tests.use_cases.cast import NOW, PICKER, Shop

LATER = NOW + timedelta(hours=2)
BOUGHT_ELSEWHERE = (
    "INSERT INTO sandbox_charge (ref, idempotency_key, amount_minor, currency, state, description, return_url, made_at,"
    " decided_at) VALUES ('sb_x', 'somebody', 500, 'CNY', 'captured', '', '', :now, :now)"
)

ANOTHER_REFUND = (
    "INSERT INTO sandbox_refund SELECT 'another', charge_ref, {key}, amount_minor, made_at FROM sandbox_refund"
)


def compared(shop: Shop) -> Reconciled:
    return reconcile(
        shop.engine, shop.provider, since=NOW - timedelta(hours=1), until=LATER, now=LATER, settings=shop.settings
    )


def differences(shop: Shop) -> list[Any]:
    rows = shop.rows("SELECT kind, movement, state FROM payment_difference ORDER BY kind, movement")
    return [tuple(row) for row in rows]


def refunded(shop: Shop, *, amount: int = 300, key: str = "k") -> PlacedOrder:
    order = shop.paid()
    with shop.engine.begin() as conn:
        decide_refund(
            conn, order_id=order.order_id, cause=RefundCause.STAFF, cause_key=key, lines={1: amount}, actor="x", now=NOW
        )
    return order


def test_books_that_agree_leave_nothing_but_the_comparison_itself(shop: Shop) -> None:
    refunded(shop)
    shop.send_refunds()
    shop.order()

    done = compared(shop)

    assert (done.movements, done.found, done.healed) == (2, 0, 0)
    assert differences(shop) == []
    assert shop.rows("SELECT provider, since, until, movements, found, healed FROM reconciliation") == [
        ("sandbox", NOW - timedelta(hours=1), LATER, 2, 0, 0)
    ]


def test_money_taken_there_and_unknown_here_heals_by_being_settled(shop: Shop) -> None:
    order = shop.order()
    shop.provider.decide(shop.start(order), paid=True)
    shop.run_sql("UPDATE payment SET provider_ref = NULL")  # and its name was never heard

    done = compared(shop)

    assert (done.found, done.healed) == (1, 1)
    assert differences(shop) == [("not_done_here", "charge", "healed")]
    assert shop.state(order) == "paid"
    assert shop.balances() == {"provider_clearing": 1380, "customer_held": -1380}
    assert compared(shop).found == 0


def test_a_capture_that_is_none_of_ours_waits_for_a_person(shop: Shop) -> None:
    shop.run_sql(BOUGHT_ELSEWHERE, now=NOW)

    assert compared(shop).found == 1
    assert compared(shop).found == 0

    assert differences(shop) == [("unknown_here", "charge", "found")]


@pytest.mark.parametrize(
    ("damage", "kind", "movement"),
    [
        ("UPDATE sandbox_charge SET state = 'open', refunded_minor = 0", "not_done_there", "charge"),
        ("UPDATE sandbox_charge SET amount_minor = amount_minor + 1", "amount", "charge"),
        ("UPDATE sandbox_charge SET currency = 'USD'", "currency", "charge"),
        ("UPDATE sandbox_refund SET amount_minor = 299", "amount", "refund"),
        (ANOTHER_REFUND.format(key="idempotency_key || '.2'"), "twice", "refund"),
        (ANOTHER_REFUND.format(key="'by hand'"), "unknown_here", "refund"),
    ],
)
def test_a_bug_on_their_side_is_found_and_our_books_stay(shop: Shop, damage: str, kind: str, movement: str) -> None:
    refunded(shop)
    shop.send_refunds()
    books = shop.rows("SELECT * FROM ledger_entry ORDER BY id")
    shop.run_sql(damage)

    done = compared(shop)

    assert done.healed == 0
    assert (kind, movement, "found") in differences(shop)
    assert shop.rows("SELECT * FROM ledger_entry ORDER BY id") == books


def test_a_capture_booked_here_that_never_happened_there_is_found(shop: Shop) -> None:
    shop.paid()
    shop.run_sql("UPDATE sandbox_charge SET state = 'declined'")

    assert compared(shop).healed == 0
    assert differences(shop) == [("not_done_there", "charge", "found")]


def test_a_refund_done_there_and_open_here_is_booked(shop: Shop) -> None:
    refunded(shop)
    shop.provider = SandboxProvider(shop.engine, shop.clock, shop.settings, random=random.Random(5).randbytes)
    shop.provider.switch(SandboxFaults(unknown=1))
    for hour in range(4):
        shop.send_refunds(now=NOW + timedelta(hours=hour))
    assert shop.one("SELECT count(*) FROM sandbox_refund") == 1
    shop.provider.switch(NO_FAULTS)

    assert compared(shop).healed == 1

    assert differences(shop) == [("not_done_here", "refund", "healed")]
    assert shop.balances() == {"provider_clearing": 1380, "customer_held": -1080, "refunds": -300}
    assert shop.send_refunds(now=NOW + timedelta(days=2)) == 0


def test_a_refund_booked_here_and_not_done_there_is_sent_for_the_customers_sake(shop: Shop) -> None:
    refunded(shop)
    shop.send_refunds()
    shop.run_sql("DELETE FROM sandbox_refund")
    shop.run_sql("UPDATE sandbox_charge SET refunded_minor = 0")

    assert compared(shop).healed == 1

    assert differences(shop) == [("not_done_there", "refund", "healed")]
    assert shop.one("SELECT amount_minor FROM sandbox_refund") == 300
    assert shop.one("SELECT provider_ref FROM refund") == shop.one("SELECT ref FROM sandbox_refund")
    assert compared(shop).found == 0


def test_what_could_not_heal_is_tried_again_the_next_time(shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)
    shop.provider.decide(ref, paid=True)

    class Mute(SandboxProvider):
        def look_up(self, ref: str) -> Any:
            shop.provider.switch(SandboxFaults(unknown=1))
            return super().look_up(ref)

    mute = Mute(shop.engine, shop.clock, shop.settings)
    done = reconcile(shop.engine, mute, since=NOW - timedelta(hours=1), until=LATER, now=LATER, settings=shop.settings)
    assert (done.found, done.healed, shop.state(order)) == (1, 0, "awaiting_payment")
    shop.provider.switch(NO_FAULTS)

    assert compared(shop).healed == 1
    assert (differences(shop), shop.state(order)) == ([("not_done_here", "charge", "healed")], "paid")


def test_what_was_captured_before_and_heard_of_now_is_no_difference(shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)
    shop.provider.decide(ref, paid=True)
    shop.run_sql("UPDATE sandbox_charge SET decided_at = :at", at=NOW - timedelta(days=2))
    shop.settle(ref)

    assert (compared(shop).movements, compared(shop).found) == (0, 0)


def test_a_person_closes_a_difference_with_a_note_and_it_stays_closed(shop: Shop) -> None:
    shop.run_sql(BOUGHT_ELSEWHERE, now=NOW)
    compared(shop)
    found = shop.one("SELECT id FROM payment_difference")

    with shop.engine.begin() as conn:
        close_difference(conn, difference_id=found, note="the stall on the market", person_id=PICKER, now=LATER)

    assert compared(shop).found == 0
    assert shop.rows("SELECT state, closed_by, note FROM payment_difference") == [
        ("decided", f"person:{PICKER}", "the stall on the market")
    ]
    assert shop.rows("SELECT subject, after, reason FROM change") == [
        ("difference", "decided", "the stall on the market")
    ]


def test_a_difference_is_not_closed_without_a_reason_twice_or_where_there_is_none(shop: Shop) -> None:
    shop.run_sql(BOUGHT_ELSEWHERE, now=NOW)
    compared(shop)
    found = shop.one("SELECT id FROM payment_difference")
    before = shop.everything()

    for difference, note, refusal in (
        (found, "", ReasonNeeded),
        ("nobody", "a good reason", NotFound),
    ):
        with pytest.raises(refusal), shop.engine.begin() as conn:
            close_difference(conn, difference_id=difference, note=note, person_id=PICKER, now=LATER)
    assert shop.everything() == before

    with shop.engine.begin() as conn:
        close_difference(conn, difference_id=found, note="a good reason", person_id=PICKER, now=LATER)
    before = shop.everything()
    with pytest.raises(DifferenceClosed), shop.engine.begin() as conn:
        close_difference(conn, difference_id=found, note="another reason", person_id=PICKER, now=LATER)
    assert shop.everything() == before


def test_each_hour_is_compared_once_and_each_day_again_when_it_is_complete(shop: Shop) -> None:
    start = NOW.replace(hour=0) + timedelta(hours=10)
    for quarter in range(4 * 24):
        reconcile_due(shop.engine, shop.provider, now=start + timedelta(minutes=15 * quarter), settings=shop.settings)

    spans = shop.rows("SELECT until - since AS span, count(*)::int AS n FROM reconciliation GROUP BY 1 ORDER BY 1")
    first_look = timedelta(days=1) - timedelta(minutes=15)
    assert [(row.span, row.n) for row in spans] == [(timedelta(hours=1), 23), (first_look, 1), (timedelta(days=1), 2)]
    days = shop.rows("SELECT since FROM reconciliation WHERE until - since = '1 day' ORDER BY since")
    assert [row.since for row in days] == [NOW.replace(hour=0) - timedelta(days=1), NOW.replace(hour=0)]


def test_a_service_that_was_away_for_just_a_day_compares_it_once(shop: Shop) -> None:
    midnight = NOW.replace(hour=0)
    reconcile_due(shop.engine, shop.provider, now=midnight + timedelta(minutes=15), settings=shop.settings)
    for minutes in (45, 60, 75):
        now = midnight + timedelta(days=1, minutes=minutes)
        reconcile_due(shop.engine, shop.provider, now=now, settings=shop.settings)
    assert shop.one("SELECT count(*) FROM reconciliation WHERE until - since = '1 day'") == 1


def test_a_day_that_was_compared_by_hand_twice_stops_nobody(shop: Shop) -> None:
    yesterday = NOW.replace(hour=0) - timedelta(days=1)
    for _ in range(2):
        reconcile(
            shop.engine,
            shop.provider,
            since=yesterday,
            until=yesterday + timedelta(days=1),
            now=NOW,
            settings=shop.settings,
        )
    reconcile_due(shop.engine, shop.provider, now=NOW, settings=shop.settings)
    assert shop.one("SELECT count(*) FROM reconciliation WHERE until - since = '1 day'") == 2


def test_without_a_report_the_hour_is_compared_later(shop: Shop) -> None:
    shop.paid()
    shop.provider.switch(SandboxFaults(unknown=1))
    before = shop.everything()
    assert reconcile_due(shop.engine, shop.provider, now=LATER, settings=shop.settings) == 0
    assert shop.everything() == before
    shop.provider.switch(NO_FAULTS)

    reconcile_due(shop.engine, shop.provider, now=LATER, settings=shop.settings)

    assert shop.one("SELECT max(movements) FROM reconciliation") == 1
