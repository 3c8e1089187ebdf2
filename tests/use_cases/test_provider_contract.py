"""What every payment provider does alike: our sandbox, and Stripe by its SDK against a stand-in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.reconciling import MovementKind
from app.payments.provider import ChargeState, PaymentProvider, Unavailable, WebhookForged
from tests.use_cases.cast import NOW, Shop
from tests.use_cases.stripe_stand_in import StandIn, running_stand_in

ASKED: dict[str, Any] = {
    "amount_minor": 1380,
    "currency": "CNY",
    "description": "K7Q2",
    "return_url": "http://127.0.0.1:8000/en/orders/x?a=1&b=2",
}


@dataclass(frozen=True, slots=True)
class Side:
    """A provider, its page where one pays, and a stretch of time around its clock."""

    provider: PaymentProvider
    pay: Callable[[str], object]
    now: datetime

    def report(self) -> list[Any]:
        return list(self.provider.report(since=self.now - timedelta(minutes=5), until=self.now + timedelta(minutes=5)))


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with running_stand_in(tmp_path_factory.mktemp("stripe")) as running:
        yield running


@pytest.fixture(params=["sandbox", "stripe"])
def side(request: pytest.FixtureRequest, shop: Shop) -> Side:
    if request.param == "sandbox":
        return Side(shop.provider, lambda ref: shop.provider.decide(ref, paid=True), NOW)
    stand_in: StandIn = request.getfixturevalue("stand_in")
    return Side(stand_in.provider(), stand_in.pay, datetime.now(UTC))


def test_a_charge_is_open_until_it_is_paid(side: Side) -> None:
    started = side.provider.start(idempotency_key="p1", **ASKED)
    before = side.provider.look_up(started.ref)
    side.pay(started.ref)
    after = side.provider.look_up(started.ref)

    assert started.pay_url.startswith("http")
    assert (before.state, after.state) == (ChargeState.OPEN, ChargeState.CAPTURED)
    assert (after.ref, after.amount_minor, after.currency, after.refunded_minor) == (started.ref, 1380, "CNY", 0)


def test_a_key_gives_back_once_and_names_it_the_same(side: Side) -> None:
    ref = side.provider.start(idempotency_key="p2", **ASKED).ref
    side.pay(ref)
    assert side.provider.find_refund(ref, idempotency_key="r1") is None

    names = {side.provider.refund(ref, amount_minor=300, idempotency_key="r1") for _ in range(3)}
    names.add(side.provider.find_refund(ref, idempotency_key="r1") or "")
    another = side.provider.refund(ref, amount_minor=80, idempotency_key="r2")

    assert len(names) == 1
    assert another not in names
    assert side.provider.look_up(ref).refunded_minor == 380


def test_the_report_names_each_movement_once_with_our_key(side: Side) -> None:
    unpaid = side.provider.start(idempotency_key="p3", **ASKED).ref
    ref = side.provider.start(idempotency_key="p4", **ASKED).ref
    side.pay(ref)
    refund = side.provider.refund(ref, amount_minor=300, idempotency_key="r4")

    ours = [line for line in side.report() if line.key in ("p3", "p4", "r4")]

    assert unpaid not in [line.ref for line in ours]
    assert [(line.kind, line.ref, line.key, line.amount_minor, line.currency, line.failed) for line in ours] == [
        (MovementKind.CHARGE, ref, "p4", 1380, "CNY", False),
        (MovementKind.REFUND, refund, "r4", 300, "CNY", False),
    ]


def test_the_report_keeps_to_its_time(side: Side) -> None:
    ref = side.provider.start(idempotency_key="p5", **ASKED).ref
    side.pay(ref)
    side.provider.refund(ref, amount_minor=1, idempotency_key="r5")
    future, past = side.now + timedelta(hours=1), side.now - timedelta(hours=1)

    assert list(side.provider.report(since=future, until=future + timedelta(hours=1))) == []
    assert list(side.provider.report(since=past - timedelta(hours=1), until=past)) == []


def test_what_it_does_not_know_is_refused_for_good(side: Side) -> None:
    for doing in (
        lambda: side.provider.look_up("pi_nothing"),
        lambda: side.provider.refund("pi_nothing", amount_minor=1, idempotency_key="r6"),
    ):
        with pytest.raises(Unavailable) as refused:
            doing()
        assert refused.value.permanent


def test_nothing_goes_back_of_what_was_not_paid(side: Side) -> None:
    ref = side.provider.start(idempotency_key="p6", **ASKED).ref

    with pytest.raises(Unavailable) as refused:
        side.provider.refund(ref, amount_minor=1, idempotency_key="r7")

    assert refused.value.permanent
    assert side.provider.look_up(ref).refunded_minor == 0


@pytest.mark.parametrize("header", ["", "t=1,v1=00", "t=x", "t=" + "1" * 5000 + ",v1=00", "💥", "v1=00,t="])
@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe"])
def test_a_message_that_was_not_signed_is_forged(side: Side, header: str, body: bytes) -> None:
    for name in ("Sandbox-Signature", "Stripe-Signature"):
        with pytest.raises(WebhookForged):
            side.provider.read_webhook(body, {name: header})
