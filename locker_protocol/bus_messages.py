"""Messages of the local bus, gateway ↔ controller, topics `locker/v1/{gateway}/{controller}/…`.

A controller numbers its events 1, 2, 3 … within `store_id` (its memory, kept over power loss) and sends what is not
yet received again; the gateway answers with `EventsReceived`. `beat` counts seconds since the boot `boot_id`; an
`Unlock` echoes both, and the controller refuses one whose beat is more than 8 old: no clock is compared anywhere.
The other way round an `Echo` does the same (as RFC 9175 does for CoAP): a report that gives it back was sent after it.
"""

from typing import Annotated, Literal

import msgspec

from locker_protocol.codec import decode, encode
from locker_protocol.telemetry import Samples
from locker_protocol.vocabulary import (
    Celsius,
    Count,
    DoorNumber,
    Identifier,
    Refusal,
    ScanText,
    Sequence,
    ShortText,
    Zone,
)

FRESH_BEATS = 8
COMMAND_RING = 256

DoorState = Literal["shut", "open", "unknown"]
BootReason = Literal["power_on", "watchdog", "update", "restart", "unknown"]
UnlockOutcome = Literal["pulsed", "stale", "unknown_door", "disabled"]


class ZoneReading(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """The last sample of a zone's two probes, °C. `None`: the probe gives no value."""

    zone: Zone
    air_c: Celsius | None
    product_c: Celsius | None


class DoorReading(msgspec.Struct, frozen=True):
    """A door and what its sensor says."""

    door: DoorNumber
    state: DoorState


# --- events a controller numbers -------------------------------------------------------------------------------------


class DoorOpened(msgspec.Struct, frozen=True, tag=True):
    """A door's sensor went open. `command_id` names the unlock it followed; `None`: nobody unlocked it."""

    door: DoorNumber
    command_id: Identifier | None = None


class DoorShut(msgspec.Struct, frozen=True, tag=True):
    """A door's sensor went shut and its latch holds."""

    door: DoorNumber


class UnlockDone(msgspec.Struct, frozen=True, tag=True):
    """What became of an `Unlock`; a repeated command gets its first outcome again."""

    command_id: Identifier
    door: DoorNumber
    outcome: UnlockOutcome


class CodeScanned(msgspec.Struct, frozen=True, tag=True):
    """The scanner read a symbol; control characters were dropped, the rest is as read."""

    text: ScanText


class KeysEntered(msgspec.Struct, frozen=True, tag=True):
    """Somebody typed digits and confirmed them."""

    digits: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,16}\Z")]


ControllerEvent = DoorOpened | DoorShut | UnlockDone | CodeScanned | KeysEntered


class NumberedEvent(msgspec.Struct, frozen=True):
    """One event with its number and its age: milliseconds between its happening and this sending.

    The event is read on its own (`event_of`), so that one that cannot be read is consumed with that result.

    `earlier_boot`: it happened before the controller's last boot; nobody knows how long the power was off, so `age_ms`
    is only the least it can be. A scan or keys of an earlier boot must never open anything.
    """

    event_no: Sequence
    age_ms: Count
    event: msgspec.Raw
    earlier_boot: bool = False


def number_event(event_no: int, age_ms: int, event: ControllerEvent, *, earlier_boot: bool = False) -> NumberedEvent:
    """Number an event for a report; `age_ms` in milliseconds."""
    return NumberedEvent(event_no, age_ms, msgspec.Raw(encode(event)), earlier_boot)


def event_of(numbered: NumberedEvent) -> ControllerEvent:
    """Read the event itself. Raises ProtocolError."""
    event: ControllerEvent = decode(bytes(numbered.event), ControllerEvent)
    return event


# --- controller → gateway ---------------------------------------------------------------------------------------------


class Events(msgspec.Struct, frozen=True, tag=True):
    """Report, QoS 1: events from the first not yet received on, at most 32 at a time.

    `echo`: what the last `Echo` of this connection gave; `None` before the first.
    """

    boot_id: Identifier
    beat: Count
    store_id: Identifier
    events: list[NumberedEvent]
    echo: Count | None = None


class Beat(msgspec.Struct, frozen=True, tag=True):
    """Report, QoS 0, every 2 s: life, and the whole visible state; `echo` as in `Events`."""

    boot_id: Identifier
    beat: Count
    store_id: Identifier
    event_no: Count
    doors: list[DoorReading]
    zones: list[ZoneReading]
    echo: Count | None = None


class ControllerBirth(msgspec.Struct, frozen=True, tag=True):
    """Presence, QoS 1, retained: first message of a connection, with the full state.

    It is sent once more 3 s later: a broker may publish the will of the connection before only after it (nats-server
    was seen to), and would keep that stale death. A birth of a boot already known says nothing new. `contract` is the
    sender's `CONTRACT_MINOR`; a birth without it is of version 1.0.
    """

    boot_id: Identifier
    beat: Count
    store_id: Identifier
    event_no: Count
    boot_reason: BootReason
    firmware: ShortText
    doors: list[DoorReading]
    zones: list[ZoneReading]
    contract: Count = 0


class ControllerDeath(msgspec.Struct, frozen=True, tag=True):
    """Presence, QoS 1, retained, the connection's will. A death of another boot than the last birth's is ignored."""

    boot_id: Identifier


Report = Events | Beat | Samples
ControllerPresence = ControllerBirth | ControllerDeath


# --- gateway → controller ---------------------------------------------------------------------------------------------


class Unlock(msgspec.Struct, frozen=True, tag=True):
    """Command, QoS 1, never retained: pulse one lock. Stored in the ring before the lock is energised.

    `order_id` is for the controller's log alone, so that one id can be followed through every program.
    """

    command_id: Identifier
    door: DoorNumber
    boot_id: Identifier
    beat: Count
    order_id: Identifier | None = None


class EventsReceived(msgspec.Struct, frozen=True, tag=True):
    """Command, QoS 1: the gateway has committed every event through `event_no`; the controller may forget them."""

    store_id: Identifier
    event_no: Count


class Echo(msgspec.Struct, frozen=True, tag=True):
    """Command, QoS 0, never retained: a number that all later reports of this connection give back, until the next."""

    echo: Count


class Show(msgspec.Struct, frozen=True, tag=True):
    """Command, QoS 0: what the locker's display and voice say. Losing one loses nothing but a sentence.

    While `left_open` is shown the controller beeps.
    """

    screen: Literal["opening", "refused", "done", "load", "loaded", "visit", "reopened", "check", "remove", "left_open"]
    doors: list[DoorNumber] = []
    refusal: Refusal | None = None
    wait_s: Count = 0


Command = Unlock | EventsReceived | Echo | Show
