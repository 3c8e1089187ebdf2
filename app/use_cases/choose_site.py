"""A person says where they live, so that the shop shows that building's windows. They may order for any other too."""

from sqlalchemy import Connection, select, update

from app.db.tables import person, site
from app.domain.errors import NotFound


def choose_site(conn: Connection, *, person_id: str, site_id: str) -> None:
    """Keep a person's site. Raises NotFound when there is none of that id."""
    exists = select(site.c.id).where(site.c.id == site_id).exists()
    chosen = conn.execute(update(person).where(person.c.id == person_id, exists).values(site_id=site_id))
    if chosen.rowcount != 1:
        raise NotFound
