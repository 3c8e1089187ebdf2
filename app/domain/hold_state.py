"""The life of a remote opening that waits for a second person. Rule: one other person decides it, once and in time."""

from enum import StrEnum

from app.domain.state_table import StateTable


class HoldState(StrEnum):
    """Where it stands."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    EXPIRED = "expired"


class HoldEvent(StrEnum):
    """What can happen to it."""

    CONFIRM = "confirm"
    DECLINE = "decline"
    EXPIRE = "expire"


FINAL_HOLD_STATES = frozenset({HoldState.CONFIRMED, HoldState.DECLINED, HoldState.EXPIRED})

_S, _E = HoldState, HoldEvent

HOLD_TABLE: StateTable[HoldState, HoldEvent] = {
    (_S.WAITING, _E.CONFIRM): _S.CONFIRMED,
    (_S.WAITING, _E.DECLINE): _S.DECLINED,
    (_S.WAITING, _E.EXPIRE): _S.EXPIRED,
}
