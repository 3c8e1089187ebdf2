"""Messages of the uplink, service ↔ gateway, topics `caibox/v1/{shard}/{gateway}/…`.

Both ends keep a log: entries go down, events go up, each numbered densely within a random `log_id`. The receiver
applies only `last + 1`, in the transaction that applies it, then acknowledges; the sender goes back after 2 s.
Every message is sealed (`signing.py`). Times are civil milliseconds since 1970 UTC.
"""

from typing import Annotated, Literal

import msgspec

from locker_protocol.bus_messages import DoorReading, ZoneReading
from locker_protocol.cold_chain.policy import ColdPolicy
from locker_protocol.cold_messages import (
    CondemnParcel,
    FoodClasses,
    ParcelCleared,
    ParcelCondemned,
    ParcelQuarantined,
    QuarantinedParcel,
    ReleaseParcel,
    SetColdPolicy,
    ZoneAlarmEnded,
    ZoneAlarmFound,
)
from locker_protocol.telemetry import MinutesApplied, MinutesKept
from locker_protocol.vocabulary import (
    CivilMs,
    Count,
    DoorCondition,
    DoorFault,
    DoorNumber,
    DoorTrouble,
    Identifier,
    Refusal,
    Right,
    ScanText,
    Sequence,
    Sha256,
    ShortText,
    SizeClass,
    Via,
    Zone,
)

RESEND_AFTER_MS = 2_000
MAX_BATCH = 64
MAX_DOORS = 64  # of one command


class LogPosition(msgspec.Struct, frozen=True):
    """How far a log was applied (by its receiver) or has grown (at its sender)."""

    log_id: Identifier
    seq: Count


# --- what goes down, numbered -----------------------------------------------------------------------------------------


class DoorSpec(msgspec.Struct, frozen=True):
    """A compartment as built. Clear width and depth in mm; `sill_mm` above the floor; volume is the usable 60 %.

    `condition` and `trouble` are as the service last heard them, for a gateway whose store is new.
    """

    door: DoorNumber
    controller: Identifier
    zone: Zone
    size: SizeClass
    volume_ml: Count
    longest_mm: Count
    sill_mm: Count
    condition: DoorCondition = DoorCondition.FREE
    trouble: DoorTrouble | None = None


class ServiceKey(msgspec.Struct, frozen=True):
    """A live public key of the service: 32 bytes of Ed25519 in hex."""

    key_id: Count
    public_hex: str


class ParcelManifest(msgspec.Struct, frozen=True):
    """One parcel as the site must know it: what fits it, where it is meant to lie, when it may be loaded.

    `food_classes` says how strictly what is in it is judged; empty: by what its zone usually keeps.
    """

    parcel_id: Identifier
    ref: Identifier
    order_id: Identifier
    run_no: Count
    zone: Zone
    size: SizeClass
    volume_ml: Count
    longest_mm: Count
    doors: list[DoorNumber]
    loadable_from: CivilMs
    loadable_until: CivilMs
    collect_until: CivilMs
    food_classes: FoodClasses = []


class CredentialManifest(msgspec.Struct, frozen=True):
    """An order's live code. The typed secret as scrypt hash and salt, hex; `None`: this order has no typed code.

    `credential_id` is the 16 lower-case hex digits of the token's eight bytes, the same through all generations:
    so a code made after the uplink went down still names its order, though its handle may have been used before.
    """

    order_id: Identifier
    handle: Count
    generation: Count
    credential_id: Identifier
    expires_at: CivilMs
    secret_hash: str | None = None
    secret_salt: str | None = None


class LoadedParcel(msgspec.Struct, frozen=True):
    """Where a parcel lies, as the service last heard it; for a gateway whose store is new.

    `cold_since`: through when the service has its minutes and they were fine; from then on it is judged anew.
    """

    parcel_id: Identifier
    door: DoorNumber
    state: Literal["loaded", "opened"]
    cold_since: CivilMs | None = None


