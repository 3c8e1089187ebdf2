"""The other buyers of a batch that several claimed get their money before they complain: one action, looked at before.

Each order is a transaction of its own, so that a crash in the middle loses nothing and doing it again ends it. Never
refunds what was not collected yet: that can still be held back.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, text

from app.db.audit_log import record_act
from app.db.claim_batches import Buyer, buyers_of, left_of
from app.db.claim_lines import LOCK_ORDER
from app.db.engine import announce, transaction
from app.db.tables import claim, claim_alarm
from app.domain.audit_record import Act, of_people
from app.domain.claim_state import ClaimEvent, ClaimState
from app.domain.claims import AlarmOver, BatchChanged, ClaimKind, Wish
from app.domain.errors import NotFound
from app.use_cases.claims.grant import Granting, grant
from app.use_cases.claims.make_claim import hand_off_of, line_of
from app.use_cases.site.ask_site import checked_reason
from app.use_cases.site.wire_time import to_wire
from app.use_cases.telling.tell_claim import tell_claim_granted
from locker_protocol.ids import RandomBytes, new_id, random_bytes

CLAIMED = text("SELECT 1 FROM claim WHERE order_id = :order_id AND line_no = :line_no")
CLOSE = text("""
    UPDATE claim_alarm SET closed_at = :now, closed_by = :actor, reason = :reason
    WHERE id = :alarm_id AND closed_at IS NULL
""")


def refund_batch(
    engine: Engine,
    *,
    alarm_id: str,
    shown: int,
    reason: str,
    person_id: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> int:
    """Refund the others' lines, then close the alarm; returns how many orders got money back.

    `shown` is how many orders the page showed. Raises NotFound, ReasonNeeded, AlarmOver or BatchChanged.
    """
    reason = checked_reason(reason)
    with transaction(engine) as conn:
        alarm = _open_alarm(conn, alarm_id)
        buyers = buyers_of(conn, batch=alarm.batch).to_refund
    if len(buyers) != shown:
        raise BatchChanged(shown=shown, orders=len(buyers))
    refunded = 0
    for buyer in buyers:
        with transaction(engine) as conn:
            refunded += _refund(conn, alarm, buyer, reason, f"person:{person_id}", now, random)
    with transaction(engine) as conn:
        _close(conn, alarm, reason, f"person:{person_id}", now, {"orders": refunded})
    return refunded


def close_alarm(conn: Connection, *, alarm_id: str, reason: str, person_id: str, now: datetime) -> None:
    """Say that nothing more is to be done. Raises NotFound, ReasonNeeded or AlarmOver."""
    reason = checked_reason(reason)
    _close(conn, _open_alarm(conn, alarm_id), reason, f"person:{person_id}", now, {})


def _open_alarm(conn: Connection, alarm_id: str) -> Row[Any]:
    found = conn.execute(select(claim_alarm).where(claim_alarm.c.id == alarm_id)).one_or_none()
    if found is None:
        raise NotFound
    if found.closed_at is not None:
        raise AlarmOver
    return found


def _close(
    conn: Connection, alarm: Row[Any], reason: str, actor: str, now: datetime, facts: dict[str, str | int | None]
) -> None:
    asked = {"alarm_id": alarm.id, "now": now, "actor": actor, "reason": reason}
    if conn.execute(CLOSE, asked).rowcount == 0:
        raise AlarmOver
    said = {"alarm": alarm.id, "batch": alarm.batch, **facts}
    record_act(
        conn,
        of_people(at_ms=to_wire(now), act=Act.CLAIM_ALARM_CLOSED, actor=actor, why=reason, facts=said),
    )
    announce(conn, "claims")


def _refund(
    conn: Connection, alarm: Row[Any], buyer: Buyer, reason: str, actor: str, now: datetime, random: RandomBytes
) -> bool:
    """Refund one order's lines; `False` where somebody claimed them meanwhile."""
    order = conn.execute(LOCK_ORDER, {"order_id": buyer.order_id}).one()
    left = left_of(conn, order_id=buyer.order_id, lines=list(buyer.amounts))
    done = [
        _refund_line(conn, alarm, order, line_no, amount, reason, actor, now, random)
        for line_no, amount in left.items()
        if conn.execute(CLAIMED, {"order_id": buyer.order_id, "line_no": line_no}).one_or_none() is None
    ]
    return bool(done)


def _refund_line(
    conn: Connection,
    alarm: Row[Any],
    order: Row[Any],
    line_no: int,
    amount: int,
    reason: str,
    actor: str,
    now: datetime,
    random: RandomBytes,
) -> str:
    line = line_of(conn, order_id=order.id, line_no=line_no)
    wish = Wish(ClaimKind(alarm.kind), line.came, photo=False)
    hand_off = hand_off_of(conn, line, wish, site_id=order.site_id, now=now)
    claim_id = new_id(to_wire(now), random)
    conn.execute(
        insert(claim).values(
            id=claim_id,
            order_id=order.id,
            line_no=line_no,
            key=f"first:{alarm.id}",
            state=ClaimState.MADE.value,
            kind=alarm.kind,
            quantity=line.came,
            batches=[alarm.batch],
            worth_minor=amount,
            currency=order.currency,
            made_at=now,
            made_by=actor,
            first_by=alarm.id,
            hand_off=hand_off.value,
        )
    )
    granting = Granting(claim_id, order.id, line_no, amount, order.currency, hand_off, ClaimState.MADE)
    event = ClaimEvent.GRANTED_FIRST
    decided = grant(conn, granting, event=event, actor=actor, reason=reason, now=now, random=random)
    facts: dict[str, str | int | None] = {
        "claim": claim_id,
        "refund_no": decided.refund_no,
        "amount_minor": decided.amount_minor,
    }
    act = Act.REFUND_DECIDED
    record_act(
        conn,
        of_people(at_ms=to_wire(now), act=act, actor=actor, order_id=order.id, why=reason, facts=facts),
    )
    tell_claim_granted(conn, order_id=order.id, item=line, decided=decided, now=now, first=True, random=random)
    return claim_id
