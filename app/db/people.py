"""Who a session belongs to. Tokens are 256 random bits, kept only as their SHA-256."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.db.tables import person, web_session
from app.domain.roles import Role


@dataclass(frozen=True, slots=True)
class SessionPerson:
    """The person a live session belongs to; `web.parts.Visitor` has this shape."""

    id: str
    role: Role
    staff_no: int | None
    display_name: str
    site_id: str | None
    language: str
    contact: str
    substitution: str
    low_door: bool


def token_hash(token: str) -> bytes:
    """What is stored of a session token."""
    return hashlib.sha256(token.encode()).digest()


def person_of_session(conn: Connection, *, token: str, now: datetime) -> SessionPerson | None:
    """Whose session this is; `None` when it is unknown or over."""
    row = conn.execute(
        select(person)
        .join(web_session, web_session.c.person_id == person.c.id)
        .where(web_session.c.token_hash == token_hash(token), web_session.c.expires_at > now)
    ).one_or_none()
    if row is None:
        return None
    return SessionPerson(
        id=row.id,
        role=Role(row.role),
        staff_no=row.staff_no,
        display_name=row.display_name,
        site_id=row.site_id,
        language=row.language,
        contact=row.phone or row.mail,
        substitution=row.substitution,
        low_door=row.low_door,
    )
