"""The life of a payment. Rule: the provider's current state decides, never the message that told of it.

A captured payment stays captured; what goes back are refunds of it, each decided once (table `refund`).
"""

from enum import StrEnum

from app.domain.state_table import StateTable


class PaymentState(StrEnum):
    """Where a payment stands."""

    OPEN = "open"
    CAPTURED = "captured"
    FAILED = "failed"


class PaymentEvent(StrEnum):
    """What can happen to a payment."""

    CAPTURED = "captured"
    FAILED = "failed"


_S, _E = PaymentState, PaymentEvent

PAYMENT_TABLE: StateTable[PaymentState, PaymentEvent] = {
    (_S.OPEN, _E.CAPTURED): _S.CAPTURED,
    (_S.OPEN, _E.FAILED): _S.FAILED,
}
