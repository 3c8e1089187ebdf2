"""Who operators find: staff always; a resident only by their contact or name, and with no more than is needed to tell
them apart. Reads only.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

MOST_FOUND = 20
LATEST = 30
SHORTEST_SEARCH = 3

_PERSON = """
    SELECT p.id, p.role, p.staff_no, p.display_name, p.phone, p.mail, p.language, p.site_id, p.created_at,
        s.name_zh, s.name_en,
        (SELECT count(*) FROM web_session w WHERE w.person_id = p.id AND w.expires_at > :now) AS sessions
    FROM person p LEFT JOIN site s ON s.id = p.site_id
"""
STAFF = text(f"{_PERSON} WHERE p.role <> 'resident' ORDER BY p.role, p.staff_no, p.id LIMIT 200")
FOUND = text(f"""
    {_PERSON} WHERE position(lower(:q) IN lower(concat_ws(' ', p.phone, p.mail, p.display_name))) > 0
    ORDER BY p.role, p.display_name, p.id LIMIT :most
""")
ONE = text(f"{_PERSON} WHERE p.id = :id")
SITES = text("SELECT id, name_zh, name_en, timezone FROM site ORDER BY site_no")
CHANGES = text("""
    SELECT c.at, c.field, c.before, c.after, coalesce(nullif(w.display_name, ''), w.role) AS who,
        coalesce(nullif(p.display_name, ''), p.role) AS whose
    FROM change c JOIN person w ON w.id = c.person_id JOIN person p ON p.id = c.subject_id
    WHERE c.subject = 'person' AND (:id = '' OR c.subject_id = :id) ORDER BY c.id DESC LIMIT :latest
""")


def staff(conn: Connection, *, now: datetime) -> Sequence[Row[Any]]:
    """Everybody who is not a resident."""
    return conn.execute(STAFF, {"now": now}).all()


def find(conn: Connection, *, q: str, now: datetime) -> Sequence[Row[Any]]:
    """People whose phone, mail or name holds `q`, of three characters at least; the first twenty."""
    if len(q) < SHORTEST_SEARCH:
        return []
    return conn.execute(FOUND, {"q": q, "now": now, "most": MOST_FOUND}).all()


def one(conn: Connection, *, person_id: str, now: datetime) -> Row[Any] | None:
    """One person."""
    return conn.execute(ONE, {"id": person_id, "now": now}).one_or_none()


def sites(conn: Connection) -> Sequence[Row[Any]]:
    """The sites a keeper may look after."""
    return conn.execute(SITES).all()


def changes(conn: Connection, *, person_id: str = "") -> Sequence[Row[Any]]:
    """The latest changes of roles, sites and sessions; of one person, where given."""
    return conn.execute(CHANGES, {"id": person_id, "latest": LATEST}).all()
