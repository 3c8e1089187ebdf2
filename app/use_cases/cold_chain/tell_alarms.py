"""Operators are told what is wrong with the cold: one notice a cause, however many lockers, and none for a while after.

Decides who is told and when. What was seen or silenced is told to nobody.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from app.db.open_alarms import answers, open_alarms
from app.domain.alarms import Alarm, AlarmCause, unanswered
from app.notify.alarm_texts import cause_words
from app.notify.texts import NoticeKind
from app.settings import Settings
from app.use_cases.telling.queue_notification import queue_notification
from app.use_cases.telling.tell_order import PREFIXES
from locker_protocol.ids import RandomBytes, random_bytes

# A storm grows for some minutes; its second notice has the number of all of them (EEMUA 191: less than one alarm in ten
# minutes a person).
QUIET_FOR = timedelta(minutes=30)
# A site that restarts is back within these (reliability §6.2).
SILENT_FOR = timedelta(minutes=5)
SILENT = frozenset({AlarmCause.SITE_SILENT, AlarmCause.LOCKER_SILENT})

# One worker tells a cause; another that looks at the same moment finds it told.
TOLD = text("""
    INSERT INTO alarm_told (cause, told_at, alarms) VALUES (:cause, :now, :alarms)
    ON CONFLICT (cause) DO UPDATE SET told_at = excluded.told_at, alarms = excluded.alarms
        WHERE alarm_told.told_at <= :quiet_since
            AND (alarm_told.told_at < :newest OR alarm_told.alarms < excluded.alarms)
    RETURNING cause
""")
OVER = text("""
    DELETE FROM alarm_told WHERE told_at <= :quiet_since AND cause <> ALL (CAST(:causes AS text[]))
""")
OFFICE = text("""
    SELECT id, language, coalesce(phone, mail) AS contact FROM person
    WHERE role IN ('operator', 'admin') AND coalesce(phone, mail) IS NOT NULL ORDER BY id
""")
SITES = text("SELECT name_zh, name_en FROM site WHERE id = ANY (CAST(:ids AS text[])) ORDER BY site_no")


def tell_alarms(conn: Connection, *, now: datetime, settings: Settings, random: RandomBytes = random_bytes) -> int:
    """Queue what is due; returns how many causes were told."""
    due: dict[AlarmCause, list[Alarm]] = {}
    for alarm in unanswered(open_alarms(conn, now=now), answers(conn, now=now), now=now):
        if alarm.cause not in SILENT or now - alarm.since >= SILENT_FOR:
            due.setdefault(alarm.cause, []).append(alarm)
    conn.execute(OVER, {"quiet_since": now - QUIET_FOR, "causes": [cause.value for cause in due]})
    return sum(_tell(conn, cause, alarms, now, settings, random) for cause, alarms in due.items())


def _tell(
    conn: Connection,
    cause: AlarmCause,
    alarms: Sequence[Alarm],
    now: datetime,
    settings: Settings,
    random: RandomBytes,
) -> bool:
    # What began long ago may have been told to us only now: then there are more than before.
    asked = {
        "cause": cause.value,
        "now": now,
        "newest": max(alarm.since for alarm in alarms),
        "alarms": len(alarms),
        "quiet_since": now - QUIET_FOR,
    }
    if conn.execute(TOLD, asked).one_or_none() is None:
        return False
    sites = conn.execute(SITES, {"ids": list({alarm.site_id for alarm in alarms})}).all()
    lockers = len({(alarm.site_id, alarm.locker_id) for alarm in alarms})
    orders = len(frozenset[str]().union(*(alarm.orders for alarm in alarms)))
    for each in conn.execute(OFFICE).all():
        first = sites[0].name_zh if each.language == "zh" else sites[0].name_en
        queue_notification(
            conn,
            contact=each.contact,
            kind=NoticeKind.COLD_ALARM,
            language=each.language,
            facts={
                "what": cause_words(cause, each.language),
                "site": first,
                "sites": str(len(sites)),
                "lockers": str(lockers),
                "orders": str(orders),
                "link": f"{settings.public_url}/{PREFIXES[each.language]}/ops/alarms",
            },
            person_id=each.id,
            now=now,
            random=random,
        )
    return True
