"""An administrator makes somebody a picker, driver, keeper, operator, administrator, or a resident again.

Their sessions end, since each role's last differently long. Whoever joins the staff gets a number, which stands in
their rotating code at the lockers; they keep it when they leave.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.errors import NotFound
from app.domain.roles import STAFF, NotAKeeper, Role, refuse_role_change
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.people.end_sessions import end_sessions

# All of them, so that two administrators cannot each take the other's role away; and numbers are given one by one.
LOCK = text("LOCK TABLE person IN SHARE ROW EXCLUSIVE MODE")
LOAD = text("""
    SELECT role, staff_no, site_id, (SELECT count(*) FROM person WHERE role = 'admin') AS admins
    FROM person WHERE id = :id AND NOT guest
""")
NEXT_NUMBER = text("SELECT coalesce(max(staff_no), 0) + 1 FROM person")
SET = text("UPDATE person SET role = :role, staff_no = :staff_no WHERE id = :id")
SET_SITE = text("UPDATE person SET site_id = :site_id WHERE id = :id")
SITE = text("SELECT 1 FROM site WHERE id = :site_id")


def change_role(conn: Connection, *, person_id: str, role: Role, actor_id: str, now: datetime) -> None:
    """Give a role. Raises NotFound, OwnRole or LastAdmin."""
    conn.execute(LOCK)
    row = conn.execute(LOAD, {"id": person_id}).one_or_none()
    if row is None:
        raise NotFound
    before = Role(row.role)
    refuse_role_change(own=person_id == actor_id, before=before, after=role, admins=row.admins)
    if before is role:
        return
    needs_number = role in STAFF and row.staff_no is None
    staff_no = conn.execute(NEXT_NUMBER).scalar_one() if needs_number else row.staff_no
    conn.execute(SET, {"id": person_id, "role": role.value, "staff_no": staff_no})
    record_changes(conn, [Change("person", person_id, "role", before.value, role.value)], person_id=actor_id, now=now)
    end_sessions(conn, person_id=person_id, actor_id=actor_id, now=now)


def give_site(conn: Connection, *, person_id: str, site_id: str, actor_id: str, now: datetime) -> None:
    """Say which site a keeper looks after. Raises NotFound or NotAKeeper."""
    conn.execute(LOCK)
    row = conn.execute(LOAD, {"id": person_id}).one_or_none()
    if row is None or conn.execute(SITE, {"site_id": site_id}).one_or_none() is None:
        raise NotFound
    if Role(row.role) is not Role.KEEPER:
        raise NotAKeeper
    conn.execute(SET_SITE, {"id": person_id, "site_id": site_id})
    record_changes(conn, [Change("person", person_id, "site", row.site_id, site_id)], person_id=actor_id, now=now)
