"""What of which lot lies in a line: kept with every mark a picker makes, first-expired-first unless they say otherwise.

Where no lot of a product is open nothing is written: a shop may work without lots. The order's row is locked before,
and lots are locked in the order of their ids, so two pickers never take the last piece twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, insert, text

from app.db.tables import line_lot
from app.domain.lot_state import LotState
from app.domain.lots import LotLeft, LotNotForThis, Taken, as_chosen, first_expired_first

# By id is by arrival.
LOTS = text("""
    SELECT l.id, l.product_id, l.code, l.expires_on, l.state, l.received - l.taken AS left_over,
        coalesce(x.quantity, 0) AS mine
    FROM lot l LEFT JOIN line_lot x ON x.lot_id = l.id AND x.order_id = :order_id AND x.line_no = :line_no
    WHERE l.id IN (
        SELECT id FROM lot WHERE product_id = ANY(:products) AND state = 'open' AND expires_on >= :good_on
        UNION ALL SELECT lot_id FROM line_lot WHERE order_id = :order_id AND line_no = :line_no
    ) ORDER BY l.id FOR UPDATE OF l
""")
FORGET = text("DELETE FROM line_lot WHERE order_id = :order_id AND line_no = :line_no AND lot_id = ANY(:lots)")
COUNT = text("""
    UPDATE lot SET taken = taken + c.pieces FROM unnest(CAST(:lots AS text[]), CAST(:pieces AS int[])) AS c (id, pieces)
    WHERE lot.id = c.id
""")


@dataclass(frozen=True, slots=True)
class LotInHand:
    """The lot a picker scanned or chose: so many pieces of it, `None` as many as go."""

    code: str
    pieces: int | None = None


def keep_lots(conn: Connection, line: Row[Any], *, pieces: Mapping[str, int], in_hand: LotInHand | None = None) -> None:
    """Write the lots of a line that now holds so many pieces of these products. Raises LotNotForThis or LotShort."""
    place = {"order_id": line.order_id, "line_no": line.line_no}
    good_on = last_day(line)
    products = [product_id for product_id, count in pieces.items() if count]
    rows = conn.execute(LOTS, {**place, "products": products, "good_on": good_on}).all()
    if in_hand is not None and not any(row.code == in_hand.code for row in rows):
        raise LotNotForThis(lot=in_hand.code)
    for product_id in {*products, *(row.product_id for row in rows)}:
        of_product = [row for row in rows if row.product_id == product_id]
        mine = in_hand if in_hand and any(row.code == in_hand.code for row in of_product) else None
        _keep(conn, place, of_product, pieces.get(product_id, 0), good_on, mine)


def last_day(line: Row[Any]) -> date:
    """The day on which a line's bag may be collected last: what lies in it must be good through it."""
    ends: date = line.collect_until.astimezone(ZoneInfo(line.timezone)).date()
    return ends


def _keep(
    conn: Connection,
    place: Mapping[str, Any],
    rows: Sequence[Row[Any]],
    pieces: int,
    good_on: date,
    in_hand: LotInHand | None,
) -> None:
    before = {row.id: row.mine for row in rows if row.mine}
    if in_hand is None and sum(before.values()) == pieces:
        return
    lots = [
        LotLeft(row.id, row.code, row.expires_on, row.left_over + row.mine)
        for row in rows
        if row.state == LotState.OPEN
    ]
    if in_hand is None:
        after = first_expired_first(lots, quantity=pieces, good_on=good_on)
    else:
        after = as_chosen(lots, code=in_hand.code, chosen=in_hand.pieces, quantity=pieces, good_on=good_on)
    _write(conn, place, before, after)


def _write(conn: Connection, place: Mapping[str, Any], before: Mapping[str, int], after: Sequence[Taken]) -> None:
    if before:
        conn.execute(FORGET, {**place, "lots": list(before)})
    if after:
        conn.execute(
            insert(line_lot),
            [{**place, "lot_id": it.lot_id, "quantity": it.quantity, "by_hand": it.by_hand} for it in after],
        )
    counts = dict.fromkeys(before, 0) | {it.lot_id: it.quantity for it in after}
    moved = {lot_id: count - before.get(lot_id, 0) for lot_id, count in counts.items()}
    if moved:
        conn.execute(COUNT, {"lots": list(moved), "pieces": list(moved.values())})
