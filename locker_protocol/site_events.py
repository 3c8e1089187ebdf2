"""What happened at a site, numbered: the events of the up log, each kept by the gateway until the service has it.

They travel in batches and are acknowledged as `uplink_messages` says. Times are civil milliseconds since 1970 UTC.
"""

import msgspec

from locker_protocol.cold_messages import (
    ParcelCleared,
    ParcelCondemned,
    ParcelQuarantined,
    ZoneAlarmEnded,
    ZoneAlarmFound,
)
from locker_protocol.vocabulary import (
    Count,
    DoorCondition,
    DoorNumber,
    DoorTrouble,
    Identifier,
    Refusal,
    Right,
    Sequence,
    ShortText,
    Via,
)


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
