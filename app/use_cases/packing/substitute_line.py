"""A picker packs something like what is missing, for people who said at checkout that they like that.

Decides with `picking.may_stand_for`; it costs no more than what was ordered. Its stock is taken like any order's.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.holds import take_stock
from app.db.pick_lines import lock_line, suits, write_line
from app.domain.basket import Substitution
from app.domain.errors import NotFound
from app.domain.picking import MissingAbsurd, PickedAlready, SubstituteNotWanted, SubstituteUnsuitable

PRODUCT = text("SELECT * FROM product WHERE id = :id AND active")


def substitute_line(
    conn: Connection,
    *,
    parcel_id: str,
    line_no: int,
    substitute_id: str,
    quantity: int,
    person_id: str,
    now: datetime,
) -> None:
    """Replace `quantity` missing pieces of a line; pieces nobody called missing count as picked.

    Raises NotFound, IllegalMove, SubstituteNotWanted, SubstituteUnsuitable, MissingAbsurd, SoldOut, or PickedAlready
    when it was replaced before: take that back first.
    """
    line = lock_line(conn, parcel_id=parcel_id, line_no=line_no)
    if line.substitution != Substitution.SIMILAR:
        raise SubstituteNotWanted
    if line.substitute_id is not None:
        raise PickedAlready(ref=line.ref)
    most = line.quantity if line.short_reason is None else line.quantity - line.picked_quantity
    if not 1 <= quantity <= most:
        raise MissingAbsurd(most=most)
    product = conn.execute(PRODUCT, {"id": substitute_id}).one_or_none()
    if product is None:
        raise NotFound
    if not suits(product, line):
        raise SubstituteUnsuitable
    take_stock(conn, run_no=line.stock_run_no, quantities={substitute_id: quantity})
    left = line.quantity - most if line.short_reason else line.quantity - quantity
    write_line(
        conn,
        line,
        person_id=person_id,
        now=now,
        picked_quantity=left,
        weight_g=line.weight_g if line.short_reason else None,
        short_reason=line.short_reason if line.short_reason and quantity < most else None,
        substitute_id=substitute_id,
        substitute_quantity=quantity,
    )
