"""Staff stood before the lockers and took out what a withdrawn order left there: its money need not wait any longer.

For a site whose gateway does not answer. What the gateway tells later of these parcels is stored and changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.moves import move_parcels, note
from app.domain.errors import IllegalMove, NotFound
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.removal import fate
from app.use_cases.evening.withdraw_order import close_withdrawn
from locker_protocol.ids import RandomBytes, random_bytes

EMPTIED = "emptied"

LOCK = text("SELECT id, state, site_id FROM customer_order WHERE id = :order_id FOR UPDATE")
THERE = text("""
    SELECT p.id, p.state, p.collect_until, array_agg(DISTINCT g.food_class) AS food_classes
    FROM parcel p LEFT JOIN order_line l ON l.parcel_id = p.id LEFT JOIN product g ON g.id = l.product_id
    WHERE p.order_id = :order_id AND p.state IN ('loaded', 'rescued') GROUP BY p.id ORDER BY p.id
""")


def record_emptied(
    conn: Connection, *, order_id: str, person_id: str, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """End a withdrawn order on a person's word. Raises NotFound, or IllegalMove when it is not being withdrawn."""
    order = conn.execute(LOCK, {"order_id": order_id}).one_or_none()
    if order is None:
        raise NotFound
    state, actor = OrderState(order.state), f"person:{person_id}"
    if state is not OrderState.EXPIRING:
        raise IllegalMove(state=state.value, event=EMPTIED)
    note(conn, order_id=order_id, state=state, event=EMPTIED, actor=actor, now=now)
    _take_out(conn, order_id, conn.execute(THERE, {"order_id": order_id}).all(), actor, now)
    close_withdrawn(conn, order_id=order_id, site_id=order.site_id, actor=actor, now=now, random=random)


def _take_out(conn: Connection, order_id: str, there: Sequence[Row[Any]], actor: str, now: datetime) -> None:
    for row in there:
        state = ParcelState(row.state)
        end = fate(row.food_classes, collect_until=row.collect_until, now=now)
        move_parcels(
            conn,
            order_id=order_id,
            parcel_ids=[row.id],
            state=state,
            event=end if state is ParcelState.LOADED else ParcelEvent.DISCARDED,
            actor=actor,
            now=now,
        )
