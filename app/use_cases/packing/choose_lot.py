"""A picker took pieces of a line from another lot than the one that expires first; the others stay as they were."""

from sqlalchemy import Connection

from app.db.engine import announce
from app.db.lots import LotInHand, keep_lots
from app.db.pick_lines import lock_line
from app.domain.picking import NotPicked


def choose_lot(conn: Connection, *, parcel_id: str, line_no: int, lot_code: str, pieces: int) -> None:
    """Record that `pieces` of a picked line are of this lot.

    Raises NotFound, IllegalMove, NotPicked, LotNotForThis or LotShort.
    """
    line = lock_line(conn, parcel_id=parcel_id, line_no=line_no)
    if line.picked_at is None:
        raise NotPicked
    held = {line.product_id: line.picked_quantity}
    if line.substitute_id is not None:
        held[line.substitute_id] = line.substitute_quantity
    keep_lots(conn, line, pieces=held, in_hand=LotInHand(lot_code, pieces))
    announce(conn, f"order:{line.order_id}")
