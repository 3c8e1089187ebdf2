"""A van will not come: a power cut, or it broke down. Nobody can order for its run any more, and its owners are asked.

Decides that orders not paid yet are let go, and that what was paid is brought another way or goes back, as its owner
likes. Orders that were paid at the same moment are asked by `ask_called_off`, which looks again and again.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.db.holds import give_back, lock_counters
from app.db.moves import move_order
from app.domain.errors import NotFound
from app.domain.offering import OfferKind, RunOver
from app.domain.order_state import OrderEvent, OrderState
from app.settings import Settings
from app.use_cases.evening.offer_another_way import offer_another_way
from locker_protocol.ids import RandomBytes, random_bytes

RUN = text("SELECT site_id, removal_from, called_off_at FROM load_run WHERE run_no = :run_no")
LOCK_UNPAID = text("""
    SELECT id FROM customer_order WHERE run_no = :run_no AND state = 'awaiting_payment' ORDER BY id FOR UPDATE
""")
# With those placed while we waited for the counters. One that is locked is being paid or let go just now.
UNPAID = text("""
    SELECT id FROM customer_order WHERE run_no = :run_no AND state = 'awaiting_payment'
    ORDER BY id FOR UPDATE SKIP LOCKED
""")
# After its counters: who plans doors of this run takes both in that order, too.
CALL_OFF = text("UPDATE load_run SET called_off_at = :now WHERE run_no = :run_no AND called_off_at IS NULL")
# Of these nobody was asked since their run was called off.
UNASKED = text("""
    SELECT o.id, o.state FROM customer_order o JOIN load_run r USING (run_no)
    WHERE r.called_off_at IS NOT NULL AND r.removal_from > :now AND o.state IN ('paid', 'packed')
        AND EXISTS (SELECT FROM parcel p WHERE p.order_id = o.id AND p.state IN ('planned', 'packed'))
        AND NOT EXISTS (SELECT FROM offer f WHERE f.order_id = o.id AND f.made_at >= r.called_off_at)
    ORDER BY o.id LIMIT 200 FOR UPDATE OF o SKIP LOCKED
""")


def call_off_run(
    conn: Connection,
    *,
    run_no: int,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> int:
    """Call a run off; returns how many owners were asked or refunded. Raises NotFound or RunOver."""
    run = conn.execute(RUN, {"run_no": run_no}).one_or_none()
    if run is None:
        raise NotFound
    if run.called_off_at is not None or run.removal_from <= now:
        raise RunOver
    conn.execute(LOCK_UNPAID, {"run_no": run_no})  # an order before its counters, as whoever releases one
    lock_counters(conn, run_no=run_no)
    _let_go(conn, run_no, actor, now)
    if conn.execute(CALL_OFF, {"run_no": run_no, "now": now}).rowcount == 0:
        raise RunOver
    announce(conn, f"site:{run.site_id}")
    return ask_called_off(conn, actor=actor, now=now, settings=settings, random=random)


def ask_called_off(
    conn: Connection, *, actor: str, now: datetime, settings: Settings, random: RandomBytes = random_bytes
) -> int:
    """Ask everybody whose run was called off and who was not asked yet, at most 200; returns how many."""
    orders = conn.execute(UNASKED, {"now": now}).scalars().all()
    for order_id in orders:
        offer_another_way(
            conn,
            order_id=order_id,
            kind=OfferKind.CALLED_OFF,
            actor=actor,
            now=now,
            settings=settings,
            random=random,
        )
    return len(orders)


def _let_go(conn: Connection, run_no: int, actor: str, now: datetime) -> None:
    orders = conn.execute(UNPAID, {"run_no": run_no}).scalars().all()
    if orders:
        give_back(conn, order_ids=orders)
    for order_id in orders:
        move_order(
            conn,
            order_id=order_id,
            state=OrderState.AWAITING_PAYMENT,
            event=OrderEvent.HOLD_ENDED,
            actor=actor,
            now=now,
        )
