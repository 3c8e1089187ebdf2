"""A person answers a claim that waits: all of it, a part, or no, with a reason that is kept. A no may be taken back.

The household is told in its language. A refusal names one of a few answers, so that it can be said in both.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text

from app.db.audit_log import record_act
from app.db.claim_lines import LOCK_ORDER
from app.db.engine import announce
from app.db.moves import move_claim
from app.db.tables import claim
from app.domain.audit_record import Act, of_people
from app.domain.claim_state import CLAIM_TABLE, ClaimEvent, ClaimState
from app.domain.claims import NothingLeftToClaim, RefusalAnswer
from app.domain.errors import NotFound
from app.domain.hand_off import HandOff
from app.domain.hand_refund import MoreThanLeft
from app.domain.state_table import step
from app.use_cases.claims.grant import Granting, grant
from app.use_cases.claims.make_claim import line_of
from app.use_cases.money.decide_refund import Decided
from app.use_cases.site.ask_site import checked_reason
from app.use_cases.site.wire_time import to_wire
from app.use_cases.telling.tell_claim import tell_claim_granted, tell_claim_refused
from locker_protocol.ids import RandomBytes, random_bytes

ORDER_OF = text("SELECT order_id FROM claim WHERE id = :claim_id")


def grant_claim(
    conn: Connection,
    *,
    claim_id: str,
    amount_minor: int,
    reason: str,
    person_id: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> Decided:
    """Give back this much, at most what the claim is worth.

    Raises NotFound, ReasonNeeded, IllegalMove, MoreThanLeft or NothingLeftToClaim.
    """
    reason = checked_reason(reason)
    found = _lock(conn, claim_id)
    state = ClaimState(found.state)
    step(CLAIM_TABLE, state, ClaimEvent.GRANTED)
    if not 0 < amount_minor <= found.worth_minor:
        raise MoreThanLeft(field="amount", line=found.line_no, left_minor=found.worth_minor)
    line = line_of(conn, order_id=found.order_id, line_no=found.line_no)
    left = line.line_minor - line.refunded_minor
    if left <= 0:
        raise NothingLeftToClaim
    if amount_minor > left:
        raise MoreThanLeft(field="amount", line=found.line_no, left_minor=left)
    granting = Granting(
        claim_id, found.order_id, found.line_no, amount_minor, found.currency, HandOff(found.hand_off), state
    )
    actor = f"person:{person_id}"
    decided = grant(conn, granting, event=ClaimEvent.GRANTED, actor=actor, reason=reason, now=now, random=random)
    facts: dict[str, str | int | None] = {
        "claim": claim_id,
        "refund_no": decided.refund_no,
        "amount_minor": decided.amount_minor,
    }
    _record(conn, found, Act.REFUND_DECIDED, actor, reason, facts, now)
    tell_claim_granted(conn, order_id=found.order_id, item=line, decided=decided, now=now, random=random)
    return decided


def refuse_claim(
    conn: Connection,
    *,
    claim_id: str,
    answer: RefusalAnswer,
    reason: str,
    person_id: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Say no. Raises NotFound, ReasonNeeded or IllegalMove."""
    reason = checked_reason(reason)
    found = _lock(conn, claim_id)
    actor = f"person:{person_id}"
    values = {"answered_at": now, "answered_by": actor, "answer": answer.value, "reason": reason}
    move_claim(
        conn,
        claim_id=claim_id,
        order_id=found.order_id,
        state=ClaimState(found.state),
        event=ClaimEvent.REFUSED,
        actor=actor,
        now=now,
        values=values,
    )
    _record(conn, found, Act.CLAIM_REFUSED, actor, reason, {"claim": claim_id, "answer": answer.value}, now)
    line = line_of(conn, order_id=found.order_id, line_no=found.line_no)
    tell_claim_refused(conn, order_id=found.order_id, item=line, answer=answer, now=now, random=random)
    announce(conn, "claims")


def _lock(conn: Connection, claim_id: str) -> Row[Any]:
    order_id = conn.execute(ORDER_OF, {"claim_id": claim_id}).scalar_one_or_none()
    if order_id is None:
        raise NotFound
    conn.execute(LOCK_ORDER, {"order_id": order_id})
    return conn.execute(select(claim).where(claim.c.id == claim_id).with_for_update()).one()


def _record(
    conn: Connection,
    found: Row[Any],
    act: Act,
    actor: str,
    reason: str,
    facts: dict[str, str | int | None],
    now: datetime,
) -> None:
    said = of_people(at_ms=to_wire(now), act=act, actor=actor, order_id=found.order_id, why=reason, facts=facts)
    record_act(conn, said)
