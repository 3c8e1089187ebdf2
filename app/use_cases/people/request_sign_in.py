"""Somebody wants to sign in: a code goes to their phone or mail. Whether we know them is neither said nor asked."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text

from app.db.tables import sign_in_code
from app.domain.contact import read_contact
from app.domain.sign_in_code import CODE_LIVES, MOST_SENT, SENT_WITHIN, TooManyCodes, hash_code, make_code
from app.notify.texts import NoticeKind
from app.use_cases.telling.queue_notification import queue_notification
from locker_protocol.ids import RandomBytes, random_bytes, random_id

SALT_BYTES = 16
# One at a time for each contact, or two requests at once would both find four codes sent.
LOCK_CONTACT = text("SELECT pg_advisory_xact_lock(hashtextextended(:contact, 0))")


def request_sign_in(
    conn: Connection, *, contact: str, language: str, now: datetime, random: RandomBytes = random_bytes
) -> str:
    """Send a code and return the request it is bound to. Raises ContactUnreadable or TooManyCodes."""
    to = read_contact(contact).value
    conn.execute(LOCK_CONTACT, {"contact": to})
    _refuse_too_many(conn, to, now)
    request_id, code, salt = random_id(random), make_code(random), random(SALT_BYTES)
    conn.execute(
        insert(sign_in_code).values(
            id=request_id,
            contact=to,
            language=language,
            code_hash=hash_code(code, salt),
            salt=salt,
            made_at=now,
            expires_at=now + CODE_LIVES,
        )
    )
    queue_notification(
        conn, contact=to, kind=NoticeKind.SIGN_IN, language=language, facts={"code": code}, now=now, random=random
    )
    return request_id


def _refuse_too_many(conn: Connection, contact: str, now: datetime) -> None:
    sent = select(func.count(), func.min(sign_in_code.c.made_at)).where(
        sign_in_code.c.contact == contact, sign_in_code.c.made_at > now - SENT_WITHIN
    )
    count, first = conn.execute(sent).one()
    if count >= MOST_SENT:
        raise TooManyCodes(minutes=int((first + SENT_WITHIN - now).total_seconds() // 60) + 1)
