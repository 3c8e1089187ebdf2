"""What a driver's phone saw at a visit and sends later: what can be read of it, and when it was done.

A record is a witness: it never opens a door and moves no parcel. What moves is the site's to say.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from unicodedata import category

from app.domain.errors import DomainError

Word = TypeVar("Word", bound=StrEnum)

UNREADABLE = frozenset({"Cc", "Cs"})  # controls, NUL among them, and halves of surrogate pairs
MOST_AT_ONCE = 50  # in one request
MOST_A_VISIT = 5_000
MOST_PHOTOS_A_VISIT = 100
MOST_COUNTED = 999
LONGEST_NOTE = 500
LONGEST_LABEL = 512
MOST_DOOR = 999
ID = re.compile(r"[0-9a-f]{32}")
NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
LARGEST_SEQ = 2**31 - 1
LATEST_MS = 253_402_300_799_000  # the last second of the year 9999, UTC
# Nobody is on the road for longer; a clock that was set in between says anything.
LONGEST_AGE = timedelta(days=30)


class RecordKind(StrEnum):
    """What a record is of."""

    SCAN = "scan"  # a label was read
    TROUBLE = "trouble"  # a bag or a door was not as it should be
    UNDO = "undo"  # a trouble was taken back
    PHOTO = "photo"
    COUNT = "count"  # what goes back with the van


class Trouble(StrEnum):
    """What was wrong: with a bag, or with a door that did not take it."""

    BAG_MISSING = "bag_missing"
    BAG_BROKEN = "bag_broken"
    DOOR_STUCK = "door_stuck"
    NO_FIT = "no_fit"
    DIRTY = "dirty"


# A bag of which one of these was told is not waited for.
NOT_COMING = frozenset({Trouble.BAG_MISSING, Trouble.BAG_BROKEN})


class RecordUnreadable(DomainError):
    """A record, or the form around it, cannot be read. Fact: `field`, which part."""

    code = "record_unreadable"
    status = 422


class RecordIdReused(DomainError):
    """Something else came under this id before; that stands."""

    code = "record_id_reused"


class RecordOfAnother(DomainError):
    """It was made while somebody else was signed in on that phone."""

    code = "record_of_another"
    status = 403


class TooManyRecords(DomainError):
    """More than one request, or one visit, takes. Fact: `most`."""

    code = "too_many_records"
    status = 422


class NothingToUndo(DomainError):
    """There is no such trouble at this visit, or it was taken back before."""

    code = "nothing_to_undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRecord:
    """One thing a phone saw. `at_ms` is what the phone's clock said; `person_id` who was signed in then.

    `visit_id` is empty where the phone did not know of one. What its kind has no use for is empty or `None`.
    """

    id: str
    kind: RecordKind
    person_id: str
    visit_id: str
    seq: int
    at_ms: int
    label: str = ""
    trouble: Trouble | None = None
    door: int | None = None
    of: str = ""
    crates_back: int = 0
    ice_packs_back: int = 0
    note: str = ""


def read_record(sent: object) -> VisitRecord:
    """Read one record of a request. Raises RecordUnreadable."""
    if not isinstance(sent, dict):
        raise RecordUnreadable(field="record")
    kind = _one_of(RecordKind, sent, "kind")
    return VisitRecord(
        id=_name(sent, "id", ID),
        kind=kind,
        person_id=_name(sent, "person"),
        visit_id=_name(sent, "visit") if sent.get("visit") else "",
        seq=_whole(sent, "seq", LARGEST_SEQ),
        at_ms=_whole(sent, "at", LATEST_MS),
        **_READERS[kind](sent),
    )


def done_at(record: VisitRecord, *, sent_ms: int, received_at: datetime, rate: float) -> datetime:
    """When it was done: as long before it was received as the phone's own clock says that it lay there.

    Only the difference of two readings of that clock counts, so a phone that is a year off tells the right time. Never
    later than it was received. `rate` is how fast civil time runs (1 outside a demo).
    """
    age = timedelta(milliseconds=max(0, sent_ms - record.at_ms))
    return received_at - min(age, LONGEST_AGE) * rate


def _scan(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": _text(sent, "label", LONGEST_LABEL)}


def _trouble(sent: Mapping[str, Any]) -> dict[str, Any]:
    trouble = _one_of(Trouble, sent, "trouble")
    door = None if trouble in NOT_COMING or sent.get("door") is None else _whole(sent, "door", MOST_DOOR)
    return {"trouble": trouble, "label": _text(sent, "label", LONGEST_LABEL), "door": door}


def _undo(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {"of": _name(sent, "of", ID)}


def _photo(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {"of": _name(sent, "of", ID) if sent.get("of") else ""}


def _count(sent: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: _whole(sent, name, MOST_COUNTED) for name in ("crates_back", "ice_packs_back")}
    return {**counts, "note": " ".join(_text(sent, "note", LONGEST_NOTE).split())}


_READERS: Mapping[RecordKind, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    RecordKind.SCAN: _scan,
    RecordKind.TROUBLE: _trouble,
    RecordKind.UNDO: _undo,
    RecordKind.PHOTO: _photo,
    RecordKind.COUNT: _count,
}


def _one_of(words: type[Word], sent: Mapping[str, Any], field: str) -> Word:
    try:
        return words(str(sent.get(field)))
    except ValueError:
        raise RecordUnreadable(field=field) from None


def _name(sent: Mapping[str, Any], field: str, form: re.Pattern[str] = NAME) -> str:
    found = sent.get(field)
    if not isinstance(found, str) or not form.fullmatch(found):
        raise RecordUnreadable(field=field)
    return found


def _whole(sent: Mapping[str, Any], field: str, most: int) -> int:
    found = sent.get(field)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
        raise RecordUnreadable(field=field)
    return found


def _text(sent: Mapping[str, Any], field: str, longest: int) -> str:
    found = sent.get(field, "")
    if not isinstance(found, str) or len(found) > longest or any(category(letter) in UNREADABLE for letter in found):
        raise RecordUnreadable(field=field)
    return found
