"""A payment provider without money: charges in a table of its own, a hosted page, signed webhooks, idempotency keys.

It behaves as real ones do where that matters: it knows nothing of orders, tells of changes by messages that may be lost
or repeated, and decides only on its own page. Messages are signed by HMAC-SHA256 over `{timestamp}.{body}`. It shares
our database for want of another, and nothing of our code: it could move to a machine of its own.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec
import structlog
from sqlalchemy import Engine, Row, text

from app.payments.provider import (
    Charge,
    ChargeState,
    StartedCharge,
    Unavailable,
    WebhookEvent,
    WebhookForged,
    WebhookUnreadable,
)
from app.settings import Settings
from locker_protocol.clock import Clock
from locker_protocol.ids import RandomBytes, random_bytes, random_id

log = structlog.get_logger()

SIGNATURE_HEADER = "Sandbox-Signature"
WEBHOOK_PATH = "/webhooks/sandbox"
TOLERANCE = timedelta(minutes=5)
TIMEOUT_S = 5
STAMP_DIGITS = 12
TEXT_LENGTH = 200

OPEN_CHARGE = text("""
    INSERT INTO sandbox_charge (ref, idempotency_key, amount_minor, currency, state, description, return_url, made_at)
    VALUES (:ref, :key, :amount_minor, :currency, 'open', :description, :return_url, :now)
    ON CONFLICT (idempotency_key) DO NOTHING
""")
BY_KEY = text("SELECT * FROM sandbox_charge WHERE idempotency_key = :key")
BY_REF = text("SELECT * FROM sandbox_charge WHERE ref = :ref")
LOCK = text("SELECT * FROM sandbox_charge WHERE ref = :ref FOR UPDATE")
REFUND = text("""
    UPDATE sandbox_charge
    SET refunded_minor = refunded_minor + :amount_minor, refund_keys = array_append(refund_keys, :key)
    WHERE ref = :ref
