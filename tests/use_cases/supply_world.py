"""Lots of the cast's goods, and short names for what is done with them."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from app.db import tables
from app.db.engine import transaction
from app.domain.order_state import OrderState
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.supply.recall_lot import recall_lot
from app.use_cases.supply.recall_orders import recall_orders
from locker_protocol.ids import random_id
from tests.use_cases.cast import LOAD_FROM, NOW, PICKER, Shop

GOOD_UNTIL = date(2026, 11, 30)


def add_lot(shop: Shop, product: str, code: str, *, received: int = 40, expires_on: date = GOOD_UNTIL) -> str:
    """A lot as it came this morning."""
    lot_id = f"{shop.next():04}{random_id()[:28]}"
    row = {"id": lot_id, "product_id": product, "code": code, "received": received, "expires_on": expires_on}
    more = {"origin_zh": "苏州", "origin_en": "Suzhou", "received_at": NOW, "harvested_at": NOW - timedelta(hours=9)}
    with shop.engine.begin() as conn:
        conn.execute(insert(tables.lot).values(**row, **more))
    return lot_id


def in_line(shop: Shop, order: PlacedOrder) -> Any:
    """Which lots an order has: product, lot's code, pieces, chosen by hand."""
    return shop.rows(
        "SELECT t.product_id, t.code, x.quantity, x.by_hand FROM line_lot x JOIN lot t ON t.id = x.lot_id"
        " WHERE x.order_id = :id ORDER BY 1, 2",
        id=order.order_id,
    )


def recall(shop: Shop, lot_id: str, *, orders: int, now: datetime = LOAD_FROM) -> int:
    """Begin a recall and deal with its orders; how many were."""
    begin(shop, lot_id, orders=orders, now=now)
    return recall_orders(shop.engine, now=now)


def begin(shop: Shop, lot_id: str, *, orders: int, now: datetime = LOAD_FROM) -> None:
    with transaction(shop.engine) as conn:
        recall_lot(conn, lot_id=lot_id, orders=orders, reason="salmonella", person_id=PICKER, now=now)


def stand(shop: Shop, order: PlacedOrder, *, parcels: str, state: OrderState) -> None:
    """Let an order and its parcels stand where days of work would have brought them."""
    shop.run_sql("UPDATE parcel SET state = :s, door = 1 WHERE order_id = :id", s=parcels, id=order.order_id)
    shop.run_sql("UPDATE customer_order SET state = :s WHERE id = :id", s=state.value, id=order.order_id)


def refunds(shop: Shop, order: PlacedOrder) -> Any:
    """What goes back: cause and minor units."""
    return shop.rows(
        "SELECT cause, amount_minor FROM refund WHERE order_id = :id ORDER BY decided_at, cause", id=order.order_id
    )
