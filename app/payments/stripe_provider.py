"""Stripe by its SDK: payment intents, refunds, webhooks, and what moved.

A person pays on a page of the shop's, elsewhere, which confirms the intent (`docs/payments.md`): our own pages load no
script of others. Stripe keeps our keys as idempotency keys for a day and as metadata for ever; the metadata are what
lookups go by. Never decides whether money moved: Stripe's current state does.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import stripe

from app.domain.reconciling import Movement, MovementKind
from app.payments.provider import (
    Charge,
    ChargeState,
    StartedCharge,
    Unavailable,
    WebhookEvent,
    WebhookForged,
    WebhookUnreadable,
)
from app.settings import StripeAccount

SIGNATURE_HEADER = "Stripe-Signature"
TOLERANCE_S = 300
TIMEOUT_S = 10
PAGE = 100
KEY, ORDER_NO = "caibox_key", "caibox_order_no"
NUL = "\\u0000"  # PostgreSQL keeps no JSON with it

# A declined attempt leaves an intent open: the person may try another card.
STATES = {"succeeded": ChargeState.CAPTURED, "canceled": ChargeState.DECLINED}


class StripeProvider:
    """One Stripe account."""

    name = "stripe"

    def __init__(self, account: StripeAccount) -> None:
        self._client = stripe.StripeClient(
            account.secret_key,
            base_addresses={"api": account.api_url} if account.api_url else {},
            http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
            max_network_retries=0,  # who asks again is `poll_payments` and `send_refunds`, by the same key
        )
        self._webhook_secret = account.webhook_secret
        self._pay_url = account.pay_url

    def start(
        self, *, idempotency_key: str, amount_minor: int, currency: str, description: str, return_url: str
    ) -> StartedCharge:
        """Open a payment intent; the same key gives the same again, for a day."""
        metadata = {KEY: idempotency_key, ORDER_NO: description}
        with _answering():
            intent = self._client.v1.payment_intents.create(
                {"amount": amount_minor, "currency": currency.lower(), "metadata": metadata},
                {"idempotency_key": idempotency_key},
            )
        asked = urlencode({"payment_intent": intent.id, "return_url": return_url})
        return StartedCharge(intent.id, f"{self._pay_url}?{asked}")

    def look_up(self, ref: str) -> Charge:
        """A payment intent's current state."""
        with _answering():
            intent = self._client.v1.payment_intents.retrieve(ref, {"expand": ["latest_charge"]})
        charge: Any = intent.latest_charge
        refunded = charge.amount_refunded if charge is not None else 0
        state = STATES.get(intent.status, ChargeState.OPEN)
        return Charge(intent.id, state, intent.amount, intent.currency.upper(), refunded)

    def refund(self, ref: str, *, amount_minor: int, idempotency_key: str) -> str:
        """Give money back; the same key refunds once. Raises Unavailable, for ever where the bank refused it."""
        if self.look_up(ref).state is not ChargeState.CAPTURED:
            raise Unavailable("nothing was captured", permanent=True)
        done = self.find_refund(ref, idempotency_key=idempotency_key)
        if done is not None:
            return done
        with _answering():
            refund = self._client.v1.refunds.create(
                {"payment_intent": ref, "amount": amount_minor, "metadata": {KEY: idempotency_key}},
                {"idempotency_key": idempotency_key},
            )
        if refund.status in ("failed", "canceled"):
            raise Unavailable(f"the refund {refund.status}", permanent=True)
        return refund.id

    def find_refund(self, ref: str, *, idempotency_key: str) -> str | None:
        """Name the refund of an intent that carries this key, if it was not refused."""
        with _answering():
            listed = self._client.v1.refunds.list({"payment_intent": ref, "limit": PAGE})
            for refund in listed.auto_paging_iter():
                if _key(refund) == idempotency_key and refund.status not in ("failed", "canceled"):
                    return refund.id
        return None

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """Verify the raw bytes and read of which intent they are; of none: an empty reference, kept and left."""
        sent = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE_HEADER.lower(), "")
        try:
            stripe.WebhookSignature.verify_header(body.decode(), sent, self._webhook_secret, TOLERANCE_S)
        except UnicodeDecodeError as error:
            raise WebhookForged("no text") from error
        except (stripe.SignatureVerificationError, ValueError, OverflowError) as error:
            raise WebhookForged("the signature does not hold, or is too old") from error
        return _event(body)

    def report(self, *, since: datetime, until: datetime) -> Sequence[Movement]:
        """List captured charges and refunds made from `since` to before `until`, by their Stripe time (seconds)."""
        with _answering():
            return [*self._charges(since, until), *self._refunds(since, until)]

    def _charges(self, since: datetime, until: datetime) -> Iterator[Movement]:
        listed = self._client.v1.charges.list(
            {"created": {"gt": int(since.timestamp()) - 1}, "limit": PAGE, "expand": ["data.payment_intent"]}
        )
        for charge in listed.auto_paging_iter():
            at = _at(charge)
            if since <= at < until and charge.status == "succeeded" and charge.captured:
                intent: Any = charge.payment_intent
                ref, key = (intent.id, _key(intent)) if intent is not None else (charge.id, None)
                yield Movement(MovementKind.CHARGE, ref, key, charge.amount, charge.currency.upper(), at)

    def _refunds(self, since: datetime, until: datetime) -> Iterator[Movement]:
        """Newest first, as Stripe lists them, down to where they are too old."""
        for refund in self._client.v1.refunds.list({"limit": PAGE}).auto_paging_iter():
            at = _at(refund)
            if at < since:
                return
            if at < until:
                came_back = refund.status in ("failed", "canceled")
                amount, currency = refund.amount, refund.currency.upper()
                yield Movement(MovementKind.REFUND, refund.id, _key(refund), amount, currency, at, failed=came_back)


class _Subject(msgspec.Struct):
    """Of whatever the event is: an intent itself, or a charge or refund of one."""

    object: str = ""
    id: str = ""
    payment_intent: str | None = None


class _Data(msgspec.Struct):
    object: _Subject


class _Event(msgspec.Struct):
    id: str
    data: _Data


def _event(body: bytes) -> WebhookEvent:
    try:
        event = msgspec.json.decode(body, type=_Event)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise WebhookUnreadable("it is no event of Stripe's") from error
    if NUL in body.decode() or "\0" in body.decode() or not event.id:
        raise WebhookUnreadable("it holds NUL or no id")
    subject = event.data.object
    ref = subject.id if subject.object == "payment_intent" else subject.payment_intent
    return WebhookEvent(event.id, ref or "")


@contextmanager
def _answering() -> Iterator[None]:
    """Say in the protocol's words what went wrong; whether Stripe did it is known only where it refused."""
    try:
        yield
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        raise Unavailable(_reason(error), permanent=True) from error
    except stripe.StripeError as error:
        raise Unavailable(_reason(error), permanent=False) from error


def _reason(error: stripe.StripeError) -> str:
    return f"{type(error).__name__} {error.http_status or ''}: {error.user_message or 'no answer'}"


def _key(thing: Any) -> str | None:  # noqa: ANN401  an intent or a refund
    return thing.metadata[KEY] if thing.metadata and KEY in thing.metadata else None


def _at(thing: Any) -> datetime:  # noqa: ANN401  a charge or a refund
    return datetime.fromtimestamp(thing.created, UTC)
