"""Events of controllers that nobody here can read: consumed without effect, counted, and told for what they are.

A newer controller may tell of things this gateway has no word for; its other events must not wait for them. The first
of a kind is told at once, those that follow within a minute are one event, so that no controller can fill the disk.
"""

import msgspec

from locker_gateway.refusals import AGGREGATE_MS
from locker_gateway.state import RefusalCount, UnreadKey
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import NumberedEvent
from locker_protocol.codec import decode
from locker_protocol.errors import ProtocolError
from locker_protocol.site_events import ControllerEventRefused
from locker_protocol.vocabulary import Identifier

# Beyond so many different kinds in a minute their names are no longer told apart.
MAX_KINDS = 32


class _Named(msgspec.Struct):
    type: Identifier


def refuse(turn: Turn, controller: str, numbered: NumberedEvent, error: ProtocolError) -> None:
    """Consume one event that cannot be read."""
    kind = _kind(numbered)
    turn.say(
        "controller_event_refused",
        level="warning",
        controller=controller,
        event_no=numbered.event_no,
        kind=kind,
        fault=error.fault,
    )
    counts = turn.site.unread
    key: UnreadKey = (controller, kind, error.fault.value)
    if key not in counts and len(counts) >= MAX_KINDS:
        key = (controller, None, error.fault.value)
    if key in counts:
        counts[key].unwritten += 1
        return
    _tell(turn, key, 1)
    counts[key] = RefusalCount(turn.ms)


def write_counts(turn: Turn) -> None:
    """Write what was counted in the minutes that are over."""
    for key, count in list(turn.site.unread.items()):
        if turn.ms - count.since_ms >= AGGREGATE_MS:
            del turn.site.unread[key]
            if count.unwritten:
                _tell(turn, key, count.unwritten)


def _kind(numbered: NumberedEvent) -> str | None:
    try:
        named: _Named = decode(bytes(numbered.event), _Named)
    except ProtocolError:
        return None
    return named.type


def _tell(turn: Turn, key: UnreadKey, times: int) -> None:
    controller, kind, fault = key
    turn.event(ControllerEventRefused(controller, fault, kind, times))
