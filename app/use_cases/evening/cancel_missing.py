"""What never came of an order is cancelled and refunded line by line; the rest of it goes on.

Decides that an order all of whose other parcels lie in the locker is ready, and that one with nothing left is over. The
site is told that these bags are not to be loaded any more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Row, text

from app.db.moves import move_order, move_parcels
from app.db.outbox import put_entry
from app.domain.errors import IllegalMove, NotFound
from app.domain.order_state import OrderEvent, OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.refunding import RefundCause
from app.domain.replanning import MOVABLE
from app.settings import Settings
from app.use_cases.collecting.end_order import end_order_when_done
from app.use_cases.collecting.issue_credential import issue_credential
from app.use_cases.evening.make_offer import close_offer
from app.use_cases.money.decide_refund import decide_refund
from app.use_cases.planning.allocate_order import parcel_manifest
from app.use_cases.site.wire_time import to_wire
from app.use_cases.telling.tell_order import tell_order_ready, tell_refund
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.site_entries import PlanOrder

LOCK = text("""
    SELECT o.id, o.state, o.site_id, o.run_no, r.load_from, r.removal_from
    FROM customer_order o JOIN load_run r USING (run_no) WHERE o.id = :order_id FOR UPDATE OF o
""")
MISSING = text("SELECT * FROM parcel WHERE order_id = :order_id AND state IN ('planned', 'packed') ORDER BY ref")
GOOD_CODE = text("""
    SELECT 1 FROM credential WHERE order_id = :order_id AND ended_at IS NULL AND expires_at > :now
""")
LINES = text("SELECT line_no, line_minor FROM order_line WHERE parcel_id = ANY(:parcels)")


def cancel_missing(
    conn: Connection,
    *,
    order_id: str,
    cause: RefundCause,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Cancel and refund the parcels that lie nowhere. Raises NotFound, or IllegalMove when none is missing."""
    order = conn.execute(LOCK, {"order_id": order_id}).one_or_none()
    if order is None:
        raise NotFound
    missing = conn.execute(MISSING, {"order_id": order_id}).all()
    if OrderState(order.state) not in MOVABLE or not missing:
        raise IllegalMove(state=order.state, event=ParcelEvent.CANCELLED.value)
    close_offer(conn, order_id=order_id, now=now)
    _cancel(conn, order_id, missing, actor, now)
    _forbid(conn, order, missing, now)
    _refund(conn, order_id, missing, cause, actor, now, random)
    _go_on(conn, order, cause, actor, now, settings, random)


def _cancel(conn: Connection, order_id: str, missing: Sequence[Row[Any]], actor: str, now: datetime) -> None:
    for state in sorted({ParcelState(row.state) for row in missing}):
        move_parcels(
            conn,
            order_id=order_id,
            parcel_ids=[row.id for row in missing if row.state == state],
            state=state,
            event=ParcelEvent.CANCELLED,
            actor=actor,
            now=now,
        )


def _forbid(conn: Connection, order: Row[Any], missing: Sequence[Row[Any]], now: datetime) -> None:
    """Plan them anew with no time left in which they may be loaded: the site refuses their labels from now on."""
    ended = [replace(parcel_manifest(row, order, [], []), loadable_until=to_wire(now)) for row in missing]
    entry = PlanOrder(order_id=order.id, parcels=ended)
    put_entry(conn, site_id=order.site_id, entry=entry, order_id=order.id, now=now)


def _refund(
    conn: Connection,
    order_id: str,
    missing: Sequence[Row[Any]],
    cause: RefundCause,
    actor: str,
    now: datetime,
    random: RandomBytes,
) -> None:
    rows = conn.execute(LINES, {"parcels": [row.id for row in missing]})
    decided = decide_refund(
        conn,
        order_id=order_id,
        cause=cause,
        cause_key=f"missing:{missing[0].id}",
        lines={row.line_no: row.line_minor for row in rows},
        actor=actor,
        now=now,
        random=random,
    )
    if decided is not None:
        tell_refund(conn, order_id=order_id, decided=decided, cause=cause, now=now, random=random)


def _go_on(
    conn: Connection,
    order: Row[Any],
    cause: RefundCause,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes,
) -> None:
    state = OrderState(order.state)
    if state is OrderState.PAID:  # what was missing was all that was not packed
        state = move_order(conn, order_id=order.id, state=state, event=OrderEvent.ALL_PACKED, actor=actor, now=now)
        issue_credential(conn, order_id=order.id, now=now, settings=settings, random=random)
    if end_order_when_done(conn, order_id=order.id, state=state, cause=cause, actor=actor, now=now, random=random):
        return
    move_order(conn, order_id=order.id, state=state, event=OrderEvent.ALL_LOADED, actor=actor, now=now)
    if conn.execute(GOOD_CODE, {"order_id": order.id, "now": now}).one_or_none():
        tell_order_ready(conn, order_id=order.id, settings=settings, now=now, random=random)
