"""Behind a door that opened for somebody lay what is not theirs: it is kept for whoever it belongs to.

Decides that from now on no code of this order opens a door again, so that the shut door stays shut for all but staff;
and tells those who can come. What the order lacks its owner claims as always. Never says whose bag it is.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, text, update

from app.db.outbox import put_entry
from app.db.tables import credential, trouble_report
from app.domain.errors import DomainError, NotFound
from app.notify.texts import DOOR_WORDS, DoorMatter
from app.use_cases.telling.tell_site_staff import tell_site_staff
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.site_entries import RevokeCredential

# As long as its doors would open again.
WITHIN = timedelta(minutes=15)

LOCK = text("SELECT id, order_no, person_id, site_id FROM customer_order WHERE id = :order_id FOR UPDATE")
OPENED = text("""
    SELECT 1 FROM parcel WHERE order_id = :order_id AND door = :door AND opened_at IS NOT NULL
        AND (state = 'loaded' OR collected_at > :since) LIMIT 1
""")
TOLD = text("SELECT 1 FROM trouble_report WHERE site_id = :site_id AND door = :door AND words = :words AND at > :since")
GENERATION = text("SELECT max(generation) FROM credential WHERE order_id = :order_id")


class DoorNotOpened(DomainError):
    """This door did not open for this order a moment ago. Fact: `door`."""

    code = "door_not_opened"


def report_wrong_bag(
    conn: Connection, *, order_id: str, door: int, now: datetime, random: RandomBytes = random_bytes
) -> bool:
    """Shut the order's doors for good and tell staff. False: they were told before. Raises NotFound, DoorNotOpened."""
    order = conn.execute(LOCK, {"order_id": order_id}).one_or_none()
    if order is None:
        raise NotFound(what="order")
    since = now - WITHIN
    if conn.execute(OPENED, {"order_id": order_id, "door": door, "since": since}).first() is None:
        raise DoorNotOpened(door=door)
    words = {each: DOOR_WORDS[DoorMatter.WRONG_BAG, each].format(order_no=order.order_no) for each in ("zh", "en")}
    said = {"site_id": order.site_id, "door": door, "words": words["zh"]}
    if conn.execute(TOLD, {**said, "since": since}).first() is not None:
        return False
    _end_codes(conn, order_id, order.site_id, now)
    conn.execute(insert(trouble_report).values(at=now, person_id=order.person_id, **said))
    tell_site_staff(conn, site_id=order.site_id, door=door, words=words, now=now, random=random)
    return True


def _end_codes(conn: Connection, order_id: str, site_id: str, now: datetime) -> None:
    """Also one that ended with the last bag: at its site it still opens again for a quarter of an hour."""
    # An end in the past, so that the page does not show it as one that opens again.
    mine = credential.c.order_id == order_id
    conn.execute(update(credential).where(mine).values(ended_at=now - WITHIN))
    generation = conn.execute(GENERATION, {"order_id": order_id}).scalar_one()
    if generation is not None:
        entry = RevokeCredential(order_id=order_id, generation=generation)
        put_entry(conn, site_id=site_id, entry=entry, order_id=order_id, now=now)
