"""An order's bags that lie in no locker yet, with what is in them, as `domain.replanning` judges them."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.replanning import Goods, WaitingParcel
from app.domain.shelf_life import Perishable
from locker_protocol.vocabulary import Zone

GOODS = text("""
    SELECT p.id AS parcel_id, p.zone AS stands_in, p.packed_at, g.id AS product_id, g.name_zh, g.name_en, g.zone,
        g.tolerates, g.life_h
    FROM parcel p LEFT JOIN order_line l ON l.parcel_id = p.id
    LEFT JOIN product g ON g.id = coalesce(l.substitute_id, l.product_id)
    WHERE p.order_id = :order_id AND p.state IN ('planned', 'packed') ORDER BY p.id, l.line_no
""")


def waiting_parcels(conn: Connection, *, order_id: str) -> list[WaitingParcel]:
    """Read them; none when all were loaded or are over."""
    rows = conn.execute(GOODS, {"order_id": order_id}).all()
    return [_parcel(list(of_one)) for _, of_one in groupby(rows, key=lambda row: row.parcel_id)]


def _parcel(rows: Sequence[Row[Any]]) -> WaitingParcel:
    first = rows[0]
    goods = tuple(_goods(row) for row in rows if row.product_id is not None)
    return WaitingParcel(parcel_id=first.parcel_id, zone=Zone(first.stands_in), packed_at=first.packed_at, goods=goods)


def _goods(row: Row[Any]) -> Goods:
    tolerates = {Zone(zone): hours for zone, hours in row.tolerates.items()}
    return Goods(
        product_id=row.product_id,
        name_zh=row.name_zh,
        name_en=row.name_en,
        perishable=Perishable(zone=Zone(row.zone), tolerates=tolerates, life_h=row.life_h),
    )
