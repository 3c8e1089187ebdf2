"""Money of an order shall go back: written down once per cause, in the transaction of whatever caused it.

Decides how much, never more than was captured and not yet given back. The provider is asked later by `send_refunds`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, text

from app.db.engine import announce
from app.db.ledger import book
from app.db.tables import refund, refund_line
from app.domain.ledger import Kind
from app.domain.order_state import OrderState
from app.domain.refunding import ChargedLine, RefundCause, shares
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

LOCK_ORDER = text("SELECT id, state FROM customer_order WHERE id = :order_id FOR UPDATE")
DECIDED = text("SELECT 1 FROM refund WHERE order_id = :order_id AND cause_key = :cause_key")
# A payment that came too late or twice goes back whole and is none of the order's.
PAID_WITH = text("""
    SELECT p.id, p.amount_minor, p.currency FROM payment p
    WHERE p.order_id = :order_id AND p.state = 'captured' AND NOT EXISTS (
        SELECT FROM refund r WHERE r.payment_id = p.id AND r.cause IN ('late_payment', 'second_payment')
    ) ORDER BY p.made_at LIMIT 1
""")
LINES = text("""
    SELECT l.line_no, l.line_minor, coalesce(sum(r.amount_minor), 0)::bigint AS refunded
    FROM order_line l LEFT JOIN refund_line r USING (order_id, line_no)
    WHERE l.order_id = :order_id GROUP BY l.line_no, l.line_minor ORDER BY l.line_no
""")
NUMBER = text("SELECT nextval('refund_number')")


@dataclass(frozen=True, slots=True)
class Decided:
    """A refund under way."""

    refund_no: str
    amount_minor: int


def decide_refund(
    conn: Connection,
    *,
    order_id: str,
    cause: RefundCause,
    cause_key: str,
    lines: Mapping[int, int] | None,
    actor: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> Decided | None:
    """Give back minor units by line number (`None`: all that is left), once for each `cause_key` of an order.

    Returns `None` when it was decided before, or when nothing is left to give back.
    """
    order = conn.execute(LOCK_ORDER, {"order_id": order_id}).one()
    paid = conn.execute(PAID_WITH, {"order_id": order_id}).one_or_none()
    if paid is None or conn.execute(DECIDED, {"order_id": order_id, "cause_key": cause_key}).one_or_none():
        return None
    rows = conn.execute(LINES, {"order_id": order_id})
    amounts = shares([ChargedLine(row.line_no, row.line_minor, row.refunded) for row in rows], lines)
    if not amounts:
        return None
    refund_id, decided = _write(conn, order_id, paid, cause, cause_key, sum(amounts.values()), actor, now, random)
    parts = [
        {"refund_id": refund_id, "order_id": order_id, "line_no": line_no, "amount_minor": amount}
        for line_no, amount in amounts.items()
    ]
    conn.execute(insert(refund_line), parts)
    if OrderState(order.state) is OrderState.COLLECTED:  # it was earned: first it is owed again
        book(
            conn,
            transaction_id=f"return-{refund_id}",
            kind=Kind.RETURN,
            order_id=order_id,
            amount_minor=decided.amount_minor,
            currency=paid.currency,
            now=now,
        )
    return decided


def refund_payment(
    conn: Connection,
    *,
    payment: Row[Any],
    cause: RefundCause,
    actor: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> Decided:
    """Give a payment back whole that is none of its order's; `payment` has `id`, `order_id`, amount and currency."""
    key = f"{cause.value}:{payment.id}"
    _, decided = _write(conn, payment.order_id, payment, cause, key, payment.amount_minor, actor, now, random)
    return decided


def _write(
    conn: Connection,
    order_id: str,
    paid: Row[Any],
    cause: RefundCause,
    cause_key: str,
    amount_minor: int,
    actor: str,
    now: datetime,
    random: RandomBytes,
) -> tuple[str, Decided]:
    refund_id = new_id(to_wire(now), random)
    refund_no = f"R-{conn.execute(NUMBER).scalar_one()}"
    conn.execute(
        insert(refund).values(
            id=refund_id,
            refund_no=refund_no,
            order_id=order_id,
            payment_id=paid.id,
            cause=cause.value,
            cause_key=cause_key,
            amount_minor=amount_minor,
            currency=paid.currency,
            decided_at=now,
            decided_by=actor,
            next_try_at=now,
        )
    )
    announce(conn, f"order:{order_id}")
    announce(conn, "refund")
    return refund_id, Decided(refund_no, amount_minor)
