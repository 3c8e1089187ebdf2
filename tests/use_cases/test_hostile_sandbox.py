"""The sandbox, switched to fail as real providers do: what it did and what it says differ, and our books stay right."""

import random
from datetime import timedelta

import pytest

from app.db.pages.risks import matters
from app.domain.refunding import RefundCause
from app.domain.risks import RiskKind
from app.payments.provider import Unavailable, WebhookForged
from app.payments.sandbox import SandboxProvider
from app.payments.sandbox_faults import NO_FAULTS, Outcome, SandboxFaults, deliveries, outcome, read_faults
from app.settings import SettingsError
from app.use_cases.money.decide_refund import decide_refund
from app.use_cases.money.hear_webhook import hear_webhook
from app.use_cases.money.poll_payments import poll_payments
from app.use_cases.money.refund_by_hand import retry_refund
from tests.use_cases.cast import NOW, PICKER, Shop

ALWAYS_UNKNOWN = SandboxFaults(unknown=1)


def decide(shop: Shop, order_id: str, *, key: str = "k") -> None:
    with shop.engine.begin() as conn:
        decide_refund(conn, order_id=order_id, cause=RefundCause.STAFF, cause_key=key, lines=None, actor="x", now=NOW)


def seeded(shop: Shop, seed: int) -> SandboxProvider:
    return SandboxProvider(shop.engine, shop.clock, shop.settings, random=random.Random(seed).randbytes)


def refunds_there(shop: Shop) -> int:
    found: int = shop.one("SELECT count(*) FROM sandbox_refund")
    return found


def test_switched_off_it_sends_one_message_at_once_and_answers_every_call() -> None:
    def no_dice(count: int) -> bytes:
        raise AssertionError(count)

    (only,) = deliveries(NO_FAULTS, no_dice)
    assert (only.after, only.forged) == (timedelta(), False)
    assert outcome(NO_FAULTS, no_dice) is Outcome.ANSWERED


def test_a_seed_repeats_what_goes_wrong() -> None:
    faults = SandboxFaults(copies=5, lost=0.2, late=0.5, late_s=3600, forged=0.5)

    first, again, other = (
        [deliveries(faults, source) for _ in range(50)]
        for source in (random.Random(1).randbytes, random.Random(1).randbytes, random.Random(2).randbytes)
    )

    assert first == again != other


def test_settings_read_the_switches_and_refuse_what_is_none() -> None:
    assert read_faults("") == NO_FAULTS
    assert read_faults("lost=0.2, copies=5") == SandboxFaults(lost=0.2, copies=5)
    for wrong in ("lost=2", "lots=1", "lost", "copies=0"):
        with pytest.raises(SettingsError, match="CAIBOX_SANDBOX_FAULTS"):
            read_faults(wrong)


def test_a_switch_holds_for_every_program_that_asks(shop: Shop) -> None:
    seeded(shop, 1).switch(ALWAYS_UNKNOWN)
    ref = "sb_1"
    assert shop.provider.switches() == ALWAYS_UNKNOWN
    with pytest.raises(Unavailable):
        shop.provider.report(since=NOW, until=NOW + timedelta(days=1))
    with pytest.raises(Unavailable):
        shop.provider.find_refund(ref, idempotency_key="k")

    shop.provider.switch(NO_FAULTS)
    assert shop.provider.find_refund(ref, idempotency_key="k") is None


def test_a_start_without_an_answer_is_one_charge_in_the_end(shop: Shop) -> None:
    order = shop.order()
    shop.provider.switch(ALWAYS_UNKNOWN)
    for _ in range(8):
        with pytest.raises(Unavailable):
            shop.start(order)
    shop.provider.switch(NO_FAULTS)
    shop.provider.decide(shop.start(order), paid=True)

    poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=1), settings=shop.settings)

    assert shop.state(order) == "paid"
    assert (shop.one("SELECT count(*) FROM sandbox_charge"), shop.one("SELECT count(*) FROM payment")) == (1, 1)


def test_a_refund_without_an_answer_is_given_back_once(shop: Shop) -> None:
    shop.run_sql("UPDATE run_capacity SET total = 1000")
    done_unsaid = 0
    for seed in range(6):
        shop.run_sql("DELETE FROM sandbox_switch")
        order = shop.paid()
        decide(shop, order.order_id)
        shop.provider = seeded(shop, seed)
        shop.provider.switch(ALWAYS_UNKNOWN)
        before = refunds_there(shop)
        assert shop.send_refunds(now=NOW + timedelta(hours=seed)) == 0
        done_unsaid += refunds_there(shop) - before
        shop.provider.switch(NO_FAULTS)
        assert shop.send_refunds(now=NOW + timedelta(hours=seed, minutes=10)) == 1

    assert 0 < done_unsaid < 6  # both kinds of silence came
    assert refunds_there(shop) == shop.one("SELECT count(*) FROM refund WHERE done_at IS NOT NULL") == 6


