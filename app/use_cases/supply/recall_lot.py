"""A lot is recalled: nothing more of it is picked, and every order that has it is written down, to be dealt with next.

Decides that whoever recalls has looked at the orders: they type how many there are. `recall_orders.py` does the rest,
each order in a transaction of its own.
"""

from datetime import datetime

from sqlalchemy import Connection, insert, text

from app.db.tables import lot_recall
from app.domain.lot_state import LotEvent
from app.domain.recalling import RecallCountWrong
from app.use_cases.supply.move_lot import move_lot

COUNT = text("SELECT count(DISTINCT order_id) FROM line_lot WHERE lot_id = :lot_id")
WRITE_DOWN = text("""
    INSERT INTO lot_recall_order (lot_id, order_id)
    SELECT DISTINCT lot_id, order_id FROM line_lot WHERE lot_id = :lot_id
""")


def recall_lot(conn: Connection, *, lot_id: str, orders: int, reason: str, person_id: str, now: datetime) -> None:
    """Begin a recall. Raises NotFound, ReasonNeeded, IllegalMove, or RecallCountWrong for another number of orders."""
    move_lot(conn, lot_id=lot_id, event=LotEvent.RECALLED, reason=reason, person_id=person_id, now=now)
    # Whoever picks holds the lot's row, so after the move nobody adds an order any more.
    found = conn.execute(COUNT, {"lot_id": lot_id}).scalar_one()
    if found != orders:
        raise RecallCountWrong(field="orders", orders=found)
    conn.execute(
        insert(lot_recall).values(lot_id=lot_id, begun_at=now, person_id=person_id, reason=reason.strip(), orders=found)
    )
    conn.execute(WRITE_DOWN, {"lot_id": lot_id})
