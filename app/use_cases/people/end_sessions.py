"""Signs somebody out everywhere: a lost phone, somebody who left. What of theirs waits for a second person ends too."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.errors import NotFound
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.site.decide_opening import expire_openings

KNOWN = text("SELECT 1 FROM person WHERE id = :id")
END = text("DELETE FROM web_session WHERE person_id = :id")


def end_sessions(conn: Connection, *, person_id: str, actor_id: str, now: datetime) -> int:
    """End all their sessions and return how many there were. Raises NotFound."""
    if conn.execute(KNOWN, {"id": person_id}).one_or_none() is None:
        raise NotFound
    ended = conn.execute(END, {"id": person_id}).rowcount
    expire_openings(conn, now=now, person_id=person_id)
    if ended:
        record_changes(conn, [Change("person", person_id, "sessions", str(ended), "0")], person_id=actor_id, now=now)
    return ended
