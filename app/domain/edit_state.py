"""The life of a wish to change a paid order. Rule: it is done whole or not at all; one at most is open."""

from enum import StrEnum

from app.domain.state_table import StateTable


class EditState(StrEnum):
    """Where it stands."""

    AWAITING_PAYMENT = "awaiting_payment"
    APPLIED = "applied"
    DROPPED = "dropped"  # the order stayed as it was, and what was paid for the edit went back


class EditEvent(StrEnum):
    """What can happen to it."""

    APPLY = "apply"
    DROP = "drop"


FINAL_EDIT_STATES = frozenset({EditState.APPLIED, EditState.DROPPED})

_S, _E = EditState, EditEvent

EDIT_TABLE: StateTable[EditState, EditEvent] = {
    (_S.AWAITING_PAYMENT, _E.APPLY): _S.APPLIED,
    (_S.AWAITING_PAYMENT, _E.DROP): _S.DROPPED,
}
