"""The payment sandbox keeps a provider's rules: signatures, keys, one decision, refunds within the capture."""

from datetime import timedelta

import pytest

from app.payments.provider import Unavailable, WebhookForged
from app.payments.sandbox import SIGNATURE_HEADER
from tests.use_cases.cast import NOW, RETURN_URL, Shop


def test_a_forged_or_old_message_is_refused(shop: Shop) -> None:
    body, headers = shop.provider.webhook(shop.start(shop.order()))

    for forged in ({}, {SIGNATURE_HEADER: "t=1,v1=00"}, {SIGNATURE_HEADER: "t=x"}, {SIGNATURE_HEADER: "💥"}):
        with pytest.raises(WebhookForged):
            shop.provider.read_webhook(body, forged)
    with pytest.raises(WebhookForged):
        shop.provider.read_webhook(body + b" ", headers)
    shop.clock.civil = NOW + timedelta(minutes=5, seconds=1)
    with pytest.raises(WebhookForged):
        shop.provider.read_webhook(body, headers)


def test_a_charge_is_decided_once(shop: Shop) -> None:
    ref = shop.start(shop.order())

    assert shop.provider.decide(ref, paid=False)
    assert not shop.provider.decide(ref, paid=True)
    assert shop.provider.look_up(ref).state == "declined"


def test_a_key_of_another_amount_is_refused(shop: Shop) -> None:
    asked = {"idempotency_key": "k", "currency": "CNY", "description": "", "return_url": RETURN_URL}
    shop.provider.start(amount_minor=1, **asked)

    with pytest.raises(Unavailable):
        shop.provider.start(amount_minor=2, **asked)


def test_refunds_are_done_once_a_key_and_never_exceed_the_capture(shop: Shop) -> None:
    ref = shop.start(shop.order())
    with pytest.raises(Unavailable):
        shop.provider.refund(ref, amount_minor=1, idempotency_key="early")
    shop.provider.decide(ref, paid=True)
    for _ in range(3):
        shop.provider.refund(ref, amount_minor=1000, idempotency_key="one")
    with pytest.raises(Unavailable):
        shop.provider.refund(ref, amount_minor=381, idempotency_key="two")

    assert shop.provider.look_up(ref).refunded_minor == 1000


def test_the_page_speaks_the_language_of_the_shop(shop: Shop) -> None:
    asked = {"amount_minor": 1, "currency": "CNY", "description": ""}

    english = shop.provider.start(idempotency_key="a", return_url="http://x/en/orders/1", **asked)  # type: ignore[arg-type]
    chinese = shop.provider.start(idempotency_key="b", return_url="http://x/zh-hans/orders/1", **asked)  # type: ignore[arg-type]

    assert "/en/sandbox/pay/" in english.pay_url
    assert "/zh-hans/sandbox/pay/" in chinese.pay_url


def test_a_message_nobody_takes_is_no_failure(shop: Shop) -> None:
    assert not shop.provider.send_webhook(shop.start(shop.order()))


def test_what_the_sandbox_does_not_know_it_says(shop: Shop) -> None:
    with pytest.raises(Unavailable):
        shop.provider.look_up("sb_nothing")
    assert shop.provider.hosted_charge("sb_nothing") is None
