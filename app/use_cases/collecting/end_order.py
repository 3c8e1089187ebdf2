"""Nothing of an order is left to hand out: it ends, its code ends, and its money is earned or goes back.

Decides how: collected if any parcel was, and then what was not collected is refunded line by line; else refunded whole,
or as much of it as was promised when its owner cancelled it.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text, update

from app.db.cancellations import promised_lines
from app.db.ledger import book
from app.db.moves import move_order
from app.db.quarantines import CONDEMNED
from app.db.tables import credential
from app.domain.ledger import Kind
from app.domain.order_state import OrderEvent, OrderState
from app.domain.parcel_state import ParcelState
from app.domain.refunding import RefundCause
from app.notify.texts import NoticeKind
from app.use_cases.money.decide_refund import Decided, decide_refund
from app.use_cases.telling.tell_order import tell_order, tell_refund
from locker_protocol.ids import RandomBytes, random_bytes

# Food that must not be eaten waits for nobody but staff, who take it out of its door.
PARCELS = text(f"""
    SELECT CASE WHEN p.state IN ('loaded', 'rescued') AND {CONDEMNED} THEN 'disposed' ELSE p.state END
    FROM parcel p WHERE p.order_id = :order_id
""")  # noqa: S608
NOT_COLLECTED = text("""
    SELECT l.line_no, l.line_minor FROM order_line l JOIN parcel p ON p.id = l.parcel_id
    WHERE l.order_id = :order_id AND p.state <> 'collected'
""")
# What is owed to people with this order, less what is on its way back to them already.
EARNED = text("""
    SELECT max(currency) AS currency, coalesce(-sum(amount_minor), 0)::bigint - (
        SELECT coalesce(sum(amount_minor), 0)::bigint FROM refund WHERE order_id = :order_id AND done_at IS NULL
    ) AS amount_minor
    FROM ledger_entry WHERE order_id = :order_id AND account = 'customer_held'
""")

UNDECIDED = frozenset(
    {ParcelState.DRAFT, ParcelState.PLANNED, ParcelState.PACKED, ParcelState.LOADED, ParcelState.RESCUED}
)


def end_order_when_done(
    conn: Connection,
    *,
    order_id: str,
    state: OrderState,
    cause: RefundCause,
    actor: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> bool:
    """End an order whose parcels have all come to an end; `cause` is why the others were not collected."""
    states = {ParcelState(each) for each in conn.execute(PARCELS, {"order_id": order_id}).scalars()}
    if states & UNDECIDED:
        return False
    end_order(conn, order_id=order_id, state=state, cause=cause, actor=actor, now=now, random=random)
    return True


def end_order(
    conn: Connection,
    *,
    order_id: str,
    state: OrderState,
    cause: RefundCause,
    actor: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """End an order that stands at `state`. Raises IllegalMove or MovedMeanwhile."""
    states = {ParcelState(each) for each in conn.execute(PARCELS, {"order_id": order_id}).scalars()}
    collected = ParcelState.COLLECTED in states
    lines = _not_collected(conn, order_id)
    decided = decide_refund(
        conn,
        order_id=order_id,
        cause=cause,
        cause_key="end",
        lines=lines if collected else promised_lines(conn, order_id=order_id),
        actor=actor,
        now=now,
        random=random,
    )
    event = OrderEvent.ALL_COLLECTED if collected else OrderEvent.REFUND_DECIDED
    move_order(conn, order_id=order_id, state=state, event=event, actor=actor, now=now)
    live = (credential.c.order_id == order_id, credential.c.ended_at.is_(None))
    conn.execute(update(credential).where(*live).values(ended_at=now))
    _earn(conn, order_id, now)
    _tell(conn, order_id, decided, cause, now, random, collected=collected)


def _not_collected(conn: Connection, order_id: str) -> Mapping[int, int]:
    return {row.line_no: row.line_minor for row in conn.execute(NOT_COLLECTED, {"order_id": order_id})}


def _earn(conn: Connection, order_id: str, now: datetime) -> None:
    earned = conn.execute(EARNED, {"order_id": order_id}).one()
    if earned.amount_minor > 0:
        book(
            conn,
            transaction_id=f"sale-{order_id}",
            kind=Kind.SALE,
            order_id=order_id,
            amount_minor=earned.amount_minor,
            currency=earned.currency,
            now=now,
        )


def _tell(
    conn: Connection,
    order_id: str,
    decided: Decided | None,
    cause: RefundCause,
    now: datetime,
    random: RandomBytes,
    *,
    collected: bool,
) -> None:
    if collected:
        tell_order(conn, order_id=order_id, kind=NoticeKind.COLLECTED, now=now, random=random)
    if decided is not None:
        tell_refund(conn, order_id=order_id, decided=decided, cause=cause, now=now, random=random)
