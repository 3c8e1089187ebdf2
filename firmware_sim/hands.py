"""What hands in front of a simulated locker can do besides scanning and typing: to its doors and its surroundings."""

from typing import Annotated, Literal

import msgspec

from locker_protocol.vocabulary import DoorNumber, Zone

Degrees = Annotated[float, msgspec.Meta(ge=-60, le=90)]
Kelvin = Annotated[float, msgspec.Meta(ge=-100, le=100)]
# `jam` and `unjam` switch the fault `jams_shut`.
Touch = Literal["shut", "open_by_force", "ajar", "put", "take", "jam", "unjam"]


class UseDoor(msgspec.Struct, frozen=True):
    """Do something to one door."""

    door: DoorNumber
    action: Touch


class SetZone(msgspec.Struct, frozen=True):
    """Change a zone's surroundings (`ambient_c`), its thermostat (`target_c`) or its heat (`warm_by_c`)."""

    zone: Zone
    ambient_c: Degrees | None = None
    target_c: Degrees | None = None
    warm_by_c: Kelvin | None = None
