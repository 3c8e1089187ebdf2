"""Takes what a driver's phone saw and kept while it had no network: each record once, at the time it was done.

A record opens no door and moves no parcel: those are the site's to tell. It changes which bags are still waited for,
and what was counted.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or

from app.db.engine import announce
from app.db.tables import compartment, visit, visit_record
from app.domain.errors import NotFound
from app.domain.loading import LabelOtherSite, LabelUnknown, ref_of
from app.domain.visit import refuse_over
from app.domain.visit_record import (
    MOST_A_VISIT,
    MOST_PHOTOS_A_VISIT,
    NothingToUndo,
    RecordIdReused,
    RecordKind,
    RecordOfAnother,
    RecordUnreadable,
    TooManyRecords,
    VisitRecord,
    done_at,
)
from app.use_cases.visiting.begin_visit import begin_visit
from app.use_cases.visiting.count_back import count_back
from app.use_cases.visiting.keep_photo import keep_photo
from app.use_cases.visiting.tell_troubles import tell_troubles
from locker_protocol.ids import RandomBytes, random_bytes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

BAG = text("""
    SELECT p.id, o.site_id, s.name_zh, s.name_en FROM parcel p JOIN customer_order o ON o.id = p.order_id
    JOIN site s ON s.id = o.site_id WHERE p.ref = :ref AND p.state <> 'draft'
""")
KEPT = text("SELECT count(*) FROM visit_record WHERE visit_id = :visit_id AND kind = ANY (:kinds)")
UNDO = text("""
    UPDATE visit_record SET undone_at = :at
    WHERE id = :of AND visit_id = :visit_id AND kind = 'trouble' AND undone_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that counts; `again`: it did so before, and nothing was done now."""

    done_at: datetime
    again: bool


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A record at its visit, with when it was done."""

    record: VisitRecord
    visit_id: str
    site_id: str
    at: datetime
    jpeg: bytes | None
    random: RandomBytes


def take_visit_record(
    conn: Connection,
    *,
    record: VisitRecord,
    sent_ms: int,
    jpeg: bytes | None,
    site_id: str,
    person_id: str,
    now: datetime,
    rate: float = 1,
    random: RandomBytes = random_bytes,
) -> Taken:
    """Take one record; `sent_ms` is what the phone's clock says now, `jpeg` its photo, made small by `media.photo`.

    Raises RecordOfAnother, RecordIdReused, NotFound, VisitOver, TooManyRecords, RecordUnreadable, NothingToUndo,
    LabelMalformed, LabelUnknown or LabelOtherSite; then nothing of it counts.
    """
    if record.person_id != person_id:
        raise RecordOfAnother
    digest = _digest(record, jpeg)
    if before := _taken_before(conn, record, digest):
        return before
    at = done_at(record, sent_ms=sent_ms, received_at=now, rate=rate)
    found = _visit(conn, record, site_id=site_id, at=at, now=now, rate=rate)
    if before := _taken_before(conn, record, digest):  # while this one waited for the visit
        return before
    refuse_over(found.ended_at, at=at)
    _refuse_more(conn, found.id, record.kind)
    at = max(at, found.began_at)
    arrived = _Arrived(record, found.id, site_id, at, jpeg, random)
    row = {
        "id": record.id,
        "visit_id": found.id,
        "person_id": person_id,
        "kind": record.kind.value,
        "seq": record.seq,
        "digest": digest,
        "device_at": EPOCH + timedelta(milliseconds=record.at_ms),
        "done_at": at,
        "received_at": now,
    }
    more = _DONE[record.kind](conn, arrived)
    insert = insert_or(visit_record).values(**row, **more).on_conflict_do_nothing()
    if not conn.execute(insert).rowcount:  # it came at another visit at this very moment
        raise RecordIdReused
    if record.kind is RecordKind.TROUBLE and found.ended_at is not None:
        tell_troubles(conn, visit_id=found.id, site_id=site_id, now=now, record_id=record.id)
    announce(conn, f"site:{site_id}")
    return Taken(at, again=False)


