"""Food past its time is handed out no more, and what was never brought is not waited for: both go back.

Decides by each parcel's last moment, with five minutes for clocks that differ, and by the end of a run. Money waits for
the site's word, as always when something may lie in a locker.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from app.domain.refunding import RefundCause
from app.settings import Settings
from app.use_cases.evening.cancel_missing import cancel_missing
from app.use_cases.evening.withdraw_order import withdraw_order
from locker_protocol.ids import RandomBytes, random_bytes

ACTOR = "clock"
CLOCKS_DIFFER = timedelta(minutes=5)
BATCH = 100

# `lies`: somebody could have collected it. `came`: some of it was brought at all. What is in a keeper's cold bag has a
# time of its own, and its order waits for that.
PARCELS = """
    SELECT max(collect_until) FILTER (WHERE state IN ('planned', 'packed', 'loaded', 'rescued')) AS last_moment,
        bool_or(state = 'loaded') AS lies, bool_or(state = 'rescued') AS in_bag,
        bool_or(state IN ('loaded', 'rescued', 'collected', 'returned', 'disposed')) AS came,
        bool_or(state IN ('planned', 'packed')) AS missing
    FROM parcel WHERE order_id = o.id
"""
OVER = text(f"""
    SELECT o.id, p.lies, p.came AND p.missing AS partly FROM customer_order o JOIN LATERAL ({PARCELS}) p ON true
    WHERE o.state IN ('paid', 'packed', 'ready') AND p.last_moment <= :last_moment
        AND NOT p.in_bag
    ORDER BY o.id LIMIT {BATCH} FOR UPDATE OF o SKIP LOCKED
""")  # noqa: S608  texts of our own
LEFT_OUT = text(f"""
    SELECT o.id FROM customer_order o JOIN load_run r USING (run_no) JOIN LATERAL ({PARCELS}) p ON true
    WHERE o.state IN ('paid', 'packed') AND r.removal_from <= :now AND p.came AND p.missing
    ORDER BY o.id LIMIT {BATCH} FOR UPDATE OF o SKIP LOCKED
""")  # noqa: S608
STILL_THERE = text("SELECT 1 FROM customer_order WHERE id = :order_id AND state IN ('paid', 'packed', 'ready')")


def expire_orders(conn: Connection, *, now: datetime, settings: Settings, random: RandomBytes = random_bytes) -> int:
    """Withdraw what is past its time and refund what never came, at most 100 of each; returns how many orders."""
    left_out = conn.execute(LEFT_OUT, {"now": now}).scalars().all()
    for order_id in left_out:
        _refund_missing(conn, order_id, now, settings, random)
    over = conn.execute(OVER, {"last_moment": now - CLOCKS_DIFFER}).all()
    for row in over:
        if row.partly:
            _refund_missing(conn, row.id, now, settings, random)
        if conn.execute(STILL_THERE, {"order_id": row.id}).one_or_none():
            cause = RefundCause.NOT_COLLECTED if row.lies else RefundCause.NOT_BROUGHT
            withdraw_order(conn, order_id=row.id, cause=cause, actor=ACTOR, now=now)
    return len({*left_out, *(row.id for row in over)})


def _refund_missing(conn: Connection, order_id: str, now: datetime, settings: Settings, random: RandomBytes) -> None:
    cancel_missing(
        conn,
        order_id=order_id,
        cause=RefundCause.NOT_BROUGHT,
        actor=ACTOR,
        now=now,
        settings=settings,
        random=random,
    )
