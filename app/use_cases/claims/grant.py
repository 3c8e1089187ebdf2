"""A claim is granted: its money goes back, its cost is booked to the hand-off that caused it, its household is told.

Called by the use cases that decide; never decides whether. Never more goes back than is left of the line.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.db.engine import announce
from app.db.ledger import book_sides
from app.db.moves import move_claim
from app.domain.claim_state import ClaimEvent, ClaimState
from app.domain.claims import NothingLeftToClaim
from app.domain.hand_off import HandOff
from app.domain.ledger import Kind, claim_cost
from app.domain.refunding import RefundCause
from app.use_cases.money.decide_refund import Decided, decide_refund
from locker_protocol.ids import RandomBytes


@dataclass(frozen=True, slots=True)
class Granting:
    """Which claim is granted, with how much."""

    claim_id: str
    order_id: str
    line_no: int
    amount_minor: int
    currency: str
    hand_off: HandOff
    state: ClaimState


def grant(
    conn: Connection,
    granting: Granting,
    *,
    event: ClaimEvent,
    actor: str,
    reason: str | None,
    now: datetime,
    random: RandomBytes,
) -> Decided:
    """Give back what is granted, once. Raises NothingLeftToClaim, IllegalMove or MovedMeanwhile."""
    decided = decide_refund(
        conn,
        order_id=granting.order_id,
        cause=RefundCause.CLAIM,
        cause_key=f"claim:{granting.claim_id}",
        lines={granting.line_no: granting.amount_minor},
        actor=actor,
        now=now,
        random=random,
    )
    if decided is None:
        raise NothingLeftToClaim
    values = {
        "granted_minor": decided.amount_minor,
        "refund_no": decided.refund_no,
        "answered_at": now,
        "answered_by": actor,
        "answer": None,
        "reason": reason,
    }
    move_claim(
        conn,
        claim_id=granting.claim_id,
        order_id=granting.order_id,
        state=granting.state,
        event=event,
        actor=actor,
        now=now,
        values=values,
    )
    book_sides(
        conn,
        transaction_id=f"claim-{granting.claim_id}",
        kind=Kind.CLAIM_COST,
        order_id=granting.order_id,
        sides=claim_cost(granting.hand_off, decided.amount_minor),
        currency=granting.currency,
        now=now,
    )
    announce(conn, "claims")
    return decided
