"""What a controller can be told and what it can want done, as values. They decide nothing."""

from dataclasses import dataclass
from typing import Literal

from firmware_sim.memory import Record
from locker_protocol.bus_messages import Beat, Command, ControllerBirth, Events, Show, ZoneReading
from locker_protocol.telemetry import Samples
from locker_protocol.vocabulary import Zone

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
class ZoneSample:
    """Both probes of a zone at one moment, °C or `None`, and what its cold machine did."""

    zone: Zone
    air_c: float | None
    product_c: float | None
    cooling: bool = False
    defrosting: bool = False


# Every zone of the locker, always in the same order.
Sample = tuple[ZoneSample, ...]


@dataclass(frozen=True, slots=True)
class ProbesRead:
    """The probes were sampled, once for each time of `ReadProbes`; the meter as it stands, if there is one."""

    samples: tuple[Sample, ...]
    energy_wh: int | None = None


@dataclass(frozen=True, slots=True)
class ProbesShown:
    """The probes were read between two samples: it is no sample, beats tell it."""

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
    | ProbesShown
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
    message: Events | Beat | Samples | ControllerBirth
    qos: Literal[0, 1]
    retain: bool = False


@dataclass(frozen=True, slots=True)
class ReadProbes:
    """Sample the temperatures at these civil times, none of them to come, and hand them back as `ProbesRead`."""

    at_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Display:
    """Show this to the person in front."""

    show: Show


Output = Remember | Energise | Send | ReadProbes | Display
