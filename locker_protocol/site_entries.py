"""What the service tells a site, numbered: the entries of the down log, from whole snapshots to one revoked code.

They travel in batches and are acknowledged as `uplink_messages` says. Times are civil milliseconds since 1970 UTC.
"""

from typing import Literal

import msgspec

from locker_protocol.cold_chain.policy import ColdPolicy
from locker_protocol.cold_messages import (
    CondemnParcel,
    FoodClasses,
    QuarantinedParcel,
    ReleaseParcel,
    SetColdPolicy,
)
from locker_protocol.vocabulary import (
    CivilMs,
    Count,
    DoorCondition,
    DoorNumber,
    DoorTrouble,
    Identifier,
    SizeClass,
    Zone,
)


class LogPosition(msgspec.Struct, frozen=True):
    """How far a log was applied (by its receiver) or has grown (at its sender)."""

    log_id: Identifier
    seq: Count


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
