"""What service and gateway tell each other of the cold chain, in the numbered logs; minutes travel beside them.

Minutes are no log (`telemetry.py`): they are named and idempotent. What follows from them is told in one: a quarantine
shuts a door, and a condemned parcel's money goes back.
"""

from typing import Annotated, Literal

import msgspec

from locker_protocol.cold_chain.policy import ColdPolicy
from locker_protocol.telemetry import SensorFault
from locker_protocol.vocabulary import Celsius, CivilMs, ColdCause, DoorNumber, Identifier, Zone, ZoneAlarm

MAX_FOOD_CLASSES = 16

FoodClasses = Annotated[list[Identifier], msgspec.Meta(max_length=MAX_FOOD_CLASSES)]
QuarantineLevel = Literal["quarantine", "discard"]
Probe = Literal["air", "product"]


class QuarantinedParcel(msgspec.Struct, frozen=True):
    """A parcel that was in quarantine, or condemned, as the service last heard; for a gateway whose store is new."""

    parcel_id: Identifier
    level: QuarantineLevel


# --- entries, down ----------------------------------------------------------------------------------------------------


class SetColdPolicy(msgspec.Struct, frozen=True, tag=True):
    """The limits by which this site judges from now on. Refused when they cross; then the old ones stay."""

    policy: ColdPolicy


class ReleaseParcel(msgspec.Struct, frozen=True, tag=True):
    """Staff looked and released a parcel from quarantine. `food_classes`: what stays in the bag, judged on from where
    it was. Refused when the discard line of one of them is crossed.
    """

    parcel_id: Identifier
    order_id: Identifier
    actor: Identifier
    food_classes: FoodClasses


class CondemnParcel(msgspec.Struct, frozen=True, tag=True):
    """Staff decided, or two hours without a decision did (`actor` none): nobody but staff gets this parcel."""

    parcel_id: Identifier
    order_id: Identifier
    actor: Identifier | None = None


# --- events, up -------------------------------------------------------------------------------------------------------


class ParcelQuarantined(msgspec.Struct, frozen=True, tag=True):
    """A parcel is kept from its owner: goods of this class in it were too warm, too cold or not measured for too long.

    `since`: the civil minute in which the line was crossed.
    """

    parcel_id: Identifier
    order_id: Identifier
    controller: Identifier
    door: DoorNumber
    food_class: Identifier
    cause: ColdCause
    since: CivilMs


class ParcelCleared(msgspec.Struct, frozen=True, tag=True):
    """A quarantine is over: late samples filled its gap and nothing was over, or `actor` released it."""

    parcel_id: Identifier
    order_id: Identifier
    controller: Identifier
    door: DoorNumber
    actor: Identifier | None = None


class ParcelCondemned(msgspec.Struct, frozen=True, tag=True):
    """Goods of this class in a parcel must not be eaten any more. Never undone; told once a class.

    `cause` is `undecided` where it was told to, or nobody decided within two hours.
    """

    parcel_id: Identifier
    order_id: Identifier
    controller: Identifier
    door: DoorNumber
    food_class: Identifier
    cause: ColdCause


class ZoneAlarmFound(msgspec.Struct, frozen=True, tag=True):
    """Something about a zone wants a person; told once until it ends. `fault` and `probe` with a sensor's."""

    controller: Identifier
    zone: Zone
    alarm: ZoneAlarm
    probe: Probe | None = None
    fault: SensorFault | None = None
    value_c: Celsius | None = None


class ZoneAlarmEnded(msgspec.Struct, frozen=True, tag=True):
    """It is over."""

    controller: Identifier
    zone: Zone
    alarm: ZoneAlarm
