"""Messages of the uplink, service ↔ gateway, topics `caibox/v1/{shard}/{gateway}/…`.

Both ends keep a log: entries go down, events go up, each numbered densely within a random `log_id`. The receiver
applies only `last + 1`, in the transaction that applies it, then acknowledges; the sender goes back after 2 s.
What is numbered stands in `site_entries` and `site_events`.
Every message is sealed (`signing.py`). Times are civil milliseconds since 1970 UTC.
"""

from typing import Annotated

import msgspec

from locker_protocol.bus_messages import DoorReading, ZoneReading
from locker_protocol.site_entries import LogPosition
from locker_protocol.telemetry import MinutesApplied, MinutesKept
from locker_protocol.vocabulary import (
    CivilMs,
    Count,
    DoorFault,
    DoorNumber,
    Identifier,
    Refusal,
    Right,
    ScanText,
    Sequence,
    Sha256,
    ShortText,
)

RESEND_AFTER_MS = 2_000
MAX_BATCH = 64
MAX_DOORS = 64  # of one command


# --- what goes down ---------------------------------------------------------------------------------------------------


class NumberedEntry(msgspec.Struct, frozen=True):
    """One entry of the down log; read on its own, so that an unknown one is consumed with that result."""

    seq: Sequence
    made_at: CivilMs
    entry: msgspec.Raw


class DownBatch(msgspec.Struct, frozen=True, tag=True):
    """Entries from `last + 1` on."""

    log_id: Identifier
    entries: list[NumberedEntry]


class EventsApplied(msgspec.Struct, frozen=True, tag=True):
    """The service committed the up log through `seq`. Sent after that commit, never before."""

    log_id: Identifier
    seq: Count


# --- what goes down, once ---------------------------------------------------------------------------------------------


class OpenDoors(msgspec.Struct, frozen=True, tag=True):
    """Open doors from afar for staff. Never numbered, never sent twice, refused after `not_after`.

    `right` says what for: `staff` to look, `check` to wipe emptied doors, `remove` and `rescue` to take parcels out,
    `hand_over` to give `order_id`'s parcels to their owner (`doors` may then be empty: all that lie there).
    All doors or none. `confirmed_by` is the second person, where the service asked for one.
    """

    command_id: Identifier
    doors: Annotated[list[DoorNumber], msgspec.Meta(max_length=MAX_DOORS)]
    right: Right
    actor: Identifier
    reason: ShortText
    not_after: CivilMs
    order_id: Identifier | None = None
    confirmed_by: Identifier | None = None


class LoadParcel(msgspec.Struct, frozen=True, tag=True):
    """A driver's phone read this label in front of the lockers: open the door it shall lie in.

    With `instead_of` the door that was opened for it before will not do, for the reason `fault`: another one opens at
    once, and what was counted as put there is taken back.
    `cold_since`: the driver's last good reading of its crate; from then its time at a temperature counts.
    """

    command_id: Identifier
    label: ScanText
    actor: Identifier
    not_after: CivilMs
    instead_of: DoorNumber | None = None
    fault: DoorFault | None = None
    cold_since: CivilMs | None = None


class OpenForOwner(msgspec.Struct, frozen=True, tag=True):
    """Whoever holds this order's code asked on a page for its doors: open them as if it had been typed at the locker.

    Never numbered, never sent twice, refused after `not_after`. The code must be the one the gateway was told of.
    """

    command_id: Identifier
    order_id: Identifier
    credential_id: Identifier
    generation: Annotated[int, msgspec.Meta(ge=1, le=255)]
    not_after: CivilMs


Down = DownBatch | EventsApplied | MinutesApplied | OpenDoors | LoadParcel | OpenForOwner


# --- what goes up -----------------------------------------------------------------------------------------------------


class NumberedSiteEvent(msgspec.Struct, frozen=True):
    """One event of the up log; read on its own, so that an unknown one is consumed with that result."""

    seq: Sequence
    at: CivilMs
    event: msgspec.Raw


class UpBatch(msgspec.Struct, frozen=True, tag=True):
    """Events from `last + 1` on."""

    log_id: Identifier
    events: list[NumberedSiteEvent]


class EntryResult(msgspec.Struct, frozen=True):
    """What became of one entry of the down log; `fault` is a ProtocolFault."""

    seq: Sequence
    fault: ShortText | None = None


class EntriesApplied(msgspec.Struct, frozen=True, tag=True):
    """The gateway committed the down log through `seq`; `refused` names those it consumed without effect."""

    log_id: Identifier
    seq: Count
    refused: list[EntryResult] = []


class CommandAnswered(msgspec.Struct, frozen=True, tag=True):
    """What became of a command from afar: the doors whose locks were released, or why none was."""

    command_id: Identifier
    doors: list[DoorNumber] = []
    refusal: Refusal | None = None


class ControllerStatus(msgspec.Struct, frozen=True):
    """A controller as the gateway knows it. Offline: doors and zones are the last heard, to be shown as unknown."""

    controller: Identifier
    online: bool
    heard_at: CivilMs
    doors: list[DoorReading]
    zones: list[ZoneReading]


class AuditHead(msgspec.Struct, frozen=True):
    """The last durable row of the gateway's audit. Each `UnlockGranted` of the up log is a row (`audit_chain`)."""

    row: Count
    hash: Sha256


class SiteStatus(msgspec.Struct, frozen=True, tag=True):
    """QoS 0, every 5 s of real time and on each change: what is now. Losing one loses nothing."""

    boot_id: Identifier
    at: CivilMs
    down: LogPosition | None
    up: LogPosition
    controllers: list[ControllerStatus]
    audit: AuditHead | None = None


Up = UpBatch | EntriesApplied | MinutesKept | CommandAnswered | SiteStatus


class GatewayBirth(msgspec.Struct, frozen=True, tag=True):
    """Presence: first message of a connection. `down` is `None` when the store is new: a snapshot is wanted.

    `contract` is the sender's `CONTRACT_MINOR`; a birth without it is of version 1.0.
    """

    boot_id: Identifier
    at: CivilMs
    software: ShortText
    down: LogPosition | None
    up: LogPosition
    contract: Count = 0


class GatewayDeath(msgspec.Struct, frozen=True, tag=True):
    """Presence, the connection's will. A death of another boot than the last birth's is ignored."""

    boot_id: Identifier


Presence = GatewayBirth | GatewayDeath