class SiteSnapshot(msgspec.Struct, frozen=True, tag=True):
    """Entry 1 of every down log: all the site needs. It replaces what the gateway had been told before."""

    site_no: Count
    doors: list[DoorSpec]
    keys: list[ServiceKey]
    parcels: list[ParcelManifest]
    credentials: list[CredentialManifest]
    loaded: list[LoadedParcel]
    cold_policy: ColdPolicy | None = None
    quarantined: list[QuarantinedParcel] = []


class PlanOrder(msgspec.Struct, frozen=True, tag=True):
    """A paid order's parcels, each with its planned door first and up to three others.

    Told again, it replaces what was planned for these parcels (another run, other doors), and an order that had been
    cancelled here is expected once more.
    """

    order_id: Identifier
    parcels: list[ParcelManifest]


class BelieveLoaded(msgspec.Struct, frozen=True, tag=True):
    """Where further parcels lie that were told before in this log: the rest of the snapshot's `loaded`."""

    loaded: list[LoadedParcel]


class IssueCredential(msgspec.Struct, frozen=True, tag=True):
    """An order was packed, or its code was made anew: a higher generation ends the lower ones."""

    credential: CredentialManifest


class RevokeCredential(msgspec.Struct, frozen=True, tag=True):
    """From now on no code of this order, up to this generation, opens anything."""

    order_id: Identifier
    generation: Count


class CancelOrder(msgspec.Struct, frozen=True, tag=True):
    """The order will not be collected; parcels not yet loaded are not taken any more, codes end.

    Answered by the event `OrderCancelled` once no door of the order is moving: money goes back after that, not before.
    """

    order_id: Identifier


class SetDoorCondition(msgspec.Struct, frozen=True, tag=True):
    """An operator takes a door out of use, or gives it back; then it is `to_check` before it is loaded."""

    door: DoorNumber
    condition: Literal["broken", "to_check"]


class SetKeys(msgspec.Struct, frozen=True, tag=True):
    """The service's live public keys, at most two; all others end."""

    keys: list[ServiceKey]


Entry = (
    SiteSnapshot
    | PlanOrder
    | BelieveLoaded
    | IssueCredential
    | RevokeCredential
    | CancelOrder
    | SetDoorCondition
    | SetKeys
    | SetColdPolicy
    | ReleaseParcel
    | CondemnParcel
)


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


# --- what goes up, numbered -------------------------------------------------------------------------------------------


class UnlockGranted(msgspec.Struct, frozen=True, tag=True):
    """The audit row, committed before the unlock left: who, by what right, which order, which doors, why."""

    grant_id: Identifier
    controller: Identifier
    doors: list[DoorNumber]
    actor: Identifier
    right: Right
    via: Via
    reason: ShortText = ""
    order_id: Identifier | None = None
    credential_id: Identifier | None = None
    generation: Count = 0
    command_id: Identifier | None = None
    confirmed_by: Identifier | None = None


class AccessRefused(msgspec.Struct, frozen=True, tag=True):
    """Somebody showed something and nothing opened. Floods are counted, not repeated."""

    controller: Identifier | None
    via: Via
    refusal: Refusal
    times: Sequence = 1
    order_id: Identifier | None = None
    actor: Identifier | None = None


class DoorWasOpened(msgspec.Struct, frozen=True, tag=True):
    """A door is open. Without a grant somebody forced it."""

    controller: Identifier
    door: DoorNumber
    grant_id: Identifier | None = None
    order_id: Identifier | None = None


class DoorWasShut(msgspec.Struct, frozen=True, tag=True):
    """A door is shut again."""

    controller: Identifier
    door: DoorNumber
    order_id: Identifier | None = None


class DoorStayedShut(msgspec.Struct, frozen=True, tag=True):
    """A granted door did not open within 10 s; the code is usable again."""

    controller: Identifier
    door: DoorNumber
    grant_id: Identifier
    order_id: Identifier | None = None


class DoorLeftOpen(msgspec.Struct, frozen=True, tag=True):
    """A door has been open for `open_s` seconds (told at 30, 60 and 120)."""

    controller: Identifier
    door: DoorNumber
    open_s: Count
    order_id: Identifier | None = None


