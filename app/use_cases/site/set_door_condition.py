"""Takes a door out of use, or gives it back: tells the site, and writes down who and why.

Whether a door may be loaded is the site's to say: its `DoorConditionChanged` changes what pages and plans read, not
this. A door that is given back must be looked at before it is loaded.
"""

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.db.outbox import put_entry
from app.domain.errors import NotFound
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.site.ask_site import checked_reason
from locker_protocol.site_entries import SetDoorCondition
from locker_protocol.vocabulary import DoorCondition

# Its row is locked, so that of two people's wishes the one that is kept last is also sent last.
DOOR = text("""
    SELECT c.condition FROM compartment c JOIN gateway g USING (site_id)
    WHERE c.site_id = :site_id AND c.door = :door FOR UPDATE OF c
""")


def set_door_condition(
    conn: Connection,
    *,
    site_id: str,
    door: int,
    condition: Literal[DoorCondition.BROKEN, DoorCondition.TO_CHECK],
    person_id: str,
    reason: str,
    now: datetime,
) -> None:
    """Tell the site: `broken` is out of use, `to_check` back in use. Raises NotFound or ReasonNeeded."""
    reason = checked_reason(reason)
    row = conn.execute(DOOR, {"site_id": site_id, "door": door}).one_or_none()
    if row is None:
        raise NotFound
    wish = SetDoorCondition(door=door, condition="broken" if condition is DoorCondition.BROKEN else "to_check")
    put_entry(conn, site_id=site_id, entry=wish, order_id=None, now=now)
    change = Change("door", f"{site_id}/{door}", "condition", row.condition, condition.value)
    record_changes(conn, [change], person_id=person_id, now=now, reason=reason)
    announce(conn, f"site:{site_id}")
