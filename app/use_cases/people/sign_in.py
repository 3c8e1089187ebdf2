"""The code arrived where it was sent: whoever types it is that person, from now on with an account and a session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or

from app.db.people import token_hash
from app.db.tables import person, sign_in_code, web_session
from app.domain.contact import Contact, read_contact
from app.domain.roles import Role
from app.domain.sign_in_code import MOST_TRIES, CodeOver, CodeWrong, code_matches, session_length
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, and the token of their session, which is told only this once."""

    person_id: str
    token: str
    role: Role
    language: str
    site_id: str | None


def sign_in(
    conn: Connection,
    *,
    request_id: str,
    code: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> SignedIn:
    """Sign in. Raises CodeWrong, after the try is counted, or CodeOver."""
    asked = _take_try(conn, request_id, code, now)
    who = _person(conn, read_contact(asked.contact), asked.language, now, random)
    token = random(TOKEN_BYTES).hex()
    role = Role(who.role)
    conn.execute(
        insert(web_session).values(
            token_hash=token_hash(token), person_id=who.id, made_at=now, expires_at=now + session_length(role)
        )
    )
    return SignedIn(who.id, token, role, who.language, who.site_id)


def _take_try(conn: Connection, request_id: str, code: str, now: datetime) -> Row[Any]:
    asked = conn.execute(select(sign_in_code).where(sign_in_code.c.id == request_id).with_for_update()).one_or_none()
    if asked is None or asked.used_at is not None or asked.expires_at <= now or asked.tries >= MOST_TRIES:
        raise CodeOver
    this = update(sign_in_code).where(sign_in_code.c.id == request_id)
    if not code_matches(code, salt=bytes(asked.salt), expected=bytes(asked.code_hash)):
        conn.execute(this.values(tries=asked.tries + 1))
        # The refusal below would take the count back with everything else, and tries would be free.
        conn.commit()
        raise CodeWrong(tries_left=MOST_TRIES - asked.tries - 1)
    conn.execute(this.values(used_at=now))
    return asked


def _person(conn: Connection, contact: Contact, language: str, now: datetime, random: RandomBytes) -> Row[Any]:
    fresh = {
        "id": new_id(to_wire(now), random),
        contact.kind: contact.value,
        "language": language,
        "created_at": now,
    }
    conn.execute(insert_or(person).values(fresh).on_conflict_do_nothing())
    found = select(person).where(or_(person.c.phone == contact.value, person.c.mail == contact.value))
    return conn.execute(found).one()
