"""What can be made to go wrong, and what hands can do: one vocabulary for the page, the fault file and tests.

It decides what is a possible fault. Doing it is the device's business.
"""

from typing import Annotated

import msgspec

from firmware_sim.hardware import Hand
from locker_protocol.vocabulary import DoorNumber, Zone

Degrees = Annotated[float, msgspec.Meta(ge=-60, le=90)]
Kelvin = Annotated[float, msgspec.Meta(ge=-100, le=100)]


class UseDoor(msgspec.Struct, frozen=True, tag="door"):
    """Do something to one door."""

    door: DoorNumber
    action: Hand


class WireDoor(msgspec.Struct, frozen=True, tag="wire"):
    """The contact of `door` is wired to the input of `wired_as`."""

    door: DoorNumber
    wired_as: DoorNumber


class Power(msgspec.Struct, frozen=True, tag="power"):
    """Pull the controller's plug, or put it back."""

    on: bool


class Network(msgspec.Struct, frozen=True, tag="network"):
    """Cut the controller's network, or mend it."""

    on: bool


class LockSupply(msgspec.Struct, frozen=True, tag="lock_supply"):
    """Switch the locks' own supply; the controller notices and pulses nothing without it."""

    on: bool


class SetZone(msgspec.Struct, frozen=True, tag="zone"):
    """Change a zone's surroundings (`ambient_c`), its thermostat (`target_c`) or its heat (`warm_by_c`)."""

    zone: Zone
    ambient_c: Degrees | None = None
    target_c: Degrees | None = None
    warm_by_c: Kelvin | None = None


Fault = UseDoor | WireDoor | Power | Network | LockSupply | SetZone