def _visit(
    conn: Connection, record: VisitRecord, *, site_id: str, at: datetime, now: datetime, rate: float
) -> Row[Any]:
    """The visit it belongs to, locked: a phone that sends a record twice at once waits here."""
    visit_id = record.visit_id
    if not visit_id:
        during = (visit.c.site_id == site_id) & (visit.c.began_at <= at) & (visit.c.ended_at > at)
        visit_id = conn.execute(select(visit.c.id).where(during)).scalars().first() or ""
    if not visit_id:
        begun = begin_visit(conn, site_id=site_id, person_id=record.person_id, now=now, rate=rate)
        visit_id = begun.visit_id
    here = (visit.c.id == visit_id) & (visit.c.site_id == site_id)
    found = conn.execute(select(visit).where(here).with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    return found


def _digest(record: VisitRecord, jpeg: bytes | None) -> bytes:
    told = {name: value for name, value in asdict(record).items() if name != "visit_id"}
    return sha256(msgspec.json.encode(told) + (jpeg or b"")).digest()


def _taken_before(conn: Connection, record: VisitRecord, digest: bytes) -> Taken | None:
    row = conn.execute(select(visit_record).where(visit_record.c.id == record.id)).one_or_none()
    if row is None:
        return None
    if row.person_id != record.person_id:
        raise RecordOfAnother
    if bytes(row.digest) != digest:
        raise RecordIdReused
    return Taken(row.done_at, again=True)


def _refuse_more(conn: Connection, visit_id: str, kind: RecordKind) -> None:
    photo = kind is RecordKind.PHOTO
    kinds = [kind.value] if photo else [each.value for each in RecordKind]
    most = MOST_PHOTOS_A_VISIT if photo else MOST_A_VISIT
    if conn.execute(KEPT, {"visit_id": visit_id, "kinds": kinds}).scalar_one() >= most:
        raise TooManyRecords(most=most)


def _bag(conn: Connection, label: str, site_id: str) -> str:
    row = conn.execute(BAG, {"ref": ref_of(label)}).one_or_none()
    if row is None:
        raise LabelUnknown
    if row.site_id != site_id:
        raise LabelOtherSite(site_zh=row.name_zh, site_en=row.name_en)
    return str(row.id)


def _scan(conn: Connection, arrived: _Arrived) -> dict[str, Any]:
    return {"parcel_id": _bag(conn, arrived.record.label, arrived.site_id)}


def _trouble(conn: Connection, arrived: _Arrived) -> dict[str, Any]:
    record = arrived.record
    assert record.trouble is not None, "read_record saw to it"
    there = (compartment.c.site_id == arrived.site_id) & (compartment.c.door == record.door)
    if record.door is not None and conn.execute(select(compartment.c.door).where(there)).one_or_none() is None:
        raise NotFound
    bag = _bag(conn, record.label, arrived.site_id)
    return {"parcel_id": bag, "trouble": record.trouble.value, "door": record.door}


def _undo(conn: Connection, arrived: _Arrived) -> dict[str, Any]:
    undone = {"of": arrived.record.of, "visit_id": arrived.visit_id, "at": arrived.at}
    if not conn.execute(UNDO, undone).rowcount:
        raise NothingToUndo
    return {}


def _photo(conn: Connection, arrived: _Arrived) -> dict[str, Any]:
    if arrived.jpeg is None:
        raise RecordUnreadable(field="photo")
    photo_id = keep_photo(
        conn,
        visit_id=arrived.visit_id,
        person_id=arrived.record.person_id,
        jpeg=arrived.jpeg,
        now=arrived.at,
        random=arrived.random,
    )
    return {"photo_id": photo_id, "parcel_id": _bag_of(conn, arrived)}


def _bag_of(conn: Connection, arrived: _Arrived) -> str | None:
    """The bag whose trouble the photo shows, if it was taken of one."""
    of = (visit_record.c.id == arrived.record.of) & (visit_record.c.visit_id == arrived.visit_id)
    return conn.execute(select(visit_record.c.parcel_id).where(of)).scalar_one_or_none()


def _count(conn: Connection, arrived: _Arrived) -> dict[str, Any]:
    record = arrived.record
    count_back(
        conn,
        visit_id=arrived.visit_id,
        crates_back=record.crates_back,
        ice_packs_back=record.ice_packs_back,
        note=record.note,
        now=arrived.at,
    )
    return {}


_DONE: Mapping[RecordKind, Callable[[Connection, _Arrived], dict[str, Any]]] = {
    RecordKind.SCAN: _scan,
    RecordKind.TROUBLE: _trouble,
    RecordKind.UNDO: _undo,
    RecordKind.PHOTO: _photo,
    RecordKind.COUNT: _count,
}
