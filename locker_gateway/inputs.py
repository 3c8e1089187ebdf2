"""Everything that can happen to the core. `received_ms` is monotonic and stamped by the thread that heard it."""

from dataclasses import dataclass

from locker_gateway.outputs import ReadEvents, ReadMinutes, StoredMinute


@dataclass(frozen=True, slots=True)
class Started:
    """The first input of a process, after the store was read."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; about five times a second."""


@dataclass(frozen=True, slots=True)
class UplinkUp:
    """Connected and subscribed to the service's broker."""


@dataclass(frozen=True, slots=True)
class UplinkDown:
    """The service's broker is gone."""


@dataclass(frozen=True, slots=True)
class BusUp:
    """Connected and subscribed to the site's own broker."""


@dataclass(frozen=True, slots=True)
class BusDown:
    """The site's own broker is gone, and with it every controller."""


@dataclass(frozen=True, slots=True)
class UplinkMessage:
    """A frame on the gateway's `down` topic, nothing checked."""

    payload: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class BusMessage:
    """A controller's report or presence, nothing checked. `retained`: the broker kept it; it may be of any age."""

    topic: str
    payload: bytes
    received_ms: int
    retained: bool = False


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row of the up log."""

    seq: int
    at: int
    body: bytes


@dataclass(frozen=True, slots=True)
class EventsRead:
    """The store's answer to `ReadEvents`: what was asked, and what is there."""

    asked: ReadEvents
    events: tuple[StoredEvent, ...]


@dataclass(frozen=True, slots=True)
class MinutesRead:
    """The store's answer to `ReadMinutes`: what was asked, and what is there."""

    asked: ReadMinutes
    rows: tuple[StoredMinute, ...]


@dataclass(frozen=True, slots=True)
class AuditGrown:
    """The store's audit is durable through row `no`, whose hash is `digest`."""

    no: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class StoreMeasured:
    """How much of its quota the store uses: 0.0 to 1.0."""

    share: float


LinkInput = UplinkUp | UplinkDown | BusUp | BusDown
Input = Started | Tick | LinkInput | UplinkMessage | BusMessage | EventsRead | MinutesRead | AuditGrown | StoreMeasured
