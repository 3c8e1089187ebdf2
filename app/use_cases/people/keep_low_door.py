"""Whether somebody wants doors they can reach is kept from one order to the next. It says nothing of why."""

from sqlalchemy import Connection, update

from app.db.tables import person


def keep_low_door(conn: Connection, *, person_id: str, low_door: bool) -> None:
    """Keep what a person asked for last."""
    conn.execute(update(person).where(person.c.id == person_id).values(low_door=low_door))