def test_after_a_day_in_doubt_the_provider_is_asked_what_happened_before_a_new_key(shop: Shop) -> None:
    shop.run_sql("UPDATE run_capacity SET total = 1000")
    orders = [shop.paid() for _ in range(8)]
    for order in orders:
        decide(shop, order.order_id)
    shop.provider = seeded(shop, 4)
    shop.provider.switch(ALWAYS_UNKNOWN)
    shop.send_refunds()
    done = refunds_there(shop)
    assert 0 < done < 8
    # The provider forgot the keys: by itself it would give back again.
    shop.run_sql("UPDATE sandbox_refund SET idempotency_key = 'forgotten-' || idempotency_key")

    class Remembers(SandboxProvider):
        def find_refund(self, ref: str, *, idempotency_key: str) -> str | None:
            return super().find_refund(ref, idempotency_key=f"forgotten-{idempotency_key}")

    shop.provider = Remembers(shop.engine, shop.clock, shop.settings)
    shop.provider.switch(NO_FAULTS)
    assert shop.send_refunds(now=NOW + timedelta(hours=24)) == 8

    assert refunds_there(shop) == 8
    assert sorted(shop.rows("SELECT attempt FROM refund")) == [(1,)] * done + [(2,)] * (8 - done)


def test_a_refused_refund_is_tried_until_it_is_done(shop: Shop) -> None:
    decide(shop, shop.paid().order_id)
    shop.provider.switch(SandboxFaults(refund_fails=1))
    assert [shop.send_refunds(now=NOW + timedelta(minutes=n)) for n in (0, 1, 3)] == [0, 0, 0]
    assert (refunds_there(shop), shop.one("SELECT tries FROM refund")) == (0, 3)
    shop.provider.switch(NO_FAULTS)

    assert shop.send_refunds(now=NOW + timedelta(minutes=10)) == 1


def test_what_the_provider_refused_for_ever_is_asked_for_by_a_new_key_when_staff_say_so(shop: Shop) -> None:
    order = shop.paid()
    decide(shop, order.order_id)
    shop.run_sql("UPDATE sandbox_charge SET state = 'declined'")
    shop.send_refunds()
    assert shop.one("SELECT failed FROM refund") == "nothing was captured"
    shop.run_sql("UPDATE sandbox_charge SET state = 'captured'")
    with shop.engine.begin() as conn:
        retry_refund(conn, refund_no=shop.one("SELECT refund_no FROM refund"), person_id=PICKER, now=NOW)

    assert shop.send_refunds() == 1
    refund_id = shop.one("SELECT id FROM refund")
    assert shop.one("SELECT idempotency_key FROM sandbox_refund") == f"{refund_id}.2"


def test_lost_late_repeated_and_forged_messages_come_as_switched(shop: Shop) -> None:
    ref = shop.start(shop.order())
    shop.provider = seeded(shop, 5)
    shop.provider.switch(SandboxFaults(copies=5, late=0.5, late_s=3600, forged=1))
    shop.provider.decide(ref, paid=True)
    heard: list[str] = []

    def post(body: bytes, headers: dict[str, str]) -> bool:
        try:
            is_new = hear_webhook(
                shop.engine, shop.provider, body=body, headers=headers, now=shop.clock.civil, settings=shop.settings
            )
        except WebhookForged:
            heard.append("forged")
            return False
        heard.append("new" if is_new else "again")
        return True

    shop.provider.send_webhook(ref, post=post)  # type: ignore[arg-type]
    assert 0 < len(heard) < 6
    shop.clock.civil = NOW + timedelta(hours=1)
    shop.provider.deliver_due(post=post)  # type: ignore[arg-type]

    assert sorted(heard) == ["again"] * 4 + ["forged", "new"]
    assert shop.one("SELECT count(*) FROM sandbox_message") == 0
    assert shop.one("SELECT count(*) FROM payment_webhook") == 1
    assert shop.one("SELECT count(*) FROM ledger_entry") == 2


def test_a_provider_that_never_answers_is_asked_ever_more_rarely(shop: Shop) -> None:
    shop.start(shop.order())
    shop.provider.switch(ALWAYS_UNKNOWN)

    asked = [
        n
        for n in range(1, 41)
        if poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=n), settings=shop.settings)
    ]

    assert asked == [1, 2, 4, 8, 16, 32]


def test_operators_see_what_is_not_answered_until_it_is(shop: Shop) -> None:
    shop.start(shop.order())

    def shown() -> list[RiskKind]:
        with shop.engine.begin() as conn:
            return [matter.kind for matter in matters(conn, now=NOW + timedelta(hours=1))]

    shop.provider.switch(ALWAYS_UNKNOWN)
    poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=1), settings=shop.settings)
    in_vain = shown()
    shop.provider.switch(NO_FAULTS)
    poll_payments(shop.engine, shop.provider, now=NOW + timedelta(minutes=2), settings=shop.settings)

    assert RiskKind.PAYMENT_UNCLEAR in in_vain
    assert RiskKind.PAYMENT_UNCLEAR not in shown()  # open, as the provider says: nobody pays


def test_a_charge_whose_name_we_never_heard_is_not_begun_anew_once_keys_are_forgotten(shop: Shop) -> None:
    shop.start(shop.order())
    shop.run_sql("UPDATE payment SET provider_ref = NULL")

    assert poll_payments(shop.engine, shop.provider, now=NOW + timedelta(hours=23), settings=shop.settings) == 0
    assert poll_payments(shop.engine, shop.provider, now=NOW + timedelta(hours=22), settings=shop.settings) == 1
