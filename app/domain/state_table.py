"""State tables: `(state, event) → state`. Everything unlisted is refused; looking up changes nothing."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from app.domain.errors import IllegalMove

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)

StateTable = Mapping[tuple[State, Event], State]


def step(table: StateTable[State, Event], state: State, event: Event) -> State:
    """The state after `event`. Raises IllegalMove when the table has no such move."""
    try:
        return table[state, event]
    except KeyError:
        raise IllegalMove(state=state.value, event=event.value) from None
