"""The last parcel of an order is in its owner's hands: the order ends, its code ends, the money is earned."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from app.db.ledger import book
from app.db.moves import move_order
from app.db.tables import credential, customer_order
from app.domain.ledger import Kind
from app.domain.order_state import OrderEvent, OrderState
from app.notify.texts import NoticeKind
from app.use_cases.tell_order import tell_order
from locker_protocol.ids import RandomBytes, random_bytes


def complete_order(
    conn: Connection,
    *,
    order_id: str,
    state: OrderState,
    actor: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Move an order from `state` to collected. Raises IllegalMove or MovedMeanwhile."""
    move_order(conn, order_id=order_id, state=state, event=OrderEvent.ALL_COLLECTED, actor=actor, now=now)
    live = (credential.c.order_id == order_id, credential.c.ended_at.is_(None))
    conn.execute(update(credential).where(*live).values(ended_at=now))
    money = select(customer_order.c.total_minor, customer_order.c.currency).where(customer_order.c.id == order_id)
    total, currency = conn.execute(money).one()
    book(
        conn,
        transaction_id=f"sale-{order_id}",
        kind=Kind.SALE,
        order_id=order_id,
        amount_minor=total,
        currency=currency,
        now=now,
    )
    tell_order(conn, order_id=order_id, kind=NoticeKind.COLLECTED, now=now, random=random)
