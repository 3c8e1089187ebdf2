"""Food was not kept cold: the money of its lines goes back, and what it cost is booked to the locker.

Called by the use cases that decide what must not be eaten; never decides that. One decision gives one refund, and never
more than is left of a line.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, text

from app.db.food_classes import BagLine
from app.db.ledger import book_sides
from app.domain.hand_off import HandOff
from app.domain.ledger import Kind, claim_cost
from app.domain.refunding import RefundCause
from app.use_cases.money.decide_refund import decide_refund
from app.use_cases.telling.tell_order import tell_refund
from locker_protocol.ids import RandomBytes, random_bytes

CURRENCY = text("SELECT currency FROM customer_order WHERE id = :order_id")


def refund_food(
    conn: Connection,
    *,
    order_id: str,
    key: str,
    lines: Collection[BagLine],
    actor: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Give back what is left of these lines, once for each `key`, and tell their owner."""
    wanted = {line.line_no: line.left_minor for line in lines if line.left_minor > 0}
    if not wanted:
        return
    cause = RefundCause.COLD_CHAIN
    decided = decide_refund(
        conn,
        order_id=order_id,
        cause=cause,
        cause_key=f"cold:{key}",
        lines=wanted,
        actor=actor,
        now=now,
        random=random,
    )
    if decided is None:
        return
    book_sides(
        conn,
        transaction_id=f"cold-{decided.refund_id}",
        kind=Kind.CLAIM_COST,
        order_id=order_id,
        sides=claim_cost(HandOff.LOCKER, decided.amount_minor),
        currency=conn.execute(CURRENCY, {"order_id": order_id}).scalar_one(),
        now=now,
    )
    tell_refund(conn, order_id=order_id, decided=decided, cause=cause, now=now, random=random)
