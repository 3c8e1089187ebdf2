"""Everything the core holds. Changed in place by the core alone, one step at a time, on one thread.

In place, because a site is a few thousand rows and copying them for every beat of a controller would cost more than
the step; safe, because a step that fails ends the process, and the state is then rebuilt from the records.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from locker_gateway.cold.memory import ColdMemory
from locker_gateway.cold.records import Exposed, GatePass, Quarantine, Sampling, Watched
from locker_gateway.doors import DoorState
from locker_gateway.inputs import StoredEvent
from locker_gateway.records import (
    Answer,
    Cancellation,
    Code,
    Condition,
    Doubt,
    DownLog,
    Grant,
    LeftLog,
    Mark,
    Placement,
    Position,
    Stamp,
    Table,
    Trouble,
    UpLog,
)
from locker_protocol.bus_messages import ZoneReading
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, ColdPolicy
from locker_protocol.site_entries import CredentialManifest, DoorSpec, ParcelManifest, ServiceKey
from locker_protocol.uplink_messages import AuditHead
from locker_protocol.vocabulary import Refusal, Via

ONLY = "only"


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """What the site is told when it is installed. `service_keys` serve until the service names its live keys."""

    gateway: str
    site_no: int
    shard: str
    controllers: tuple[str, ...]
    service_keys: Mapping[int, Ed25519PublicKey]
    private_key: Ed25519PrivateKey
    boot_id: str


@dataclass(slots=True)
class ControllerSeen:
    """What was last heard of a controller in this process. Monotonic milliseconds, civil in `heard_at`.

    `open_in_boot`: the last boot in which each door was seen open. `asked_ms`: the last numbers it was told to echo,
    and when. `left_boots`: the boots known to be over, and since when (a newer one spoke).
    """

    online: bool = False
    boot_id: str = ""
    beat: int = 0
    store_id: str = ""
    event_no: int = 0
    heard_ms: int = 0
    heard_at: int = 0
    boot_reason: str = "unknown"
    firmware: str = ""
    contract: int = 0
    doors: dict[int, str] = field(default_factory=dict)
    open_in_boot: dict[int, str] = field(default_factory=dict)
    zones: tuple[ZoneReading, ...] = ()
    gap_since_ms: int | None = None
    known_since_ms: int = 0
    asked_ms: dict[int, int] = field(default_factory=dict)
    contradictions: dict[int, int] = field(default_factory=dict)
    left_boots: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class DoorNow:
    """A door's state since `since_ms` (monotonic).

    `told_s`: through which second of this opening what was due is told; `stayed_shut`: pulses in a row without one.
    """

    state: DoorState = DoorState.UNKNOWN
    since_ms: int = 0
    told_s: int = 0
    stayed_shut: int = 0


@dataclass(frozen=True, slots=True)
class Pulse:
    """A lock that was energised, and when (monotonic)."""

    controller: str
    door: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Suspicion:
    """`door` was pulsed by `command_id` and `other` told that it opened; noticed at `since_ms` (monotonic)."""

    door: int
    other: int
    command_id: str
    since_ms: int


@dataclass(slots=True)
class Keypad:
    """Wrong tries in a row at one keypad, and until when it waits (monotonic)."""

    strikes: int = 0
    wait_until_ms: int = 0
    last_wrong_ms: int = 0


@dataclass(slots=True)
class Session:
    """A member of staff in front of a locker, by their rotating code."""

    actor: str
    touched_ms: int


RefusalKey = tuple[str | None, Via, Refusal, str | None, str | None]


@dataclass(slots=True)
class RefusalCount:
    """Refusals (of people, or of events) of one kind not yet written, in the minute that began at `since_ms`."""

    since_ms: int
    unwritten: int = 0


UnreadKey = tuple[str, str | None, str]


@dataclass(slots=True)
class UpSending:
    """How far the up log was sent. `cache` is a run of events without a hole, none older than the mark."""

    cache: deque[StoredEvent] = field(default_factory=deque)
    sent_through: int = 0
    progress_ms: int = 0
    reading_since_ms: int | None = None
    written_mark: int = 0


@dataclass(slots=True)
class Site:
    """One site: tables that mirror the store, and what only lives in memory."""

    config: SiteConfig
    # told by the service
    doors: Table[DoorSpec] = field(default_factory=lambda: Table("door", DoorSpec))
    keys: Table[ServiceKey] = field(default_factory=lambda: Table("key", ServiceKey))
    parcels: Table[ParcelManifest] = field(default_factory=lambda: Table("parcel", ParcelManifest))
    credentials: Table[CredentialManifest] = field(default_factory=lambda: Table("credential", CredentialManifest))
    # found out by the gateway
    codes: Table[Code] = field(default_factory=lambda: Table("code", Code))
    placements: Table[Placement] = field(default_factory=lambda: Table("placement", Placement))
    conditions: Table[Condition] = field(default_factory=lambda: Table("condition", Condition))
    troubles: Table[Trouble] = field(default_factory=lambda: Table("trouble", Trouble))
    doubts: Table[Doubt] = field(default_factory=lambda: Table("doubt", Doubt))
    cancellations: Table[Cancellation] = field(default_factory=lambda: Table("cancellation", Cancellation))
    grants: Table[Grant] = field(default_factory=lambda: Table("grant", Grant))
    answers: Table[Answer] = field(default_factory=lambda: Table("answer", Answer))
    # the cold chain
    policies: Table[ColdPolicy] = field(default_factory=lambda: Table("cold_policy", ColdPolicy))
    samplings: Table[Sampling] = field(default_factory=lambda: Table("sampling", Sampling))
    watched: Table[Watched] = field(default_factory=lambda: Table("watched", Watched))
    exposed: Table[Exposed] = field(default_factory=lambda: Table("exposed", Exposed))
    quarantines: Table[Quarantine] = field(default_factory=lambda: Table("quarantine", Quarantine))
    gate_passes: Table[GatePass] = field(default_factory=lambda: Table("gate_pass", GatePass))
    # how far the logs have come
    positions: Table[Position] = field(default_factory=lambda: Table("position", Position))
    down_log: Table[DownLog] = field(default_factory=lambda: Table("down_log", DownLog))
    up_log: Table[UpLog] = field(default_factory=lambda: Table("up_log", UpLog))
    marks: Table[Mark] = field(default_factory=lambda: Table("mark", Mark))
    stamps: Table[Stamp] = field(default_factory=lambda: Table("stamp", Stamp))
    left_logs: Table[LeftLog] = field(default_factory=lambda: Table("left_log", LeftLog))
    # memory only
    civil_ms: int = 0
    civil_rate: float = 1.0
    ticked: tuple[int, int] | None = None
    uplink_up: bool = False
    bus_up: bool = False
    said_ready: bool = False
    echo_no: int = 0
    seen: dict[str, ControllerSeen] = field(default_factory=dict)
    door_now: dict[int, DoorNow] = field(default_factory=dict)
    pulses: dict[str, Pulse] = field(default_factory=dict)
    suspicions: dict[str, Suspicion] = field(default_factory=dict)
    granted_ms: dict[str, int] = field(default_factory=dict)
    collected_ms: dict[str, int] = field(default_factory=dict)
    keypads: dict[str, Keypad] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    refusals: dict[RefusalKey, RefusalCount] = field(default_factory=dict)
    unread: dict[UnreadKey, RefusalCount] = field(default_factory=dict)
    sending: UpSending = field(default_factory=UpSending)
    order_of_id: dict[str, str] = field(default_factory=dict)
    cold: ColdMemory = field(default_factory=ColdMemory)
    audit_head: AuditHead | None = None
    status_wanted: bool = False
    status_ms: int | None = None
    born_ms: int | None = None
    tidied_ms: int | None = None
    marked_ms: int = 0

    def __post_init__(self) -> None:
        """Every configured controller is there from the start, unseen."""
        self.seen = {controller: ControllerSeen() for controller in self.config.controllers}

    def tables(self) -> Iterator[Table[Any]]:
        """All tables, for reading the store back."""
        yield from (each for name in self.__slots__ if isinstance(each := getattr(self, name), Table))

    @property
    def down(self) -> DownLog | None:
        """How far the service's log was applied; `None`: nothing was ever told."""
        return self.down_log.rows.get(ONLY)

    @property
    def up(self) -> UpLog:
        """The gateway's own log. It exists from the first step on."""
        return self.up_log.rows[ONLY]

    @property
    def cold_policy(self) -> ColdPolicy:
        """The limits by which food is judged here."""
        return self.policies.rows.get(ONLY, DEFAULT_POLICY)

    @property
    def mark(self) -> int:
        """How far the service has the up log."""
        found = self.marks.rows.get(ONLY)
        return found.seq if found else 0

    def live_keys(self) -> Mapping[int, Ed25519PublicKey]:
        """The service's live public keys, for codes and for commands."""
        if not self.keys.rows:
            return self.config.service_keys
        return {key.key_id: _public_key(key.public_hex) for key in self.keys.rows.values()}

    def sight_of(self, controller: str) -> ControllerSeen:
        """What was last heard of a controller; nothing of one that a record names and the settings no longer do."""
        return self.seen.get(controller) or ControllerSeen()

    def controller_of(self, door: int) -> str | None:
        """Which controller has this door: as told, else as the controllers themselves report."""
        spec = self.doors.rows.get(str(door))
        if spec is not None:
            return spec.controller if spec.controller in self.seen else None
        return next((name for name, seen in self.seen.items() if door in seen.doors), None)

    def lying_at(self, door: int) -> Placement | None:
        """The parcel behind this door, by the record."""
        return next((each for each in self.placements.rows.values() if each.door == door and each.lies), None)

    def door_state(self, door: int) -> DoorState:
        """What is believed of a door now."""
        found = self.door_now.get(door)
        return found.state if found else DoorState.UNKNOWN


@lru_cache(maxsize=8)
def _public_key(public_hex: str) -> Ed25519PublicKey:
    """Two live at a time; making one anew for each code would cost a third of the time its signature takes."""
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex))