class DoorTroubleFound(msgspec.Struct, frozen=True, tag=True):
    """Something is wrong with a door that lasts; `other_door`: the one its wires take it for."""

    controller: Identifier
    door: DoorNumber
    trouble: DoorTrouble
    other_door: DoorNumber | None = None


class DoorTroubleEnded(msgspec.Struct, frozen=True, tag=True):
    """It is over: by what the door did, or because an operator gave the door back."""

    controller: Identifier
    door: DoorNumber
    trouble: DoorTrouble


class ParcelLoaded(msgspec.Struct, frozen=True, tag=True):
    """A parcel lies behind this door: the door opened for it and was shut again."""

    parcel_id: Identifier
    order_id: Identifier
    controller: Identifier
    door: DoorNumber
    actor: Identifier


class ParcelCollected(msgspec.Struct, frozen=True, tag=True):
    """A parcel's door was opened for its owner and shut again; its code is spent for this parcel.

    `right` is `collect` by a code, `hand_over` by the keeper `actor`.
    """

    parcel_id: Identifier
    order_id: Identifier
    controller: Identifier
    door: DoorNumber
    right: Right = Right.COLLECT
    actor: Identifier | None = None


class ParcelRemoved(msgspec.Struct, frozen=True, tag=True):
    """Staff opened the door to take this parcel out, and it was shut again. `right`: `remove` or `rescue`."""

    parcel_id: Identifier
    order_id: Identifier
    controller: Identifier
    door: DoorNumber
    right: Right
    actor: Identifier


class ParcelTakenBack(msgspec.Struct, frozen=True, tag=True):
    """What had been told as loaded does not lie there: its driver wanted another door."""

    parcel_id: Identifier
    order_id: Identifier
    controller: Identifier
    door: DoorNumber
    actor: Identifier


class LoadUnsure(msgspec.Struct, frozen=True, tag=True):
    """A door opened for a parcel and nobody saw it shut (a power loss, say). Not loaded until its label is shown again.

    The same door is then opened, so that whoever loads looks behind it.
    """

    parcel_id: Identifier
    order_id: Identifier
    controller: Identifier
    door: DoorNumber
    actor: Identifier


class DoorConditionChanged(msgspec.Struct, frozen=True, tag=True):
    """A door became free, to be checked, or broken; `actor` is who said so, none where it follows from an event."""

    controller: Identifier
    door: DoorNumber
    condition: DoorCondition
    actor: Identifier | None = None


class OrderCancelled(msgspec.Struct, frozen=True, tag=True):
    """A `CancelOrder` holds: no code of the order opens anything here, and none of its doors is moving.

    Whatever was collected before stands before it in the log.
    """

    order_id: Identifier


class ControllerCameUp(msgspec.Struct, frozen=True, tag=True):
    """A controller is there, by its birth; `contract` as in it."""

    controller: Identifier
    boot_id: Identifier
    boot_reason: ShortText
    firmware: ShortText
    contract: Count = 0


class ControllerEventRefused(msgspec.Struct, frozen=True, tag=True):
    """A controller told something this gateway cannot read: a newer one, or a broken one. Consumed without effect.

    `fault` is a ProtocolFault, `kind` the event's `type` where it has one. Floods are counted, not repeated.
    """

    controller: Identifier
    fault: ShortText
    kind: Identifier | None = None
    times: Sequence = 1


class ControllerWentSilent(msgspec.Struct, frozen=True, tag=True):
    """Nothing was heard of a controller for 10 s, or its broker told of its death."""

    controller: Identifier


SiteEvent = (
    UnlockGranted
    | AccessRefused
    | DoorWasOpened
    | DoorWasShut
    | DoorStayedShut
    | DoorLeftOpen
    | DoorTroubleFound
    | DoorTroubleEnded
    | ParcelLoaded
    | ParcelCollected
    | ParcelRemoved
    | ParcelTakenBack
    | ParcelQuarantined
    | ParcelCleared
    | ParcelCondemned
    | LoadUnsure
    | DoorConditionChanged
    | OrderCancelled
    | ControllerCameUp
    | ControllerEventRefused
    | ControllerWentSilent
    | ZoneAlarmFound
    | ZoneAlarmEnded
)


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
