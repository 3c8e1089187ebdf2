"""Money of an order shall go back: written down once per cause, in the transaction of whatever caused it.

Decides how much, never more than was captured and not yet given back. The provider is asked later by `send_refunds`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, text

from app.db.engine import announce
from app.db.ledger import book
from app.db.tables import refund, refund_line
from app.domain.ledger import Kind
from app.domain.order_state import OrderState
from app.domain.refunding import NOT_OF_THE_ORDER, ChargedLine, RefundCause, shares, spread
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

LOCK_ORDER = text("SELECT id, state FROM customer_order WHERE id = :order_id FOR UPDATE")
DECIDED = text("SELECT 1 FROM refund WHERE order_id = :order_id AND cause_key = :cause_key")
# A payment that came too late, twice, or for a change that was gone goes back whole and is none of the order's.
PAID_WITH = text("""
    SELECT p.id, p.currency, p.amount_minor - coalesce(sum(r.amount_minor), 0)::bigint AS room_minor
    FROM payment p LEFT JOIN refund r ON r.payment_id = p.id
    WHERE p.order_id = :order_id AND p.state = 'captured'
    GROUP BY p.id HAVING NOT coalesce(bool_or(r.cause = ANY(:not_of_the_order)), false)
    ORDER BY p.made_at, p.id
""")
LINES = text("""
    SELECT l.line_no, l.line_minor, coalesce(sum(r.amount_minor), 0)::bigint AS refunded
    FROM order_line l LEFT JOIN refund_line r USING (order_id, line_no)
    WHERE l.order_id = :order_id GROUP BY l.line_no, l.line_minor ORDER BY l.line_no
""")
NUMBER = text("SELECT nextval('refund_number')")


@dataclass(frozen=True, slots=True)
class Decided:
    """A refund under way; where several payments give it back, the first one's number, and all of the amount."""

    refund_no: str
    amount_minor: int
    refund_id: str = field(default="", compare=False)


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
    if conn.execute(DECIDED, {"order_id": order_id, "cause_key": cause_key}).one_or_none():
        return None
    rows = conn.execute(LINES, {"order_id": order_id})
    amounts = shares([ChargedLine(row.line_no, row.line_minor, row.refunded) for row in rows], lines)
    earned = OrderState(order.state) is OrderState.COLLECTED
    found: list[Decided] = []
    for paid, part in _spread(conn, order_id, amounts):
        key = f"{cause_key}#{len(found) + 1}" if found else cause_key
        decided = _write(conn, order_id, paid, cause, key, sum(part.values()), actor, now, random)
        parts = [
            {"refund_id": decided.refund_id, "order_id": order_id, "line_no": line_no, "amount_minor": amount}
            for line_no, amount in part.items()
        ]
        conn.execute(insert(refund_line), parts)
        if earned:
            _owe_again(conn, order_id, decided, paid.currency, now)
        found.append(decided)
    return replace(found[0], amount_minor=sum(each.amount_minor for each in found)) if found else None


def refund_difference(
    conn: Connection,
    *,
    order_id: str,
    cause_key: str,
    amount_minor: int,
    actor: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> Decided:
    """Give back what an order became cheaper by; its lines are changed in the same transaction, so none is charged."""
    found = [
        _write(conn, order_id, paid, RefundCause.EDITED, f"{cause_key}#{at}", sum(part.values()), actor, now, random)
        for at, (paid, part) in enumerate(_spread(conn, order_id, {0: amount_minor}), start=1)
    ]
    assert sum(each.amount_minor for each in found) == amount_minor, "a paid order was paid for whole"
    return replace(found[0], amount_minor=amount_minor)


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
    return _write(conn, payment.order_id, payment, cause, key, payment.amount_minor, actor, now, random)


def _spread(conn: Connection, order_id: str, amounts: Mapping[int, int]) -> Iterator[tuple[Row[Any], dict[int, int]]]:
    """An order that was edited may have been paid for in parts: each gives back at most what is left of it."""
    asked = {"order_id": order_id, "not_of_the_order": sorted(NOT_OF_THE_ORDER)}
    payments = conn.execute(PAID_WITH, asked).all()
    parts = spread(amounts, [paid.room_minor for paid in payments])
    return ((paid, part) for paid, part in zip(payments, parts, strict=True) if part)


def _owe_again(conn: Connection, order_id: str, decided: Decided, currency: str, now: datetime) -> None:
    """It was earned: first it is owed again."""
    book(
        conn,
        transaction_id=f"return-{decided.refund_id}",
        kind=Kind.RETURN,
        order_id=order_id,
        amount_minor=decided.amount_minor,
        currency=currency,
        now=now,
    )


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
) -> Decided:
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
    return Decided(refund_no, amount_minor, refund_id)
