"""A picker takes back what they marked: the line is open again, and a substitute's stock is free again."""

from datetime import datetime

from sqlalchemy import Connection

from app.db.holds import give_stock
from app.db.pick_lines import lock_line, write_line
from app.domain.picking import NotPicked


def unpick_line(conn: Connection, *, parcel_id: str, line_no: int, person_id: str, now: datetime) -> None:
    """Open a line again before its tote is sealed. Raises NotFound, NotPicked or IllegalMove."""
    line = lock_line(conn, parcel_id=parcel_id, line_no=line_no)
    if line.picked_at is None:
        raise NotPicked
    if line.substitute_id is not None:
        give_stock(conn, run_no=line.stock_run_no, product_id=line.substitute_id, quantity=line.substitute_quantity)
    write_line(conn, line, person_id=person_id, now=now, picked_quantity=None)
