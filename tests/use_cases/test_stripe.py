"""Stripe by its SDK, against a stand-in that runs for real: paid, heard of, given back, compared."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import requests
import stripe

from app.domain.refunding import RefundCause
from app.factory import make_parts
from app.payments.provider import ChargeState, Unavailable, WebhookForged, WebhookUnreadable
from app.payments.stripe_provider import StripeProvider
from app.settings import SettingsError, StripeAccount, settings_from
from app.use_cases.money.decide_refund import decide_refund
from app.use_cases.money.hear_webhook import hear_webhook
from app.use_cases.money.reconcile import Reconciled, reconcile
from app.use_cases.money.start_payment import start_payment
from tests.conftest import wait_until
from tests.use_cases.cast import NOW, RETURN_URL, Shop
from tests.use_cases.stripe_stand_in import BAD_CARD, SECRET, StandIn, running_stand_in

START: dict[str, Any] = {"amount_minor": 500, "currency": "CNY", "description": "K7Q2", "return_url": RETURN_URL}


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    with running_stand_in(tmp_path) as running:
        yield running


@pytest.fixture
def stripe_shop(shop: Shop, stand_in: StandIn) -> Shop:
    shop.provider = stand_in.provider()  # type: ignore[assignment]
    return shop


def begin(shop: Shop, order: Any) -> str:
    """Start to pay; the intent's name, as the shop's page reads it."""
    url = start_url(shop, order)
    return parse_qs(urlsplit(url).query)["payment_intent"][0]


def start_url(shop: Shop, order: Any) -> str:
    person = shop.one("SELECT person_id FROM customer_order WHERE id = :id", id=order.order_id)
    return start_payment(
        shop.engine, shop.provider, order_id=order.order_id, person_id=person, return_url=RETURN_URL, now=NOW
    )


def compared(shop: Shop) -> Reconciled:
    real = datetime.now(UTC)
    since, until = min(real, NOW) - timedelta(days=1), max(real, NOW) + timedelta(days=1)
    return reconcile(shop.engine, shop.provider, since=since, until=until, now=NOW, settings=shop.settings)


def signed(body: bytes, *, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    stamp = round(at if at is not None else time.time())
    proof = stripe.WebhookSignature._compute_signature(f"{stamp}.{body.decode()}", secret)
    return {"stripe-signature": f"t={stamp},v1={proof}"}


@contextmanager
def listening(shop: Shop) -> Iterator[tuple[str, list[bool | str]]]:
    """The service's door for messages, on a port of its own; what came of each message."""
    heard: list[bool | str] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                heard.append(
                    hear_webhook(
                        shop.engine,
                        shop.provider,
                        body=body,
                        headers=dict(self.headers.items()),
                        now=NOW,
                        settings=shop.settings,
                    )
                )
            except (WebhookForged, WebhookUnreadable) as error:
                heard.append(str(error))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/webhooks/stripe", heard
        server.shutdown()
        thread.join()


def test_an_order_is_paid_heard_of_by_a_signed_message_and_given_back(stripe_shop: Shop, stand_in: StandIn) -> None:
    shop = stripe_shop
    order = shop.order()
    with listening(shop) as (url, heard):
        requests.post(f"{stand_in.url}/_config/webhooks/ours", json={"url": url, "secret": SECRET}, timeout=10)
        ref = begin(shop, order)
        stand_in.pay(ref)
        wait_until(lambda: shop.state(order) == "paid", what="Stripe's message")
    assert set(heard) == {True}
    with shop.engine.begin() as conn:
        decide_refund(
            conn, order_id=order.order_id, cause=RefundCause.STAFF, cause_key="k", lines={1: 300}, actor="x", now=NOW
        )

    assert shop.send_refunds() == 1

    assert shop.provider.look_up(ref).refunded_minor == 300
    assert (compared(shop).movements, compared(shop).found) == (2, 0)
    kept = shop.one("SELECT body->>'type' FROM payment_webhook WHERE provider_ref = :ref", ref=ref)
    assert kept == "payment_intent.succeeded"


def test_a_message_that_was_lost_is_made_up_for_by_the_comparison(stripe_shop: Shop, stand_in: StandIn) -> None:
    order = stripe_shop.order()
    stand_in.pay(begin(stripe_shop, order))
    stripe_shop.run_sql("UPDATE payment SET provider_ref = NULL")

    done = compared(stripe_shop)

    assert (done.found, done.healed, stripe_shop.state(order)) == (1, 1, "paid")


def test_what_somebody_does_on_stripes_own_page_waits_for_a_person(stripe_shop: Shop, stand_in: StandIn) -> None:
    ref = begin(stripe_shop, stripe_shop.order())
    stand_in.pay(ref)
    stripe_shop.settle(ref)
    stand_in.client.v1.refunds.create({"payment_intent": ref, "amount": 7})
    other = stand_in.client.v1.payment_intents.create({"amount": 900, "currency": "cny"})
    stand_in.pay(other.id)

    assert compared(stripe_shop).healed == 0

    rows = stripe_shop.rows("SELECT kind, movement, theirs_minor FROM payment_difference ORDER BY theirs_minor")
    assert [tuple(row) for row in rows] == [("unknown_here", "refund", 7), ("unknown_here", "charge", 900)]


