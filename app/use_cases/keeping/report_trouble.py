"""A keeper tells the office what is wrong: kept, and sent to everybody who operates the lockers."""

from datetime import datetime

from sqlalchemy import Connection, insert, text

from app.db.tables import trouble_report
from app.domain.errors import NotFound
from app.notify.texts import NoticeKind
from app.use_cases.site.ask_site import checked_reason
from app.use_cases.telling.queue_notification import queue_notification
from locker_protocol.ids import RandomBytes, random_bytes

SITE = text("""
    SELECT name_zh, name_en, CAST(:door AS smallint) IS NULL OR EXISTS (
        SELECT FROM compartment WHERE site_id = :site_id AND door = :door
    ) AS door_there FROM site WHERE id = :site_id
""")
OFFICE = text("""
    SELECT id, language, coalesce(phone, mail) AS contact FROM person WHERE role IN ('operator', 'admin') ORDER BY id
""")


def report_trouble(
    conn: Connection,
    *,
    site_id: str,
    person_id: str,
    words: str,
    now: datetime,
    door: int | None = None,
    random: RandomBytes = random_bytes,
) -> None:
    """Keep and send it; `words` has 5 to 200 characters. Raises NotFound or ReasonNeeded."""
    said = checked_reason(words)
    site = conn.execute(SITE, {"site_id": site_id, "door": door}).one_or_none()
    if site is None or not site.door_there:
        raise NotFound
    conn.execute(insert(trouble_report).values(at=now, site_id=site_id, person_id=person_id, door=door, words=said))
    for each in conn.execute(OFFICE):
        name = site.name_zh if each.language == "zh" else site.name_en
        door_words = {"zh": f" {door} 号门", "en": f", door {door}"}[each.language] if door else ""
        queue_notification(
            conn,
            contact=each.contact,
            kind=NoticeKind.TROUBLE,
            language=each.language,
            facts={"where": name + door_words, "words": said},
            person_id=each.id,
            now=now,
            random=random,
        )
