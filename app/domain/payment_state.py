"""The life of a payment. Rule: the provider's current state decides, never the message that told of it."""

from enum import StrEnum

from app.domain.state_table import StateTable


class PaymentState(StrEnum):
    """Where a payment stands."""

    OPEN = "open"
    CAPTURED = "captured"
    FAILED = "failed"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class PaymentEvent(StrEnum):
    """What can happen to a payment."""

    CAPTURED = "captured"
    FAILED = "failed"
    REFUND_DECIDED = "refund_decided"
    REFUNDED = "refunded"


_S, _E = PaymentState, PaymentEvent

PAYMENT_TABLE: StateTable[PaymentState, PaymentEvent] = {
    (_S.OPEN, _E.CAPTURED): _S.CAPTURED,
    (_S.OPEN, _E.FAILED): _S.FAILED,
    (_S.CAPTURED, _E.REFUND_DECIDED): _S.REFUNDING,
    (_S.REFUNDING, _E.REFUNDED): _S.REFUNDED,
}
