"""What only a demo shows: what was written to whom, and whom one may sign in as. Reads only."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from app.db.pages.api import After, behind
from app.db.tables import notification, person
from app.domain.roles import Role

MOST_MESSAGES = 50


def messages(
    conn: Connection, *, contact: str = "", after: After = None, limit: int = MOST_MESSAGES
) -> Sequence[Row[Any]]:
    """Messages, newest first, narrowed to the addresses that contain `contact`."""
    key = (notification.c.made_at, notification.c.id)
    newest = select(notification).order_by(*(column.desc() for column in key)).limit(limit)
    query = newest.where(*behind(key, after, descending=True))
    if contact:
        query = query.where(notification.c.contact.icontains(contact, autoescape=True))
    return conn.execute(query).all()


def staff_contacts(conn: Connection) -> Sequence[Row[Any]]:
    """The seeded staff: role, name and address. A demo lists them on its sign-in page."""
    contact = func.coalesce(person.c.mail, person.c.phone).label("contact")
    query: Select[Any] = select(person.c.role, person.c.display_name, contact).where(
        person.c.role != Role.RESIDENT.value
    )
    return conn.execute(query.order_by(person.c.staff_no, person.c.id)).all()
