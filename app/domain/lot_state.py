"""The life of a lot. Rule: nothing of a lot that is not open is picked, and a recalled one never opens again."""

from enum import StrEnum

from app.domain.state_table import StateTable


class LotState(StrEnum):
    """Whether a lot is picked from."""

    OPEN = "open"
    HELD = "held"  # somebody looks into it
    RECALLED = "recalled"


class LotEvent(StrEnum):
    """What can happen to a lot."""

    HELD = "held"
    RELEASED = "released"
    RECALLED = "recalled"


FINAL_LOT_STATES = frozenset({LotState.RECALLED})

_S, _E = LotState, LotEvent

LOT_TABLE: StateTable[LotState, LotEvent] = {
    (_S.OPEN, _E.HELD): _S.HELD,
    (_S.OPEN, _E.RECALLED): _S.RECALLED,
    (_S.HELD, _E.RELEASED): _S.OPEN,
    (_S.HELD, _E.RECALLED): _S.RECALLED,
}
