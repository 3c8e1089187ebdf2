"""Tells those who can come: the keepers of a site, and the office. Decides who that is; never what they should do."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from app.notify.texts import NoticeKind
from app.use_cases.telling.queue_notification import queue_notification
from locker_protocol.ids import RandomBytes, random_bytes

WHERE = text("SELECT name_zh, name_en FROM site WHERE id = :site_id")
STAFF = text("""
    SELECT id, language, coalesce(phone, mail) AS contact FROM person
    WHERE erased_at IS NULL AND (role IN ('operator', 'admin') OR (role = 'keeper' AND site_id = :site_id)) ORDER BY id
""")
DOOR = {"zh": " {door} 号门", "en": ", door {door}"}


def tell_site_staff(
    conn: Connection,
    *,
    site_id: str,
    door: int,
    words: Mapping[str, str],
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Queue one notice for each of them, in their language; `words` by `zh` and `en`."""
    site = conn.execute(WHERE, {"site_id": site_id}).one()
    names = {"zh": site.name_zh, "en": site.name_en}
    for each in conn.execute(STAFF, {"site_id": site_id}):
        where = names[each.language] + DOOR[each.language].format(door=door)
        queue_notification(
            conn,
            contact=each.contact,
            kind=NoticeKind.TROUBLE,
            language=each.language,
            facts={"where": where, "words": words[each.language]},
            person_id=each.id,
            now=now,
            random=random,
        )
