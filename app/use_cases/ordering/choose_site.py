"""A resident says where they live, so that the shop shows that building's windows. They may order for any other too.

Staff shop like anybody, but the site they work at is given to them: choosing one in the shop does not change it.
"""

from sqlalchemy import Connection, select, update

from app.db.tables import person, site
from app.domain.errors import NotFound
from app.domain.roles import Role


def choose_site(conn: Connection, *, person_id: str, site_id: str) -> None:
    """Keep a resident's site. Raises NotFound when there is none of that id."""
    if conn.execute(select(site.c.id).where(site.c.id == site_id)).one_or_none() is None:
        raise NotFound
    resident = (person.c.id == person_id, person.c.role == Role.RESIDENT.value)
    conn.execute(update(person).where(*resident).values(site_id=site_id))
