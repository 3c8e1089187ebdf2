"""Staff give money back for lines of an order, by decision and with a reason; and try a failed refund again.

Decides whether they may: never more than is left, and of what is still handed out never all, for nothing is handed out
after its refund. Who wants to give all of that back withdraws the order.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.audit_log import record_act
from app.db.engine import announce
from app.domain.audit_record import Act, of_people
from app.domain.errors import DomainError, NotFound
from app.domain.hand_refund import RefundableLine, refuse_wrong_refund
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.refunding import NothingToRefund, RefundCause
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.money.decide_refund import DECIDED, Decided, decide_refund
from app.use_cases.site.ask_site import checked_order_reason
from app.use_cases.site.wire_time import to_wire
from app.use_cases.telling.tell_order import tell_refund
from locker_protocol.ids import RandomBytes, random_bytes

LOCK = text("SELECT state FROM customer_order WHERE id = :order_id FOR UPDATE")
LINES = text("""
    SELECT l.line_no, l.line_minor, p.state AS parcel_state, coalesce(sum(r.amount_minor), 0)::bigint AS refunded
    FROM order_line l LEFT JOIN refund_line r USING (order_id, line_no) LEFT JOIN parcel p ON p.id = l.parcel_id
    WHERE l.order_id = :order_id GROUP BY l.line_no, l.line_minor, p.state ORDER BY l.line_no
""")
KNOWN = text("SELECT 1 FROM refund WHERE refund_no = :refund_no")
SAY_WHY = text("UPDATE refund SET reason = :reason WHERE refund_no = :refund_no")
# The provider said no, so it was not done; by the same key it would only say so again.
TRY_AGAIN = text("""
    UPDATE refund r SET failed = NULL, tries = 0, next_try_at = :now, attempt = r.attempt + 1, asked_at = NULL
    FROM (SELECT id, failed FROM refund WHERE refund_no = :refund_no FOR UPDATE) before
    WHERE r.id = before.id AND before.failed IS NOT NULL AND r.done_at IS NULL
    RETURNING r.order_id, before.failed
""")


class NotFailed(DomainError):
    """This refund did not fail, or is done: there is nothing to try again."""

    code = "refund_not_failed"


def refund_by_hand(
    conn: Connection,
    *,
    order_id: str,
    lines: Mapping[int, int],
    reason: str,
    key: str,
    person_id: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> Decided | None:
    """Give back minor units by line number, once for each `key`; `None`: it was decided before.

    Raises NotFound, ReasonNeeded, PersonalWords, NothingToRefund, or a refusal of `domain.hand_refund`.
    """
    reason = checked_order_reason(conn, reason, order_id=order_id)
    state = conn.execute(LOCK, {"order_id": order_id}).scalar_one_or_none()
    if state is None:
        raise NotFound
    cause_key = f"staff:{key}"
    if conn.execute(DECIDED, {"order_id": order_id, "cause_key": cause_key}).one_or_none():
        return None
    known = [_line(row, OrderState(state)) for row in conn.execute(LINES, {"order_id": order_id})]
    refuse_wrong_refund(known, lines)
    decided = decide_refund(
        conn,
        order_id=order_id,
        cause=RefundCause.STAFF,
        cause_key=cause_key,
        lines=lines,
        actor=f"person:{person_id}",
        now=now,
        random=random,
    )
    if decided is None:  # it was never paid
        raise NothingToRefund
    conn.execute(SAY_WHY, {"reason": reason, "refund_no": decided.refund_no})
    record_act(
        conn,
        of_people(
            at_ms=to_wire(now),
            act=Act.REFUND_DECIDED,
            actor=f"person:{person_id}",
            order_id=order_id,
            why=reason,
            facts={"refund_no": decided.refund_no, "amount_minor": decided.amount_minor},
        ),
    )
    tell_refund(conn, order_id=order_id, decided=decided, cause=RefundCause.STAFF, now=now, random=random)
    return decided


def retry_refund(conn: Connection, *, refund_no: str, person_id: str, now: datetime) -> str:
    """Ask the provider once more for a refund that failed; returns the order's id. Raises NotFound or NotFailed."""
    if conn.execute(KNOWN, {"refund_no": refund_no}).one_or_none() is None:
        raise NotFound
    row = conn.execute(TRY_AGAIN, {"refund_no": refund_no, "now": now}).one_or_none()
    if row is None:
        raise NotFailed
    record_changes(conn, [Change("refund", refund_no, "failed", row.failed, None)], person_id=person_id, now=now)
    announce(conn, f"order:{row.order_id}")
    announce(conn, "refund")
    return str(row.order_id)


def _line(row: Row[Any], state: OrderState) -> RefundableLine:
    parcel = ParcelState(row.parcel_state) if row.parcel_state else None
    return RefundableLine(row.line_no, row.line_minor, row.refunded, order=state, parcel=parcel)
