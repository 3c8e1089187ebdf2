"""A picker scanned a product and then a tote: all pieces of that line lie in it. Nothing is marked on half a scan."""

from datetime import datetime

from sqlalchemy import Connection

from app.db.lots import LotInHand
from app.db.pick_lines import lock_lines, parcel_of, refuse_closed, write_line
from app.domain.loading import ref_of
from app.domain.picking import MustBeWeighed, PickedAlready, WrongTote


def pick_line(
    conn: Connection,
    *,
    run_no: int,
    product_id: str,
    label_text: str,
    person_id: str,
    now: datetime,
    lot_code: str = "",
) -> tuple[str, int]:
    """Mark a product's line in the scanned tote as picked; returns its parcel and line number.

    `lot_code` is the lot the picker took; empty: what expires first. Raises LabelMalformed, WrongTote, PickedAlready,
    MustBeWeighed (facts `parcel_id`, `line_no`), LotNotForThis, LotShort, or IllegalMove when the tote is sealed.
    """
    ref = ref_of(label_text)
    parcel_id = parcel_of(conn, run_no=run_no, ref=ref)
    if parcel_id is None:
        raise WrongTote(ref=ref)
    lines = [line for line in lock_lines(conn, parcel_id=parcel_id) if line.product_id == product_id]
    if not lines:
        raise WrongTote(ref=ref)
    # An order that was changed may hold a product twice, at two prices: each scan marks one that is still open.
    line = next((line for line in lines if line.picked_at is None), lines[0])
    refuse_closed(line)
    if line.picked_at is not None:
        raise PickedAlready(ref=ref)
    if line.cap_minor is not None:
        raise MustBeWeighed(parcel_id=parcel_id, line_no=line.line_no)
    lot = LotInHand(lot_code) if lot_code else None
    write_line(conn, line, person_id=person_id, now=now, picked_quantity=line.quantity, lot=lot)
    return parcel_id, line.line_no
