"""The life of an order. Two rules: money moves only with a state, and a paid order ends in exactly one final state.

Once paid, an order is refunded whole only by way of `expiring`: its site has been told that nothing of it is handed out
any more, and the money waits for the site's word (`cancel_confirmed`) or for staff who looked. Then it is refunded, or
collected if any parcel of it was.
"""

from enum import StrEnum

from app.domain.state_table import StateTable


class OrderState(StrEnum):
    """Where an order stands; `FINAL_ORDER_STATES` are ends."""

    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    PACKED = "packed"
    READY = "ready"
    EXPIRING = "expiring"
    COLLECTED = "collected"
    RELEASED = "released"
    REFUNDED = "refunded"


class OrderEvent(StrEnum):
    """What can happen to an order."""

    PAYMENT_CAPTURED = "payment_captured"
    HOLD_ENDED = "hold_ended"
    GIVEN_UP = "given_up"
    ALL_PACKED = "all_packed"
    ALL_LOADED = "all_loaded"
    LOAD_UNDONE = "load_undone"  # a bag did not fit and was taken back
    ALL_COLLECTED = "all_collected"
    WITHDRAWN = "withdrawn"  # given up, past its food-safe time, or it could not be brought
    REFUND_DECIDED = "refund_decided"


FINAL_ORDER_STATES = frozenset({OrderState.COLLECTED, OrderState.RELEASED, OrderState.REFUNDED})

_S, _E = OrderState, OrderEvent

ORDER_TABLE: StateTable[OrderState, OrderEvent] = {
    (_S.AWAITING_PAYMENT, _E.PAYMENT_CAPTURED): _S.PAID,
    (_S.AWAITING_PAYMENT, _E.HOLD_ENDED): _S.RELEASED,
    (_S.AWAITING_PAYMENT, _E.GIVEN_UP): _S.RELEASED,
    # The money came after the hold ended: what was held is taken again, or the money goes back.
    (_S.RELEASED, _E.PAYMENT_CAPTURED): _S.PAID,
    (_S.RELEASED, _E.REFUND_DECIDED): _S.REFUNDED,
    (_S.PAID, _E.ALL_PACKED): _S.PACKED,
    (_S.PAID, _E.WITHDRAWN): _S.EXPIRING,
    (_S.PACKED, _E.ALL_LOADED): _S.READY,
    (_S.PACKED, _E.WITHDRAWN): _S.EXPIRING,
    (_S.READY, _E.ALL_COLLECTED): _S.COLLECTED,
    (_S.READY, _E.LOAD_UNDONE): _S.PACKED,
    (_S.READY, _E.WITHDRAWN): _S.EXPIRING,
    # Nothing was left to collect: every parcel was taken out, or went short when it was packed.
    (_S.PAID, _E.REFUND_DECIDED): _S.REFUNDED,
    (_S.PACKED, _E.REFUND_DECIDED): _S.REFUNDED,
    (_S.PACKED, _E.ALL_COLLECTED): _S.COLLECTED,
    (_S.READY, _E.REFUND_DECIDED): _S.REFUNDED,
    (_S.EXPIRING, _E.REFUND_DECIDED): _S.REFUNDED,
    (_S.EXPIRING, _E.ALL_COLLECTED): _S.COLLECTED,
}
