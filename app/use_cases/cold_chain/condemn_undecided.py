"""Nobody decided on food that was kept shut: after two hours it must not be eaten.

Its site decides that alone. Where it lies behind a door and the site said nothing, the site is told, and money waits
for its word: it may know that a gap was filled. Food that is in other hands is condemned here.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.outbox import put_entry
from app.db.quarantines import latest_quarantine
from app.domain.parcel_state import ParcelState
from app.domain.quarantine_state import QuarantineEvent, QuarantineState
from app.use_cases.cold_chain.condemn_food import condemn_food
from locker_protocol.cold_messages import CondemnParcel
from locker_protocol.ids import RandomBytes, random_bytes

CLOCKS_DIFFER = timedelta(minutes=5)
BATCH = 100
ACTOR = "clock"

# Whoever holds an order's row is deciding at this moment, or hears its site: it is looked at again a second later.
DUE = text(f"""
    SELECT q.parcel_id, p.state AS parcel_state FROM quarantine q JOIN customer_order o ON o.id = q.order_id
    JOIN parcel p ON p.id = q.parcel_id
    WHERE q.state = 'open' AND q.due_at <= :due AND (q.reminded_at IS NULL OR p.state <> 'loaded')
    ORDER BY q.due_at LIMIT {BATCH} FOR UPDATE OF o SKIP LOCKED
""")  # noqa: S608
REMIND = text("UPDATE quarantine SET reminded_at = :now WHERE id = :id")


def condemn_undecided(conn: Connection, *, now: datetime, random: RandomBytes = random_bytes) -> int:
    """Deal with what is overdue, at most 100 parcels; returns how many."""
    due = conn.execute(DUE, {"due": now - CLOCKS_DIFFER}).all()
    for row in due:
        quarantine = latest_quarantine(conn, parcel_id=row.parcel_id)
        if quarantine is None or quarantine.state != QuarantineState.OPEN:
            continue
        if ParcelState(row.parcel_state) is ParcelState.LOADED:
            _remind(conn, quarantine, now)
        else:
            condemn_food(
                conn,
                quarantine,
                food_classes=None,
                event=QuarantineEvent.CONDEMNED,
                actor=ACTOR,
                now=now,
                random=random,
            )
    return len(due)


def _remind(conn: Connection, quarantine: Row[Any], now: datetime) -> None:
    entry = CondemnParcel(quarantine.parcel_id, quarantine.order_id)
    put_entry(conn, site_id=quarantine.site_id, entry=entry, order_id=quarantine.order_id, now=now)
    conn.execute(REMIND, {"id": quarantine.id, "now": now})
