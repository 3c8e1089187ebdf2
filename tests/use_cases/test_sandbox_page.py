"""The sandbox provider's page and the webhook's door, through the web: paid, declined, forged, repeated."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.factory import create_app
from app.web.parts import WebParts
from tests.use_cases.cast import NOW, RETURN_URL, Shop


@pytest.fixture
def app(shop: Shop) -> Flask:
    made = create_app(shop.settings)
    made.testing = True
    parts: WebParts = made.extensions["caibox"]
    parts.engine.dispose()
    made.extensions["caibox"] = _Parts(shop)
    return made


class _Parts(WebParts):
    """The shop's own parts, so that page and test see the same clock."""

    def __init__(self, shop: Shop) -> None:
        self.settings, self.engine, self.clock, self.provider = shop.settings, shop.engine, shop.clock, shop.provider


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def press(client: FlaskClient, ref: str, decision: str) -> int:
    page = client.get(f"/en/sandbox/pay/{ref}")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    answer = client.post(f"/en/sandbox/pay/{ref}", data={"decision": decision, "csrf_token": token[1]})
    if answer.status_code == 303:
        assert answer.headers["Location"] == RETURN_URL
    return answer.status_code


def knock(client: FlaskClient, shop: Shop, ref: str) -> int:
    body, headers = shop.provider.webhook(ref)
    return client.post("/webhooks/sandbox", data=body, headers=headers).status_code


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Sandbox provider, no real money"), ("zh-hans", "沙盒支付，不收真钱")]
)
def test_the_page_says_in_both_languages_that_no_money_moves(
    client: FlaskClient, shop: Shop, language: str, words: str
) -> None:
    page = client.get(f"/{language}/sandbox/pay/{shop.start(shop.order())}")

    assert page.status_code == 200
    assert words in page.text
    assert "13.80" in page.text


def test_paying_and_the_webhook_make_the_order_paid(client: FlaskClient, shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)

    assert press(client, ref, "pay") == 303
    assert shop.state(order) == "awaiting_payment"  # our own message went nowhere: no server listens in this test
    assert knock(client, shop, ref) == 204

    assert shop.state(order) == "paid"
    assert shop.one("SELECT applied_at FROM payment_webhook") == NOW


def test_declining_leaves_the_order_open(client: FlaskClient, shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)
    press(client, ref, "decline")
    knock(client, shop, ref)

    assert shop.state(order) == "awaiting_payment"
    assert "did not go through" in client.get(f"/en/sandbox/pay/{ref}").text


def test_a_decision_stands(client: FlaskClient, shop: Shop) -> None:
    ref = shop.start(shop.order())
    shop.provider.decide(ref, paid=True)

    page = client.get(f"/en/sandbox/pay/{ref}")

    assert "This is paid." in page.text
    assert "decision" not in page.text


def test_a_page_without_a_charge_is_not_found(client: FlaskClient) -> None:
    assert client.get("/en/sandbox/pay/sb_nothing").status_code == 404


def test_the_page_takes_no_decision_without_its_token(client: FlaskClient, shop: Shop) -> None:
    ref = shop.start(shop.order())

    assert client.post(f"/en/sandbox/pay/{ref}", data={"decision": "pay"}).status_code == 400
    assert shop.provider.look_up(ref).state == "open"


def test_the_same_webhook_many_times_is_one_payment(client: FlaskClient, shop: Shop) -> None:
    order = shop.order()
    ref = shop.start(order)
    shop.provider.decide(ref, paid=True)
    body, headers = shop.provider.webhook(ref)

    for _ in range(3):
        assert client.post("/webhooks/sandbox", data=body, headers=headers).status_code == 204

    assert shop.one("SELECT count(*) FROM payment_webhook") == 1
    assert shop.one("SELECT count(*) FROM ledger_entry") == 2


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b'{"event_id": "evt_1", "ref": "sb_1"}'])
def test_a_forged_webhook_is_a_problem_and_nothing_is_stored(client: FlaskClient, shop: Shop, body: bytes) -> None:
    before = shop.everything()

    answer = client.post("/webhooks/sandbox", data=body, headers={"Sandbox-Signature": "t=1,v1=00"})

    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert answer.get_json()["code"] == "webhook_refused"
    assert shop.everything() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b'{"event_id": "evt_1"}',
        b'{"event_id": 1, "ref": "sb_1"}',
        b'{"event_id": "evt_1", "ref": "sb_1\\u0000"}',
        b'{"event_id": "evt_1", "ref": "sb_1", "more": "\\u0000"}',
        b'{"event_id": "evt_1", "ref": "sb_1", "more": ' + b"[" * 30_000,
        b'{"event_id": "' + b"e" * 300 + b'", "ref": "sb_1"}',
    ],
)
def test_a_signed_message_that_nobody_can_read_is_a_problem_and_nothing_is_stored(
    client: FlaskClient, shop: Shop, body: bytes
) -> None:
    before = shop.everything()
    stamp = shop.clock.now().civil_ms // 1000
    signed = {"Sandbox-Signature": f"t={stamp},v1={shop.provider._sign(stamp, body)}"}

    answer = client.post("/webhooks/sandbox", data=body, headers=signed)

    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert answer.get_json()["code"] == "webhook_unreadable"
    assert shop.everything() == before


def test_a_time_of_five_thousand_digits_is_refused_as_any_forged_one(client: FlaskClient, shop: Shop) -> None:
    before = shop.everything()

    answer = client.post("/webhooks/sandbox", data=b"{}", headers={"Sandbox-Signature": f"t={'1' * 5_000},v1=00"})

    assert (answer.status_code, answer.get_json()["code"]) == (400, "webhook_refused")
    assert shop.everything() == before


def test_a_message_about_a_charge_of_nobody_is_taken_and_left(client: FlaskClient, shop: Shop) -> None:
    assert knock(client, shop, "sb_nothing") == 204

    assert shop.one("SELECT applied_at FROM payment_webhook") is None


def test_an_unknown_provider_is_not_found(client: FlaskClient) -> None:
    assert client.post("/webhooks/elsewhere", data=b"{}").status_code == 404
