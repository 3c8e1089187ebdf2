"""A keeper looks up the order of somebody who stands before them. What was said is compared, never stored or shown.

Each look is written down, right or wrong. The fifth wrong one within ten minutes pauses this keeper's looks, on
whatever worker they come; nobody browses orders by guessing.
"""

from datetime import datetime

from sqlalchemy import Connection, insert, text

from app.db.audit_log import record_act
from app.db.engine import write_last
from app.db.tables import keeper_look
from app.domain.asking_for import MOST_WRONG, WITHIN, LookWrong, Owner, is_theirs, read_order_no, refuse_more_looks
from app.domain.audit_record import Act, of_people
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, random_bytes, random_id

# One at a time for each keeper, or two looks at once would both find four wrong ones.
LOCK_KEEPER = text("SELECT pg_advisory_xact_lock(hashtextextended('look:' || :person_id, 0))")
WRONG = text("""
    SELECT count(*) AS wrong, min(at) AS first_at FROM keeper_look
    WHERE person_id = :person_id AND order_id IS NULL AND at > :since
""")
ORDER = text("""
    SELECT o.id, p.display_name,
        coalesce(p.phone, CASE WHEN o.guest_contact LIKE '+%' THEN o.guest_contact END) AS phone,
        coalesce(p.mail, CASE WHEN o.guest_contact LIKE '%@%' THEN o.guest_contact END) AS mail
    FROM customer_order o JOIN person p ON p.id = o.person_id
    WHERE o.order_no = :order_no AND o.site_id = :site_id
""")


def look_up_order(
    conn: Connection,
    *,
    site_id: str,
    person_id: str,
    order_no: str,
    said: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> str:
    """Look up an order at the keeper's site; returns the look's id. Raises LooksPaused or, once counted, LookWrong."""
    conn.execute(LOCK_KEEPER, {"person_id": person_id})
    before = conn.execute(WRONG, {"person_id": person_id, "since": now - WITHIN}).one()
    refuse_more_looks(before.wrong, before.first_at, now=now)
    order_id = _order_of(conn, site_id, order_no, said)
    look_id = random_id(random)
    row = {"id": look_id, "at": now, "person_id": person_id, "site_id": site_id, "order_id": order_id}
    conn.execute(insert(keeper_look).values(row))
    record_act(
        conn,
        of_people(
            at_ms=to_wire(now),
            act=Act.ORDER_LOOKED_UP if order_id else Act.LOOK_WRONG,
            actor=f"person:{person_id}",
            site_id=site_id,
            order_id=order_id,
            facts={"look_id": look_id},
        ),
    )
    if order_id is None:
        # The refusal below would take the count back with everything else, and looks would be free.
        write_last(conn)
        conn.commit()
        raise LookWrong(tries_left=MOST_WRONG - before.wrong - 1)
    return look_id


def _order_of(conn: Connection, site_id: str, order_no: str, said: str) -> str | None:
    number = read_order_no(order_no)
    row = conn.execute(ORDER, {"order_no": number, "site_id": site_id}).one_or_none()
    if row is None:
        return None
    owner = Owner(display_name=row.display_name, phone=row.phone, mail=row.mail)
    return str(row.id) if is_theirs(said, owner) else None
