"""What a controller can be told and what it can want done, as values. They decide nothing."""

from dataclasses import dataclass
from typing import Literal

from firmware_sim.memory import Record
from locker_protocol.bus_messages import Beat, Command, ControllerBirth, Events, Show, ZoneReading

# --- what comes in ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker has confirmed the subscription to commands."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone."""


@dataclass(frozen=True, slots=True)
class Received:
    """A command came."""

    command: Command


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """A door's contact changed, bouncing or not."""

    door: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class SymbolRead:
    """The scanner read a symbol and handed it over whole."""

    text: str


@dataclass(frozen=True, slots=True)
class ScannerSent:
    """Some bytes came over the scanner's serial line: a symbol, a piece of one, or nonsense."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class KeyMoved:
    """A key's contact changed, bouncing or not; the key as in `KeyPressed`."""

    key: str
    is_down: bool


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """`0`-`9`, `back`, `clear` or `enter`."""

    key: str


@dataclass(frozen=True, slots=True)
class ProbesRead:
    """The temperature probes were sampled."""

    zones: tuple[ZoneReading, ...]


@dataclass(frozen=True, slots=True)
class LockSupplySwitched:
    """The locks' own supply came or went."""

    on: bool


@dataclass(frozen=True, slots=True)
class Woken:
    """The time of `due_ms` has come."""


Input = (
    Connected
    | Disconnected
    | Received
    | ContactChanged
    | SymbolRead
    | ScannerSent
    | KeyMoved
    | KeyPressed
    | ProbesRead
    | LockSupplySwitched
    | Woken
)


# --- what goes out ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remember:
    """Write these records. `synced`: nothing that follows may happen before a power cut cannot take them back."""

    records: tuple[Record, ...]
    synced: bool = True


@dataclass(frozen=True, slots=True)
class Energise:
    """Pulse one lock now."""

    door: int


@dataclass(frozen=True, slots=True)
class Send:
    """Publish one message."""

    kind: Literal["report", "presence"]
    message: Events | Beat | ControllerBirth
    qos: Literal[0, 1]
    retain: bool = False


@dataclass(frozen=True, slots=True)
class ReadProbes:
    """Sample the temperatures and hand them back as `ProbesRead`."""


@dataclass(frozen=True, slots=True)
class Display:
    """Show this to the person in front."""

    show: Show


Output = Remember | Energise | Send | ReadProbes | Display
