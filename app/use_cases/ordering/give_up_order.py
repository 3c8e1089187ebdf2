"""A person no longer wants an order they have not paid for."""

from datetime import datetime

from sqlalchemy import Connection, select

from app.db.holds import give_back
from app.db.moves import move_order
from app.db.tables import customer_order
from app.domain.errors import NotFound
from app.domain.order_state import ORDER_TABLE, OrderEvent, OrderState
from app.domain.state_table import step


def give_up_order(conn: Connection, *, order_id: str, person_id: str, now: datetime) -> None:
    """Release an unpaid order. Raises NotFound, or IllegalMove once it is paid or over."""
    mine = (customer_order.c.id == order_id, customer_order.c.person_id == person_id)
    state = conn.execute(select(customer_order.c.state).where(*mine).with_for_update()).scalar_one_or_none()
    if state is None:
        raise NotFound
    step(ORDER_TABLE, OrderState(state), OrderEvent.GIVEN_UP)
    give_back(conn, order_ids=[order_id])
    move_order(
        conn,
        order_id=order_id,
        state=OrderState(state),
        event=OrderEvent.GIVEN_UP,
        actor=f"person:{person_id}",
        now=now,
    )
