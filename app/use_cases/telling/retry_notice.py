"""Staff have a notice tried again that failed for good: the settings were mended, or the address works after all."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.audit_log import record_act
from app.db.engine import announce
from app.domain.audit_record import Act, of_people
from app.domain.errors import DomainError, NotFound
from app.notify.texts import NoticeKind
from app.use_cases.site.wire_time import to_wire

KNOWN = text("SELECT 1 FROM notification WHERE id = :id")
AGAIN = text("""
    UPDATE notification SET failed = NULL, tries = 0, next_try_at = :now
    WHERE id = :id AND failed IS NOT NULL AND sent_at IS NULL AND kind <> :code RETURNING order_id
""")


class NoticeNotFailed(DomainError):
    """It has not failed, or it is a sign-in code, which is over by now."""

    code = "notice_not_failed"


def retry_notice(conn: Connection, *, notice_id: str, person_id: str, now: datetime) -> None:
    """Send it again from the first try. Raises NotFound or NoticeNotFailed."""
    if conn.execute(KNOWN, {"id": notice_id}).one_or_none() is None:
        raise NotFound
    row = conn.execute(AGAIN, {"id": notice_id, "now": now, "code": NoticeKind.SIGN_IN.value}).one_or_none()
    if row is None:
        raise NoticeNotFailed
    said = of_people(
        at_ms=to_wire(now),
        act=Act.CHANGED,
        actor=f"person:{person_id}",
        order_id=row.order_id,
        facts={"subject": "notice", "subject_id": notice_id, "field": "failed"},
    )
    record_act(conn, said)
    announce(conn, "notification")
