"""What the page's API accepts, and what it answers when it does not: problem+json with a stable code.

It decides whether a request makes sense. Whether the hand can do it is the hardware's to say.
"""

import re
from http import HTTPStatus
from typing import Annotated, Literal, TypeVar

import msgspec

from firmware_sim.faults import Fault, FaultName, Probe
from firmware_sim.hands import Degrees, Kelvin, Touch
from locker_protocol.vocabulary import DoorNumber, Zone

T = TypeVar("T")

MAX_BODY_BYTES = 64 * 1024
Key = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "back", "clear", "enter", "wait"]


class ProblemError(Exception):
    """A request that gets a sentence instead; `code` names the sentence in `words/`."""

    def __init__(self, status: HTTPStatus, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.field = status, code, field


class ScanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold this text, as a symbol, before the scanner."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


class KeysRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Press one key, or type digits and confirm them."""

    key: Key | None = None
    digits: Annotated[str, msgspec.Meta(pattern=r"^[0-9 ]{1,24}\Z")] | None = None

    def keys(self) -> list[str]:
        """The single keys."""
        typed = [*(self.digits or "").replace(" ", ""), "enter"] if self.digits is not None else []
        return [self.key] if self.key is not None else typed


class DoorRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Do something to a door."""

    action: Touch


class SwitchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On or off."""

    on: bool


class ZoneRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Change a zone; at least one of the three."""

    ambient_c: Degrees | None = None
    target_c: Degrees | None = None
    warm_by_c: Kelvin | None = None


class FaultRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Switch a fault; `for_s` seconds later it goes by itself."""

    name: FaultName
    on: bool = True
    door: DoorNumber | None = None
    zone: Zone | None = None
    probe: Probe | None = None
    amount: float | None = None
    one_in: int | None = None
    for_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None

    def fault(self) -> Fault:
        """The fault alone."""
        return Fault(self.name, self.door, self.zone, self.probe, self.amount, self.one_in)


class ClearRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Switch every fault of a locker off."""

    all: Literal[True]


def read_body(body: bytes, kind: type[T]) -> T:
    """Read a request. Raises ProblemError naming the field."""
    try:
        request = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "bad_field", _field_of(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "not_json") from error
    if not any(value is not None for value in msgspec.structs.asdict(request).values()):  # type: ignore[arg-type]  # T is a struct
        raise ProblemError(HTTPStatus.BAD_REQUEST, "nothing_asked")
    return request


def _field_of(reason: str) -> str | None:
    """A field is named its path, or in the words for a missing or an unknown one."""
    found = re.search(r"at `\$\.([^`]+)`", reason) or re.search(r"field `([^`]+)`", reason)
    return found[1] if found else None
