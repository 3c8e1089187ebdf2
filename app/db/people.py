"""Who a session belongs to. Tokens are 256 random bits, kept only as their SHA-256."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.db.statement import Statement
from app.domain.roles import Role

# Asked with every request.
OF_SESSION = Statement("""
    SELECT p.id, p.role, p.guest, p.staff_no, p.display_name, p.site_id, p.language, p.phone, p.mail, p.substitution,
        p.low_door
    FROM web_session s JOIN person p ON p.id = s.person_id WHERE s.token_hash = :hash AND s.expires_at > :now
""")


@dataclass(frozen=True, slots=True)
class SessionPerson:
    """The person a live session belongs to; `web.parts.Visitor` has this shape."""

    id: str
    role: Role
    staff_no: int | None
    display_name: str
    site_id: str | None
    language: str
    contact: str  # confirmed; empty for a guest
    substitution: str
    low_door: bool
    guest: bool


def token_hash(token: str) -> bytes:
    """What is stored of a session token."""
    return hashlib.sha256(token.encode()).digest()


def person_of_session(conn: Connection, *, token: str, now: datetime) -> SessionPerson | None:
    """Whose session this is; `None` when it is unknown or over."""
    row = OF_SESSION.row(conn, {"hash": token_hash(token), "now": now})
    if row is None:
        return None
    return SessionPerson(
        id=row.id,
        role=Role(row.role),
        staff_no=row.staff_no,
        display_name=row.display_name,
        site_id=row.site_id,
        language=row.language,
        contact=row.phone or row.mail or "",
        substitution=row.substitution,
        low_door=row.low_door,
        guest=row.guest,
    )
