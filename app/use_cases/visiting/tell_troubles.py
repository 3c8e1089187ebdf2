"""Tells the office what was wrong with bags and doors at a visit, once it has ended; not what was taken back."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.visit_record import Trouble
from app.use_cases.keeping.report_trouble import report_trouble

# The office reads it in its own language or not, so both stand there.
WORDS = {
    Trouble.BAG_MISSING: "少箱 / bag missing: {ref}",
    Trouble.BAG_BROKEN: "箱子坏 / bag broken: {ref}",
    Trouble.DOOR_STUCK: "门打不开 / door would not open: {ref}",
    Trouble.NO_FIT: "放不下 / does not fit: {ref}",
    Trouble.DIRTY: "格口脏 / door is dirty: {ref}",
}
TROUBLES = text("""
    SELECT r.trouble, r.door, r.person_id, p.ref FROM visit_record r JOIN parcel p ON p.id = r.parcel_id
    WHERE r.visit_id = :visit_id AND r.kind = 'trouble' AND r.undone_at IS NULL
        AND (CAST(:record_id AS text) IS NULL OR r.id = :record_id)
    ORDER BY r.done_at, r.id
""")


def tell_troubles(
    conn: Connection, *, visit_id: str, site_id: str, now: datetime, record_id: str | None = None
) -> None:
    """Tell all troubles of a visit that has ended, or the one that came late."""
    for row in conn.execute(TROUBLES, {"visit_id": visit_id, "record_id": record_id}).all():
        said = WORDS[Trouble(row.trouble)].format(ref=row.ref)
        report_trouble(conn, site_id=site_id, person_id=row.person_id, words=said, door=row.door, now=now)
