"""The life of a quarantine. Rule: food that may be unsafe stays shut until somebody, or time, decides; once.

Only a gap that was filled clears it by itself. What is found again afterwards is another quarantine.
"""

from enum import StrEnum

from app.domain.state_table import StateTable


class QuarantineState(StrEnum):
    """Where a quarantine stands."""

    OPEN = "open"  # kept shut, and looked at by nobody yet
    RELEASED = "released"  # staff looked, and what is left in the bag may be handed out
    CLEARED = "cleared"  # what was unknown became known, and nothing was over
    CONDEMNED = "condemned"  # nothing of it is handed out any more


class QuarantineEvent(StrEnum):
    """What can happen to a quarantine."""

    RELEASED = "released"
    CLEARED = "cleared"
    CONDEMNED = "condemned"  # its site says that a discard line was crossed, or that time is over
    DISCARDED = "discarded"  # by staff who looked


_S, _E = QuarantineState, QuarantineEvent

QUARANTINE_TABLE: StateTable[QuarantineState, QuarantineEvent] = {
    (_S.OPEN, _E.RELEASED): _S.RELEASED,
    (_S.OPEN, _E.CLEARED): _S.CLEARED,
    (_S.OPEN, _E.CONDEMNED): _S.CONDEMNED,
    (_S.OPEN, _E.DISCARDED): _S.CONDEMNED,
}
