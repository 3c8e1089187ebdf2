"""What the sandbox provider does wrong when it is told to: the ways in which real ones fail. Off unless switched on.

Decides by bytes that are passed in, so that a seed repeats a run. Never decides what a charge's truth is.
"""

from datetime import timedelta
from enum import Enum, auto
from typing import Annotated

import msgspec

from app.settings import SettingsError
from locker_protocol.ids import RandomBytes

Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]
MOST_COPIES = 10
LONGEST_DELAY_S = 7 * 24 * 3600


class SandboxFaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The switches. Chances from 0 to 1; each message and each call throws its own dice."""

    copies: Annotated[int, msgspec.Meta(ge=1, le=MOST_COPIES)] = 1  # how often each message is sent
    lost: Chance = 0.0  # a message never arrives, in none of its copies
    late: Chance = 0.0  # a copy waits, up to `late_s`: so messages overtake each other
    late_s: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_DELAY_S)] = 0
    forged: Chance = 0.0  # a stranger's message comes too
    unknown: Chance = 0.0  # a call's answer is lost; half of them were done
    refund_fails: Chance = 0.0  # a refund is refused for now


NO_FAULTS = SandboxFaults()


class Outcome(Enum):
    """What becomes of a call."""

    ANSWERED = auto()
    DONE_UNSAID = auto()
    NOT_DONE = auto()


class Delivery(msgspec.Struct, frozen=True):
    """One copy of a message."""

    after: timedelta
    forged: bool


def read_faults(words: str) -> SandboxFaults:
    """Read `lost=0.2,copies=5`. Raises SettingsError."""
    parts = [part.strip().partition("=") for part in words.split(",") if part.strip()]
    try:
        return msgspec.convert({name: value for name, _, value in parts}, SandboxFaults, strict=False)
    except msgspec.ValidationError as error:
        names = ", ".join(SandboxFaults.__struct_fields__)
        raise SettingsError(f"CAIBOX_SANDBOX_FAULTS must read name=number,… with names of {names}: {error}.") from None


def deliveries(faults: SandboxFaults, random: RandomBytes) -> list[Delivery]:
    """When each copy of a message arrives, and whether a forged one comes too."""
    many = 0 if _is(faults.lost, random) else faults.copies
    copies = [Delivery(_delay(faults, random), forged=False) for _ in range(many)]
    forged = [Delivery(_delay(faults, random), forged=True)] if _is(faults.forged, random) else []
    return copies + forged


def outcome(faults: SandboxFaults, random: RandomBytes) -> Outcome:
    """What becomes of one call."""
    if not _is(faults.unknown, random):
        return Outcome.ANSWERED
    return Outcome.DONE_UNSAID if _is(0.5, random) else Outcome.NOT_DONE


def refuses_refund(faults: SandboxFaults, random: RandomBytes) -> bool:
    """Whether a refund is refused for now."""
    return _is(faults.refund_fails, random)


def _delay(faults: SandboxFaults, random: RandomBytes) -> timedelta:
    if not _is(faults.late, random):
        return timedelta()
    return timedelta(milliseconds=round(faults.late_s * 1000 * _fraction(random)))


def _is(chance: float, random: RandomBytes) -> bool:
    """Throw the dice only where there is a chance: what is switched off takes no bytes."""
    return chance > 0 and _fraction(random) < chance


def _fraction(random: RandomBytes) -> float:
    return int.from_bytes(random(4)) / 2**32
