"""Deals with the orders of recalled lots, each in a transaction of its own; whoever dies in between goes on later.

Decides with `domain.recalling` by where an order's bags are at that moment. Money goes back once an order and lot, for
the pieces of that lot; its owner is told in the same transaction. An order somebody works at is passed over, and met
again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from app.db.engine import transaction
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.recalling import WAITS, RecallStep, amount_back, steps
from app.domain.refunding import RefundCause
from app.use_cases.evening.withdraw_order import withdraw_order
from app.use_cases.money.decide_refund import Decided, decide_refund
from app.use_cases.packing.unpick_line import unpick_line
from app.use_cases.telling.tell_recall import tell_recall
from locker_protocol.ids import RandomBytes, random_bytes

BATCH = 200

NEXT = text("""
    SELECT x.lot_id, x.order_id, o.state, r.person_id, t.code AS lot_code
    FROM lot_recall_order x JOIN lot_recall r USING (lot_id) JOIN lot t ON t.id = x.lot_id
    JOIN customer_order o ON o.id = x.order_id
    WHERE x.at IS NULL ORDER BY x.lot_id, x.order_id LIMIT 1 FOR UPDATE OF o, x SKIP LOCKED
""")
# What was kept of a line for all that was packed: what was short, replaced or light went back before.
LINES = text("""
    SELECT l.line_no, l.parcel_id, p.state AS parcel_state, x.quantity, d.name_zh, d.name_en,
        l.picked_quantity + coalesce(l.substitute_quantity, 0) AS packed,
        l.line_minor - coalesce((
            SELECT sum(b.amount_minor) FROM refund_line b JOIN refund r ON r.id = b.refund_id
            WHERE b.order_id = l.order_id AND b.line_no = l.line_no AND r.cause IN ('short', 'substitute', 'weight')
        ), 0)::bigint AS kept_minor
    FROM line_lot x JOIN order_line l USING (order_id, line_no) JOIN parcel p ON p.id = l.parcel_id
    JOIN lot t ON t.id = x.lot_id JOIN product d ON d.id = t.product_id
    WHERE x.lot_id = :lot_id AND x.order_id = :order_id ORDER BY l.line_no
""")
DONE = text("""
    UPDATE lot_recall_order SET at = :now, step = :step WHERE lot_id = :lot_id AND order_id = :order_id
""")
END = text("""
    UPDATE lot_recall r SET ended_at = :now WHERE ended_at IS NULL AND NOT EXISTS (
        SELECT FROM lot_recall_order x WHERE x.lot_id = r.lot_id AND x.at IS NULL
    )
""")


def recall_orders(engine: Engine, *, now: datetime, limit: int = BATCH, random: RandomBytes = random_bytes) -> int:
    """Deal with at most `limit` orders; returns how many were."""
    for done in range(limit):
        with transaction(engine) as conn:
            if not recall_next_order(conn, now=now, random=random):
                conn.execute(END, {"now": now})
                return done
    return limit


def recall_next_order(conn: Connection, *, now: datetime, random: RandomBytes = random_bytes) -> bool:
    """Deal with one order of any recall. False: there is none that nobody else works at."""
    order = conn.execute(NEXT).one_or_none()
    if order is None:
        return False
    place = {"lot_id": order.lot_id, "order_id": order.order_id}
    lines = conn.execute(LINES, place).all()
    found = steps(OrderState(order.state), {ParcelState(line.parcel_state) for line in lines})
    actor = f"person:{order.person_id}"
    if RecallStep.WITHDRAW in found:
        withdraw_order(conn, order_id=order.order_id, cause=RefundCause.RECALLED, actor=actor, now=now)
    elif RecallStep.PICK_AGAIN in found:
        _pick_again(conn, order, lines, now)
    told = [line for line in lines if _concerned(ParcelState(line.parcel_state), found)]
    if told:
        decided = _refund(conn, order, told, actor, now, random)
        tell_recall(
            conn,
            order_id=order.order_id,
            products=told,
            lot_code=order.lot_code,
            found=found,
            decided=decided,
            now=now,
            random=random,
        )
    conn.execute(DONE, {**place, "now": now, "step": ",".join(sorted(found)) or RecallStep.NOTHING.value})
    return True


def _concerned(parcel: ParcelState, found: Collection[RecallStep]) -> bool:
    return (parcel is ParcelState.COLLECTED and RecallStep.WARN in found) or (
        parcel in WAITS and RecallStep.WITHDRAW in found
    )


def _pick_again(conn: Connection, order: Row[Any], lines: Sequence[Row[Any]], now: datetime) -> None:
    for line in lines:
        if ParcelState(line.parcel_state) is ParcelState.PLANNED:
            unpick_line(conn, parcel_id=line.parcel_id, line_no=line.line_no, person_id=order.person_id, now=now)


def _refund(
    conn: Connection, order: Row[Any], lines: Sequence[Row[Any]], actor: str, now: datetime, random: RandomBytes
) -> Decided | None:
    return decide_refund(
        conn,
        order_id=order.order_id,
        cause=RefundCause.RECALLED,
        cause_key=f"recall:{order.lot_id}",
        lines={
            line.line_no: amount_back(kept_minor=line.kept_minor, of_lot=line.quantity, packed=line.packed)
            for line in lines
        },
        actor=actor,
        now=now,
        random=random,
    )
