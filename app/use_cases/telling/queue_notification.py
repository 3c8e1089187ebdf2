"""Somebody shall be told something: written down with what caused it, sent after the commit by the worker."""

from collections.abc import Mapping
from datetime import datetime

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
    words = write_notice(kind, language, facts)
    notification_id = new_id(to_wire(now), random)
    conn.execute(
        insert(notification).values(
            id=notification_id,
            person_id=person_id,
            contact=contact,
            kind=kind.value,
            order_id=order_id,
            language=language,
            subject=words.subject,
            body=words.body,
            facts=dict(facts),
            made_at=now,
            next_try_at=now,
        )
    )
    announce(conn, "notification")
    return notification_id
