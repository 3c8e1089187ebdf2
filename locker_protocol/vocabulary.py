"""Words that all three programs and the contract share. One word for one thing; see `docs/glossary.md`."""

from enum import StrEnum
from typing import Annotated

import msgspec

# The contract's version is 1.N, N growing with every field, type or code that is added; the 1 stands in the topics.
CONTRACT_MINOR = 4

# `\Z`, for Python's `$` also matches before a line feed at the end.
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
CivilMs = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
DoorNumber = Annotated[int, msgspec.Meta(ge=1, le=999)]
Celsius = Annotated[float, msgspec.Meta(ge=-273.15, le=1000)]
ShortText = Annotated[str, msgspec.Meta(max_length=200)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
ScanText = Annotated[str, msgspec.Meta(max_length=512)]


class Zone(StrEnum):
    """A temperature that a column of doors keeps: frozen ≤ -18 °C, chilled 0-4, cool 10-15, ambient."""

    FROZEN = "frozen"
    CHILLED = "chilled"
    COOL = "cool"
    AMBIENT = "ambient"


class SizeClass(StrEnum):
    """A door's clear height: S 200, M 240, L 300, XL 400 mm. `SIZES` gives their order."""

    S = "S"
    M = "M"
    L = "L"
    XL = "XL"


SIZES: tuple[SizeClass, ...] = (SizeClass.S, SizeClass.M, SizeClass.L, SizeClass.XL)


class Via(StrEnum):
    """How a request reached the gateway."""

    SCANNER = "scanner"
    KEYPAD = "keypad"
    REMOTE = "remote"


class Right(StrEnum):
    """By what right a door was opened; part of every audit row."""

    COLLECT = "collect"
    REOPEN = "reopen"
    LOAD = "load"
    STAFF = "staff"  # to look; it changes nothing about what lies there
    CHECK = "check"  # to wipe an emptied door, which is free afterwards
    REMOVE = "remove"  # to take out what nobody collected
    RESCUE = "rescue"  # to take a parcel into a keeper's cold bag
    HAND_OVER = "hand_over"  # to give an order to somebody who has no phone


class DoorCondition(StrEnum):
    """Whether a door may be loaded. Emptied doors are `to_check` until staff have wiped them."""

    FREE = "free"
    TO_CHECK = "to_check"
    BROKEN = "broken"


class DoorFault(StrEnum):
    """Why a driver wants another door than the one that opened."""

    NO_FIT = "no_fit"
    DIRTY = "dirty"
    BROKEN = "broken"


class DoorTrouble(StrEnum):
    """What is wrong with a door and lasts, worst first."""

    MISWIRED = "miswired"  # it was pulsed and another told that it opened, or the reverse: for staff only
    FORCED = "forced"  # it opened and nobody had unlocked it
    JAMMED = "jammed"  # pulsed twice and not seen to open: it sticks, or its contact does
    READS_OPEN = "reads_open"  # its contact has said open for ten minutes: it stands open, or its contact sticks


class ColdCause(StrEnum):
    """Why a parcel's food is kept closed; `docs/cold-chain.md`."""

    TOO_WARM = "too_warm"
    TOO_COLD = "too_cold"
    UNKNOWN = "unknown"  # nobody measured it for so long that it counts as too warm
    UNDECIDED = "undecided"  # it was kept closed and nobody decided in time


class ZoneAlarm(StrEnum):
    """What is wrong with a zone's cold and lasts. The food in it is judged apart from this."""

    TOO_WARM = "too_warm"
    TOO_COLD = "too_cold"
    UNMEASURED = "unmeasured"  # no believed product temperature for a quarter of an hour
    SENSOR = "sensor"  # a probe is not believed
    DEFROST = "defrost"  # one too many, one too long, or no return to the cold after it


class Refusal(StrEnum):
    """Why a gateway opens nothing. Screens turn these into a sentence; the code never changes its meaning."""

    MALFORMED = "malformed"
    FORGED = "forged"
    UNKNOWN = "unknown"
    OTHER_SITE = "other_site"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    SPENT = "spent"
    NOT_LOADED = "not_loaded"
    WRONG_CODE = "wrong_code"
    CODE_DEAD = "code_dead"
    WAIT = "wait"
    QUARANTINED = "quarantined"
    NO_RIGHT = "no_right"
    STAFF_ONLY = "staff_only"
    TOO_LATE = "too_late"
    LOCKER_SILENT = "locker_silent"
    IN_PROGRESS = "in_progress"
    TOO_MANY_PULSES = "too_many_pulses"
    LABEL_MALFORMED = "label_malformed"
    LABEL_OTHER_SITE = "label_other_site"
    LABEL_OTHER_RUN = "label_other_run"
    LABEL_UNKNOWN = "label_unknown"
    LABEL_LOADED = "label_loaded"
    LABEL_CANCELLED = "label_cancelled"
    NO_DRIVER = "no_driver"
    NO_FREE_DOOR = "no_free_door"
    DOOR_UNKNOWN = "door_unknown"
    DOOR_EMPTY = "door_empty"
    DOOR_FULL = "door_full"
    NOT_DUE = "not_due"
    DOOR_BROKEN = "door_broken"
    ZONE_TOO_WARM = "zone_too_warm"
    ZONE_UNMEASURED = "zone_unmeasured"
