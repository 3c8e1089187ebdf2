"""Somebody says what they want to be called: a keeper asks for it when they come without a phone. None is fine, too."""

from sqlalchemy import Connection, text

from app.domain.display_name import read_name
from app.domain.errors import NotFound

SET = text("UPDATE person SET display_name = :name WHERE id = :person AND erased_at IS NULL")


def change_name(conn: Connection, *, person_id: str, name: str) -> str:
    """Keep the name and return it as it is kept. Raises NameUnreadable or NotFound."""
    kept = read_name(name)
    if conn.execute(SET, {"person": person_id, "name": kept}).rowcount == 0:
        raise NotFound
    return kept