""")
DECIDE = text("UPDATE sandbox_charge SET state = :state WHERE ref = :ref AND state = 'open'")


@dataclass(frozen=True, slots=True)
class HostedCharge:
    """What the hosted page shows."""

    ref: str
    state: ChargeState
    amount_minor: int
    currency: str
    description: str
    return_url: str


class SandboxProvider:
    """The provider, its hosted page's decisions and its messages."""

    name = "sandbox"

    def __init__(self, engine: Engine, clock: Clock, settings: Settings, *, random: RandomBytes = random_bytes) -> None:
        self._engine = engine
        self._clock = clock
        self._public_url = settings.public_url
        self._secret = settings.sandbox_secret.encode()
        self._random = random

    # --- what our side asks

    def start(
        self, *, idempotency_key: str, amount_minor: int, currency: str, description: str, return_url: str
    ) -> StartedCharge:
        """Open a charge; the same key gives the same charge again. Raises Unavailable for another amount."""
        fresh = {
            "ref": f"sb_{random_id(self._random)}",
            "key": idempotency_key,
            "amount_minor": amount_minor,
            "currency": currency,
            "description": description,
            "return_url": return_url,
            "now": self._clock.now().civil,
        }
        with self._engine.begin() as conn:
            conn.execute(OPEN_CHARGE, fresh)
            charge = conn.execute(BY_KEY, {"key": idempotency_key}).one()
        if (charge.amount_minor, charge.currency) != (amount_minor, currency):
            raise Unavailable("the key belongs to another amount", permanent=True)
        return StartedCharge(charge.ref, self._page(charge.ref, return_url or charge.return_url))

    def look_up(self, ref: str) -> Charge:
        """A charge's current state. Raises Unavailable for one that does not exist."""
        row = self._find(ref)
        if row is None:
            raise Unavailable("no such charge", permanent=True)
        return Charge(row.ref, ChargeState(row.state), row.amount_minor, row.currency, row.refunded_minor)

    def refund(self, ref: str, *, amount_minor: int, idempotency_key: str) -> None:
        """Give money back; the same key refunds once. Raises Unavailable for more than was captured."""
        with self._engine.begin() as conn:
            row = conn.execute(LOCK, {"ref": ref}).one_or_none()
            if row is None or row.state != ChargeState.CAPTURED.value:
                raise Unavailable("nothing was captured", permanent=True)
            if idempotency_key in row.refund_keys:
                return
            if row.refunded_minor + amount_minor > row.amount_minor:
                raise Unavailable("more than was captured", permanent=True)
            conn.execute(REFUND, {"ref": ref, "amount_minor": amount_minor, "key": idempotency_key})

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """Verify the raw bytes and read them. Raises WebhookForged, WebhookUnreadable."""
        stamp, signature = self._signature_of(headers)
        if abs(self._clock.now().civil_ms // 1000 - stamp) > TOLERANCE.total_seconds():
            raise WebhookForged("too old")
        if not hmac.compare_digest(self._sign(stamp, body), signature):
            raise WebhookForged("the signature does not hold")
        message = _message(body)
        return WebhookEvent(message["event_id"], message["ref"])

    # --- what happens on the provider's own page

    def hosted_charge(self, ref: str) -> HostedCharge | None:
        """A charge as the hosted page shows it."""
        row = self._find(ref)
        if row is None:
            return None
        state = ChargeState(row.state)
        return HostedCharge(row.ref, state, row.amount_minor, row.currency, row.description, row.return_url)

    def decide(self, ref: str, *, paid: bool) -> bool:
        """The person paid or declined; False when that was decided before."""
        state = ChargeState.CAPTURED if paid else ChargeState.DECLINED
        with self._engine.begin() as conn:
            return conn.execute(DECIDE, {"ref": ref, "state": state.value}).rowcount == 1

    def webhook(self, ref: str) -> tuple[bytes, dict[str, str]]:
        """Write a message that a charge changed: its body and headers."""
        body = json.dumps({"event_id": f"evt_{random_id(self._random)}", "ref": ref, "type": "charge.changed"}).encode()
        stamp = self._clock.now().civil_ms // 1000
        return body, {SIGNATURE_HEADER: f"t={stamp},v1={self._sign(stamp, body)}", "Content-Type": "application/json"}

    def send_webhook(self, ref: str) -> bool:
        """Tell the service; False when it did not take it. It polls, as with any provider whose word was lost."""
        body, headers = self.webhook(ref)
        request = Request(self._public_url + WEBHOOK_PATH, data=body, headers=headers)  # noqa: S310  our own address
        try:
            with urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
                return True
        except (URLError, TimeoutError) as error:
            log.warning("sandbox_webhook_not_taken", ref=ref, reason=str(error))
            return False

    def _find(self, ref: str) -> Row[Any] | None:
        with self._engine.begin() as conn:
            return conn.execute(BY_REF, {"ref": ref}).one_or_none()

    def _page(self, ref: str, return_url: str) -> str:
        """The hosted page speaks the language of the address it sends people back to."""
        language = "en" if urlsplit(return_url).path.startswith("/en/") else "zh-hans"
        return f"{self._public_url}/{language}/sandbox/pay/{ref}"

    def _sign(self, stamp: int, body: bytes) -> str:
        return hmac.new(self._secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()

    def _signature_of(self, headers: Mapping[str, str]) -> tuple[int, str]:
        parts = dict(part.partition("=")[::2] for part in headers.get(SIGNATURE_HEADER, "").split(","))
        stamp, signature = parts.get("t", ""), parts.get("v1", "")
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > STAMP_DIGITS or not signature.isascii():
            raise WebhookForged("no signature")
        return int(stamp), signature


def _message(body: bytes) -> dict[str, str]:
    """Read a message: flat, short texts without NUL, which PostgreSQL cannot keep."""
    try:
        message = msgspec.json.decode(body, type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WebhookUnreadable("not a flat JSON object of texts") from error
    if not message.get("event_id") or not message.get("ref"):
        raise WebhookUnreadable("event_id or ref is missing")
    if any("\0" in text or len(text) > TEXT_LENGTH for item in message.items() for text in item):
        raise WebhookUnreadable("a text is too long or holds NUL")
    return message
