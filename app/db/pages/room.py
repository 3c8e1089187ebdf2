"""Which windows can take a basket as it is: at the site somebody chose, and at its neighbours. Reads only.

A window can when it has a place, its run has the goods and doors for them, and they keep until it closes. Nothing is
held for anybody: checkout asks again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, text

from app.domain.capacity import CounterKey, RunFull
from app.domain.parcelling import DoorType, Goods, TooLargeForLockers, plan_parcels
from app.domain.shelf_life import Perishable, good_until
from locker_protocol.vocabulary import SizeClass, Zone

MOST_OFFERED = 3

WINDOWS = text("""
    SELECT w.id, w.opens_at, w.closes_at, w.order_cap - w.orders_taken AS places_left, r.run_no, r.site_id, r.load_from,
        r.order_by, s.name_zh, s.name_en, s.address_zh, s.address_en, s.timezone,
        (SELECT json_agg(c) FROM (
            SELECT zone, size_or_larger, greatest(0, total - taken - blocked) AS left_over FROM run_capacity
            WHERE run_no = r.run_no
        ) c) AS counters,
        (SELECT json_agg(d) FROM (
            SELECT zone, size, min(volume_ml) AS volume_ml, min(longest_mm) AS longest_mm FROM compartment
            WHERE site_id = r.site_id GROUP BY zone, size
        ) d) AS doors,
        (SELECT json_object_agg(product_id, total - taken) FROM run_stock
            WHERE run_no = r.run_no AND product_id = ANY(:products)) AS stock
    FROM site home
    JOIN site s ON s.currency = home.currency AND (s.id = home.id OR s.id = ANY(home.neighbours))
    JOIN load_run r ON r.site_id = s.id JOIN pickup_window w USING (run_no)
    WHERE home.id = :site_id AND r.order_by > :now AND r.called_off_at IS NULL
    ORDER BY w.opens_at, s.site_no, w.id
""")
PRODUCTS = text("""
    SELECT id, zone, tolerates, life_h, volume_ml, longest_mm, weight_g FROM product
    WHERE active AND id = ANY(:products) ORDER BY id
""")


@dataclass(frozen=True, slots=True)
class Room:
    """Of the site's own windows those whose run has no doors for the basket; and which windows can take it."""

    without_doors: frozenset[int]
    here: Sequence[Row[Any]]
    elsewhere: Sequence[Row[Any]]


def room_for(conn: Connection, *, site_id: str, wanted: Mapping[str, int], now: datetime) -> Room:
    """Ask every window that can still be ordered for. The first few at the site, and at its neighbours, are offered."""
    asked = {"products": list(wanted), "site_id": site_id, "now": now}
    products = conn.execute(PRODUCTS, asked).all()
    windows = conn.execute(WINDOWS, asked).all()
    with_doors = {window.id for window in windows if _has_doors(window, products, wanted)}
    can = [window for window in windows if window.id in with_doors and _can_take(window, products, wanted)]
    return Room(
        frozenset(window.id for window in windows if window.site_id == site_id) - with_doors,
        [window for window in can if window.site_id == site_id][:MOST_OFFERED],
        [window for window in can if window.site_id != site_id][:MOST_OFFERED],
    )


def open_window(conn: Connection, *, site_id: str, window_id: int, now: datetime) -> Row[Any] | None:
    """A window of a site or of its neighbours that can still be ordered for."""
    windows = conn.execute(WINDOWS, {"products": [], "site_id": site_id, "now": now})
    return next((window for window in windows if window.id == window_id), None)


def _can_take(window: Row[Any], products: Collection[Row[Any]], wanted: Mapping[str, int]) -> bool:
    stock: Mapping[str, int] = window.stock or {}
    enough = all(stock.get(product_id, 0) >= count for product_id, count in wanted.items())
    has_place: bool = window.places_left > 0
    return has_place and enough and all(_keeps(product, window) for product in products)


def _keeps(product: Row[Any], window: Row[Any]) -> bool:
    food = Perishable(zone=Zone(product.zone), tolerates=_tolerates(product), life_h=product.life_h)
    closes_at: datetime = window.closes_at
    return closes_at <= good_until(food, stands_in=food.zone, load_from=window.load_from)


def _has_doors(window: Row[Any], products: Sequence[Row[Any]], wanted: Mapping[str, int]) -> bool:
    left: dict[CounterKey, int] = {
        (Zone(one["zone"]), SizeClass(one["size_or_larger"])): one["left_over"] for one in window.counters or ()
    }
    goods = [_goods(line, product, wanted[product.id]) for line, product in enumerate(products)]
    hours = (window.closes_at - window.load_from) / timedelta(hours=1)
    if not goods:
        return True
    try:
        plan_parcels(goods, doors=msgspec.convert(window.doors or [], list[DoorType]), left=left, hours=hours)
    except (RunFull, TooLargeForLockers):
        return False
    return True


def _goods(line: int, product: Row[Any], quantity: int) -> Goods:
    return Goods(
        line=line,
        quantity=quantity,
        zone=Zone(product.zone),
        tolerates=_tolerates(product),
        volume_ml=product.volume_ml,
        longest_mm=product.longest_mm,
        weight_g=product.weight_g,
    )


def _tolerates(product: Row[Any]) -> dict[Zone, int]:
    return {Zone(zone): hours for zone, hours in product.tolerates.items()}
