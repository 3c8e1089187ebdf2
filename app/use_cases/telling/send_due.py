"""Sends what is queued. Marked as sent only after it was: a crash between may send twice, and never loses one.

A provider is given the notice's id, the same in each try, so that one that remembers ids sends it once. A sign-in code
that is over is not sent any more.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, Row, case, select, update

from app.db.engine import announce, transaction
from app.db.tables import notification
from app.domain.sign_in_code import CODE_LIVES
from app.notify.channel import Channel, Message, Unavailable
from app.notify.texts import NoticeKind

log = structlog.get_logger()

# Waits after the first, second … try; after the last it has failed, and staff see it.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
BATCH = 50
TOO_LATE = "too late: the code was over"


def send_due(engine: Engine, channel: Channel, *, now: datetime) -> int:
    """Send what is due and return how many went out."""
    return sum(_send(engine, channel, row, now) for row in _claim(engine, now))


def _claim(engine: Engine, now: datetime) -> list[Row[Any]]:
    """Take due notices for this try: their next one is already set, so no other worker takes them too."""
    due = (
        select(notification.c.id)
        .where(notification.c.sent_at.is_(None), notification.c.failed.is_(None), notification.c.next_try_at <= now)
        .order_by(notification.c.next_try_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    wait = case({tries: now + pause for tries, pause in enumerate(WAITS)}, value=notification.c.tries, else_=now)
    claim = (
        update(notification)
        .where(notification.c.id.in_(due))
        .values(tries=notification.c.tries + 1, next_try_at=wait)
        .returning(notification)
    )
    with transaction(engine) as conn:
        return sorted(conn.execute(claim), key=lambda row: str(row.id))


def _send(engine: Engine, channel: Channel, row: Row[Any], now: datetime) -> bool:
    if row.kind == NoticeKind.SIGN_IN and row.made_at + CODE_LIVES <= now:
        _set(engine, row, failed=TOO_LATE)
        return False
    try:
        channel.send(_message(row))
    except Unavailable as error:
        log.warning("notice_not_sent", notification=row.id, reason=str(error), tries=row.tries, order_id=row.order_id)
        if error.permanent or row.tries > len(WAITS):
            _set(engine, row, failed=str(error))
        return False
    # What was sent holds codes; it stays only where our own page is where people read it.
    text = {} if channel.keeps_text else {"subject": "", "body": ""}
    _set(engine, row, sent_at=now, facts={}, **text)
    return True


def _message(row: Row[Any]) -> Message:
    return Message(
        row.contact,
        row.subject,
        row.body,
        message_id=row.id,
        kind=row.kind,
        language=row.language,
        facts=row.facts,
    )


def _set(engine: Engine, row: Row[Any], **values: Any) -> None:  # noqa: ANN401  columns of the row
    with transaction(engine) as conn:
        conn.execute(update(notification).where(notification.c.id == row.id).values(**values))
        announce(conn, "notification")
