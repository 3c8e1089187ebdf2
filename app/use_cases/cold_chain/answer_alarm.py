"""Somebody answers what is wrong with the cold, a door or a link: they have seen it, or it shall be silent for hours.

Who, when and why are kept. A silence always ends by itself. Nothing about what is wrong changes: it ends when it ends.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert

from app.db.engine import announce
from app.db.pages.fleet import facts_now
from app.db.tables import alarm_answer
from app.domain.alarms import AlarmOver, check_silence
from app.domain.fleet import Wrong
from app.use_cases.site.ask_site import checked_reason

TOPIC = "alarms"


def answer_alarm(
    conn: Connection,
    *,
    cause: Wrong,
    site_ids: Sequence[str],
    person_id: str,
    now: datetime,
    rate: float = 1,
    silent_h: int | None = None,
    reason: str = "",
) -> None:
    """Answer a cause at these sites, all or none; `silent_h` hours of silence need a reason.

    `rate` is how fast civil time runs.

    Raises:
        AlarmOver: nothing of that cause is wrong at one of them now.
        SilenceNeedsEnd: the silence would not end within a day.
        ReasonNeeded: a silence without a reason of 5 to 200 characters.

    """
    until, said = None, ""
    if silent_h is not None:
        until, said = check_silence(silent_h, now=now), checked_reason(reason)
    wrong = {each.site_id for each in facts_now(conn, now=now, rate=rate) if each.cause is cause}
    if not site_ids or not set(site_ids) <= wrong:
        raise AlarmOver
    kept = {"cause": cause.value, "at": now, "person_id": person_id, "until": until, "reason": said}
    conn.execute(insert(alarm_answer), [{**kept, "site_id": site_id} for site_id in sorted(set(site_ids))])
    announce(conn, TOPIC)
