"""What a payment provider must be able to do. Two stand behind it: our sandbox, and Stripe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.reconciling import Movement


class ChargeState(StrEnum):
    """A charge as the provider knows it."""

    OPEN = "open"
    CAPTURED = "captured"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Charge:
    """The provider's current word on one payment; amounts in minor units."""

    ref: str
    state: ChargeState
    amount_minor: int
    currency: str
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class StartedCharge:
    """A charge was opened; send the person to `pay_url`."""

    ref: str
    pay_url: str


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A verified message. It says only *that* something changed; the state is asked for. `ref` is empty for what is
    about no charge.
    """

    event_id: str
    ref: str


class Unavailable(Exception):
    """The provider did not say that it was done. `permanent`: it never will be; else it may have been, or may be yet.

    The words are for the log and for operators.
    """

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class WebhookForged(Exception):
    """The signature does not hold, or the message is too old."""


class WebhookUnreadable(Exception):
    """The signature holds, and what it covers is no message of this provider's."""


class PaymentProvider(Protocol):
    """Never called inside a database transaction. Every call may raise Unavailable."""

    name: str

    def start(
        self, *, idempotency_key: str, amount_minor: int, currency: str, description: str, return_url: str
    ) -> StartedCharge:
        """Open a charge; the same key gives the same charge again."""
        ...

    def look_up(self, ref: str) -> Charge:
        """Ask for a charge's current state."""
        ...

    def refund(self, ref: str, *, amount_minor: int, idempotency_key: str) -> str:
        """Give money back the way it came and return the refund's name there; the same key refunds once.

        Providers forget keys after a day or more; then `find_refund` says what happened.
        """
        ...

    def find_refund(self, ref: str, *, idempotency_key: str) -> str | None:
        """Name the refund of a charge that was asked for by this key, if it was done."""
        ...

    def report(self, *, since: datetime, until: datetime) -> Sequence[Movement]:
        """List the money that moved from `since` to before `until`: captures and refunds, each once."""
        ...

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """Verify the raw bytes of a message and read them. Raises WebhookForged, WebhookUnreadable."""
        ...
