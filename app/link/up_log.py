"""The service's end of the up logs: applies a batch of site events, each exactly once and in order.

Decides which events are next: `last + 1` of that log and nothing else. One transaction a batch, with a savepoint an
event, so that one the tables refuse is stored with its fault and the next goes on. Never acknowledges: its caller does,
after the commit.
"""

import json
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import DataError, IntegrityError

from app.db.audit_log import append
from app.db.tables import site_event
from app.domain.audit_record import AuditRecord, chain_of, read_unlock
from app.domain.errors import DomainError
from app.link import metrics
from app.link.gateway_book import KnownGateway
from app.settings import Settings
from app.use_cases.site.apply_locker_event import RECORDS_ONLY, Told, apply_locker_event
from app.use_cases.site.wire_time import from_wire
from locker_protocol.codec import decode
from locker_protocol.errors import ProtocolError, ProtocolFault
from locker_protocol.site_events import SiteEvent, UnlockGranted
from locker_protocol.uplink_messages import NumberedSiteEvent, UpBatch

LOCK = text("SELECT up_log_id, up_seq FROM gateway WHERE id = :gateway FOR NO KEY UPDATE")
# A log that was left and comes back goes on where it was left.
POSITION = text("SELECT coalesce(max(seq), 0) FROM site_event WHERE gateway_id = :gateway AND log_id = :log_id")
STORED_AT = text("SELECT at FROM site_event WHERE gateway_id = :gateway AND log_id = :log_id AND seq = :seq")
MOVE = text("UPDATE gateway SET up_log_id = :log_id, up_seq = :seq WHERE id = :gateway")

REFUSED_BY_TABLES = "refused_by_tables"
KEPT_TEXT = 2_048
# Beyond every number: an acknowledgement of more than was ever written tells a gateway that its store is an older copy.
FORKED = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Consumed:
    """What became of one event: its type, what is stored of it, and why it had no effect."""

    seq: int
    type: str
    body: dict[str, Any]
    order_id: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """How far the log is applied now, and what was consumed of this batch.

    `last` is FORKED when the sender's store is an older copy: under a number we have it tells of something else.
    """

    last: int
    consumed: list[Consumed]


def take_batch(conn: Connection, batch: UpBatch, *, sender: KnownGateway, now: datetime, settings: Settings) -> Taken:
    """Apply what is next of this batch; of a log that forked, nothing."""
    last = _position(conn, sender.id, batch.log_id)
    if _forked(conn, batch, last, sender):
        return Taken(FORKED, [])
    consumed: list[Consumed] = []
    rows: list[dict[str, Any]] = []
    unlocks: list[tuple[AuditRecord, int]] = []
    for numbered in batch.events:
        if numbered.seq > last + 1:
            break  # a gap: the sender goes back to what we acknowledge
        if numbered.seq == last + 1:
            consumed.append(_consume(conn, numbered, sender, now, settings))
            rows.append(_row(consumed[-1], numbered, batch.log_id, sender, now))
            if consumed[-1].type == UnlockGranted.__name__:
                record = read_unlock(numbered.at, bytes(numbered.event), site_id=sender.site_id)
                unlocks.append((record, numbered.seq))
            last = numbered.seq
    if rows:
        conn.execute(insert(site_event), rows)
        conn.execute(MOVE, {"gateway": sender.id, "log_id": batch.log_id, "seq": last})
    if unlocks:
        append(conn, chain=chain_of(sender.id, batch.log_id), records=unlocks)
    return Taken(last, consumed)


def count(consumed: Consumed) -> None:
    """Count what was committed. Only our own words become labels: a sender must not make new time series."""
    unread = consumed.fault in set(ProtocolFault)
    kind = "unread" if unread else consumed.type
    metrics.EVENTS_APPLIED.labels(type=kind, fault=consumed.fault or "").inc()


def _position(conn: Connection, gateway_id: str, log_id: str) -> int:
    known_log, seq = conn.execute(LOCK, {"gateway": gateway_id}).one()
    if known_log == log_id:
        return int(seq)
    return int(conn.execute(POSITION, {"gateway": gateway_id, "log_id": log_id}).scalar_one())


def _forked(conn: Connection, batch: UpBatch, last: int, sender: KnownGateway) -> bool:
    """True when the newest event we have already is told at another time than before."""
    known = [numbered for numbered in batch.events if numbered.seq <= last]
    if not known:
        return False
    place = {"gateway": sender.id, "log_id": batch.log_id, "seq": known[-1].seq}
    stored = conn.execute(STORED_AT, place).scalar_one_or_none()
    return stored is not None and stored != from_wire(known[-1].at)


def _row(
    consumed: Consumed, numbered: NumberedSiteEvent, log_id: str, sender: KnownGateway, now: datetime
) -> dict[str, Any]:
    return {
        "gateway_id": sender.id,
        "log_id": log_id,
        "seq": numbered.seq,
        "at": from_wire(numbered.at),
        "applied_at": now,
        "type": consumed.type,
        "order_id": consumed.order_id,
        "body": consumed.body,
        "fault": consumed.fault,
    }


def _consume(
    conn: Connection, numbered: NumberedSiteEvent, sender: KnownGateway, now: datetime, settings: Settings
) -> Consumed:
    """Apply one event; what cannot be read or is refused has no effect, and says why."""
    seq, raw = numbered.seq, bytes(numbered.event)
    try:
        event: SiteEvent = decode(raw, SiteEvent)
    except ProtocolError as error:
        return Consumed(seq, _type_of(raw), {"unread": _readable(raw)}, fault=error.fault.value)
    if b"\\u0000" in raw:  # PostgreSQL stores no NUL, and no honest gateway sends one
        fault = ProtocolFault.INVALID_FIELD.value
        return Consumed(seq, type(event).__name__, {"unread": _readable(raw)}, fault=fault)
    told = Told(sender.id, sender.site_id, min(from_wire(numbered.at), now), now)
    refusal = _apply(conn, event, told, settings)
    return Consumed(
        seq, type(event).__name__, msgspec.to_builtins(event), getattr(event, "order_id", None), fault=refusal
    )


def _apply(conn: Connection, event: SiteEvent, told: Told, settings: Settings) -> str | None:
    guard = nullcontext() if isinstance(event, RECORDS_ONLY) else conn.begin_nested()
    try:
        with guard:
            apply_locker_event(conn, event, told=told, settings=settings)
    except DomainError as error:
        return error.code
    except (IntegrityError, DataError):
        return REFUSED_BY_TABLES
    return None


def _type_of(raw: bytes) -> str:
    """What an unreadable event calls itself, where that can be told."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return "?"
    name = found.get("type") if isinstance(found, dict) else None
    return name if isinstance(name, str) and name.isidentifier() and len(name) <= 64 else "?"


def _readable(raw: bytes) -> str:
    return raw[:KEPT_TEXT].decode("utf-8", "replace").replace("\x00", "\ufffd")
