"""A van is late: its people are told once per change of a quarter of an hour or more, and asked beyond an hour.

Decides by each order's own window: whom the delay does not touch hears nothing. Calling off is `call_off_run`'s.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.engine import announce
from app.db.moves import note
from app.db.pages.offers import ways_out
from app.domain.errors import NotFound
from app.domain.offering import READY_FOR, OfferKind, RunOver, late_options, refuse_delay
from app.domain.order_state import OrderState
from app.notify.texts import NoticeKind
from app.settings import Settings
from app.use_cases.evening.make_offer import close_offer, make_offer
from app.use_cases.telling.tell_order import tell_choice
from locker_protocol.ids import RandomBytes, random_bytes

DELAYED = "delayed"
ABOUT = timedelta(minutes=5)

RUN = text("""
    SELECT run_no, site_id, coalesce(expected_at, load_until) AS told, load_until, removal_from, called_off_at
    FROM load_run WHERE run_no = :run_no
""")
# An order is touched when its window opens before the hour told now, or before the one told last.
TOUCHED = text("""
    SELECT o.id, o.state, w.opens_at, min(p.collect_until) AS keeps_until
    FROM customer_order o JOIN pickup_window w ON w.id = o.window_id JOIN parcel p ON p.order_id = o.id
    WHERE o.run_no = :run_no AND o.state IN ('paid', 'packed') AND p.state IN ('planned', 'packed')
        AND w.opens_at < greatest(CAST(:expected_at AS timestamptz), CAST(:told AS timestamptz))
    GROUP BY o.id, w.opens_at ORDER BY o.id
""")
LOCK = text("""
    SELECT 1 FROM customer_order WHERE run_no = :run_no AND state IN ('paid', 'packed') ORDER BY id FOR UPDATE
""")
SET = text("""
    UPDATE load_run SET expected_at = :expected_at
    WHERE run_no = :run_no AND called_off_at IS NULL AND coalesce(expected_at, load_until) = :told
""")


def delay_run(
    conn: Connection,
    *,
    run_no: int,
    expected_at: datetime,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> int:
    """Promise another hour at which the bags are in the lockers; returns how many owners were told.

    Raises NotFound, RunOver, DelayImpossible, or DelayTooSmall for less than 15 minutes from the last promise.
    """
    run = conn.execute(RUN, {"run_no": run_no}).one_or_none()
    if run is None:
        raise NotFound
    if run.called_off_at is not None:
        raise RunOver
    refuse_delay(expected_at=expected_at, told=run.told, removal_from=run.removal_from, now=now)
    asked = {"run_no": run_no, "expected_at": expected_at, "told": run.told}
    conn.execute(LOCK, {"run_no": run_no})
    orders = conn.execute(TOUCHED, asked).all()
    if conn.execute(SET, asked).rowcount == 0:
        raise RunOver
    for row in orders:
        note(conn, order_id=row.id, state=OrderState(row.state), event=DELAYED, actor=actor, now=now)
        _tell(conn, row, expected_at, now, settings, random)
    announce(conn, f"site:{run.site_id}")
    return len(orders)


def _tell(
    conn: Connection, row: Row[Any], expected_at: datetime, now: datetime, settings: Settings, random: RandomBytes
) -> None:
    late = expected_at - row.opens_at
    offer_id = _ask(conn, row, late, expected_at, now, random)
    kind = NoticeKind.LATE if late > timedelta() else NoticeKind.IN_TIME
    tell_choice(
        conn,
        order_id=row.id,
        kind=kind if offer_id is None else NoticeKind.LATE_CHOICE,
        until=expected_at,
        minutes=-(-late // ABOUT) * (ABOUT // timedelta(minutes=1)),
        now=now,
        settings=settings,
        offer_id=offer_id,
        random=random,
    )


def _ask(
    conn: Connection, row: Row[Any], late: timedelta, expected_at: datetime, now: datetime, random: RandomBytes
) -> str | None:
    keeps = row.keeps_until > expected_at + READY_FOR
    options = late_options(late, keeps=keeps, moves=ways_out(conn, order_id=row.id, now=now).keys())
    if not options:
        close_offer(conn, order_id=row.id, now=now)
        return None
    return make_offer(
        conn,
        order_id=row.id,
        kind=OfferKind.LATE_VAN,
        options=options,
        answer_by=expected_at,
        now=now,
        random=random,
    )