def test_a_declined_card_leaves_it_open_for_another(stripe_shop: Shop, stand_in: StandIn) -> None:
    order = stripe_shop.order()
    ref = begin(stripe_shop, order)
    with pytest.raises(stripe.CardError):
        stand_in.pay(ref, BAD_CARD)
    stripe_shop.settle(ref)
    assert stripe_shop.state(order) == "awaiting_payment"
    assert stripe_shop.one("SELECT state FROM payment") == "open"


def test_a_cancelled_intent_is_declined(stand_in: StandIn) -> None:
    provider = stand_in.provider()
    ref = provider.start(idempotency_key="k", **START).ref
    stand_in.client.v1.payment_intents.cancel(ref)

    assert provider.look_up(ref).state is ChargeState.DECLINED


def test_one_pays_on_the_shops_page_which_hears_where_to_send_people_back(stand_in: StandIn) -> None:
    started = stand_in.provider().start(idempotency_key="k", **START)

    assert started.pay_url.startswith("http://pay.example/?")
    assert parse_qs(urlsplit(started.pay_url).query) == {"payment_intent": [started.ref], "return_url": [RETURN_URL]}


def test_who_does_not_answer_may_have_done_it(shop: Shop) -> None:
    nobody = StripeProvider(StripeAccount("sk_test_shop", SECRET, "http://pay.example/", "http://127.0.0.1:1"))

    with pytest.raises(Unavailable) as refused:
        nobody.start(idempotency_key="k", **START)

    assert not refused.value.permanent


def test_many_lines_are_read_page_by_page(stand_in: StandIn) -> None:
    provider = stand_in.provider()
    ref = provider.start(idempotency_key="many", **{**START, "amount_minor": 1000}).ref
    stand_in.pay(ref)
    for number in range(101):
        stand_in.client.v1.refunds.create(
            {"payment_intent": ref, "amount": 1, "metadata": {"caibox_key": f"r{number}"}}
        )
    real = datetime.now(UTC)

    lines = provider.report(since=real - timedelta(hours=1), until=real + timedelta(hours=1))

    assert len({line.ref for line in lines}) == len(lines) == 102
    assert provider.find_refund(ref, idempotency_key="r0") is not None


# --- messages


EVENT = {"id": "evt_1", "type": "charge.refunded", "data": {"object": {"object": "charge", "payment_intent": "pi_1"}}}


def reader() -> StripeProvider:
    return StripeProvider(StripeAccount("sk_test_shop", SECRET, "http://pay.example/", None))


@pytest.mark.parametrize(
    ("subject", "ref"),
    [
        ({"object": "payment_intent", "id": "pi_1"}, "pi_1"),
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, "pi_1"),
        ({"object": "refund", "id": "re_1", "payment_intent": "pi_1"}, "pi_1"),
        ({"object": "payout", "id": "po_1"}, ""),
        ({"object": "charge", "id": "ch_1", "payment_intent": None}, ""),
    ],
)
def test_a_message_names_the_intent_it_is_about(subject: dict[str, Any], ref: str) -> None:
    body = msgspec.json.encode({"id": "evt_1", "type": "x", "data": {"object": subject}})

    event = reader().read_webhook(body, signed(body))

    assert (event.event_id, event.ref) == ("evt_1", ref)


def test_old_and_foreign_signatures_are_forged() -> None:
    body = msgspec.json.encode(EVENT)

    for headers in (signed(body, at=time.time() - 301), signed(body, secret="another"), signed(body + b" ")):
        with pytest.raises(WebhookForged):
            reader().read_webhook(body, headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id": "evt_1"}',
        b'{"id": "", "data": {"object": {}}}',
        b'{"id": "a\\u0000", "data": {"object": {}}}',
    ],
)
def test_a_signed_message_that_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(WebhookUnreadable):
        reader().read_webhook(body, signed(body))


# --- settings


def test_settings_choose_stripe_and_say_what_is_missing(shop: Shop) -> None:
    environment = {
        "DATABASE_URL": shop.settings.database_url,
        "CAIBOX_UPLINK_URL": "mqtt://127.0.0.1:1",
        "CAIBOX_SECRET_KEY": "secret",
        "CAIBOX_SIGNING_KEYS": "1:" + "c3M" * 14 + "c=",
        "CAIBOX_PAYMENT_PROVIDER": "stripe",
        "CAIBOX_STRIPE_SECRET_KEY": "sk_test_shop",
        "CAIBOX_STRIPE_WEBHOOK_SECRET": SECRET,
        "CAIBOX_STRIPE_PAY_URL": "https://pay.example/",
    }
    parts = make_parts(settings_from(environment))
    parts.engine.dispose()

    assert isinstance(parts.provider, StripeProvider)
    for name in ("CAIBOX_STRIPE_SECRET_KEY", "CAIBOX_STRIPE_WEBHOOK_SECRET", "CAIBOX_STRIPE_PAY_URL"):
        with pytest.raises(SettingsError, match=name):
            settings_from({key: value for key, value in environment.items() if key != name})
    for name, wrong in (
        ("CAIBOX_PAYMENT_PROVIDER", "cash"),
        ("CAIBOX_STRIPE_PAY_URL", "javascript:1"),
    ):
        with pytest.raises(SettingsError, match=name):
            settings_from({**environment, name: wrong})
    with pytest.raises(SettingsError, match="cannot be bent"):
        settings_from({**environment, "CAIBOX_DEMO": "1", "CAIBOX_CLOCK_FILE": "/nowhere"})
