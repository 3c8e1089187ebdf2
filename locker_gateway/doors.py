"""What a door is doing, as a table: `(state, happening) → state`. Everything unlisted changes nothing.

Two rules. A door is `granted` only between an unlock's record and the door's opening, its lapse or the loss of sight.
What is not seen is `unknown`, never the last good value. The table is derived from events and readings; where a parcel
lies is decided by records, not here.
"""

from enum import StrEnum


class DoorState(StrEnum):
    """What the gateway believes of a door."""

    UNKNOWN = "unknown"
    SHUT = "shut"
    GRANTED = "granted"
    OPEN = "open"
    FORCED = "forced"
    LEFT_OPEN = "left_open"


class Happening(StrEnum):
    """What can happen to a door."""

    GRANT = "grant"
    OPENED = "opened"
    OPENED_ALONE = "opened_alone"
    CLOSED = "closed"
    LAPSED = "lapsed"
    STOOD_OPEN = "stood_open"
    LOST_SIGHT = "lost_sight"
    SEEN_SHUT = "seen_shut"


S, H = DoorState, Happening

MOVES: dict[tuple[DoorState, Happening], DoorState] = {
    (S.UNKNOWN, H.GRANT): S.GRANTED,
    (S.SHUT, H.GRANT): S.GRANTED,
    (S.UNKNOWN, H.OPENED): S.OPEN,
    (S.SHUT, H.OPENED): S.OPEN,
    (S.GRANTED, H.OPENED): S.OPEN,
    (S.FORCED, H.OPENED): S.OPEN,
    (S.UNKNOWN, H.OPENED_ALONE): S.FORCED,
    (S.SHUT, H.OPENED_ALONE): S.FORCED,
    (S.GRANTED, H.OPENED_ALONE): S.FORCED,
    (S.UNKNOWN, H.CLOSED): S.SHUT,
    (S.OPEN, H.CLOSED): S.SHUT,
    (S.FORCED, H.CLOSED): S.SHUT,
    (S.LEFT_OPEN, H.CLOSED): S.SHUT,
    (S.GRANTED, H.LAPSED): S.SHUT,
    (S.OPEN, H.STOOD_OPEN): S.LEFT_OPEN,
    (S.FORCED, H.STOOD_OPEN): S.LEFT_OPEN,
    (S.UNKNOWN, H.SEEN_SHUT): S.SHUT,
    **{(state, H.LOST_SIGHT): S.UNKNOWN for state in S if state is not S.UNKNOWN},
}

STANDS_OPEN = frozenset({S.OPEN, S.FORCED, S.LEFT_OPEN})


def after(state: DoorState, happening: Happening) -> DoorState:
    """The state that follows; the same one where the table lists no move."""
    return MOVES.get((state, happening), state)
