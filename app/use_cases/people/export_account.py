"""A person takes with them what we hold about them. Who did so when stands in the audit; nothing else changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.db.audit_log import record_act
from app.db.pages import my_data
from app.db.pages.my_data import Held
from app.domain.audit_record import Act, of_people
from app.domain.errors import NotFound
from app.use_cases.site.wire_time import to_wire


@dataclass(frozen=True, slots=True)
class Export:
    """What was found, and the photos of their parcels by id, JPEG."""

    held: Sequence[Held]
    photos: Sequence[tuple[str, bytes]]


def export_account(conn: Connection, *, person_id: str, now: datetime) -> Export:
    """Read it all in one transaction. Raises NotFound for an account that is not there, or was erased."""
    if my_data.me(conn, person_id=person_id) is None:
        raise NotFound
    record_act(conn, of_people(at_ms=to_wire(now), act=Act.ACCOUNT_EXPORTED, actor=f"person:{person_id}"))
    held = my_data.held(conn, person_id=person_id)
    return Export(held, [(row.id, bytes(row.jpeg)) for row in my_data.photos(conn, person_id=person_id)])
