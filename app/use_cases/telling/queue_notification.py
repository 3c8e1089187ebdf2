"""Somebody shall be told something: written down with what caused it, sent after the commit by the worker."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from app.db.engine import announce
from app.db.tables import notification
from app.notify.texts import NoticeKind, write_notice
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes


def queue_notification(
    conn: Connection,
    *,
    contact: str,
    kind: NoticeKind,
    language: str,
    facts: Mapping[str, str],
    now: datetime,
    person_id: str | None = None,
    order_id: str | None = None,
    random: RandomBytes = random_bytes,
) -> str:
    """Queue one notice and return its id."""
    row = notification_row(contact=contact, kind=kind, language=language, facts=facts, now=now, random=random)
    queued = {**row, "person_id": person_id, "order_id": order_id, "made_at": now, "next_try_at": now}
    conn.execute(insert(notification).values(**queued))
    announce(conn, "notification")
    return str(row["id"])


def notification_row(
    *, contact: str, kind: NoticeKind, language: str, facts: Mapping[str, str], now: datetime, random: RandomBytes
) -> dict[str, Any]:
    """What a notice's row says; whom and which order it is about, and its times, are the caller's."""
    words = write_notice(kind, language, facts)
    return {
        "id": new_id(to_wire(now), random),
        "contact": contact,
        "kind": kind.value,
        "language": language,
        "subject": words.subject,
        "body": words.body,
        "facts": dict(facts),
    }
