"""An order that is changed takes what it needs more and gives back what it needs less; what stays is never let go.

Locks as everybody does (`app.db.holds`): run_capacity, run_stock, pickup_window, each by its key. Everything is locked
before anything is taken, so that two runs at once make no circle. Doors that an order has are its own even where some
broke since. Raises as `holds` does; roll back then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, text

from app.db.holds import lock_counters, take_counters, take_place, take_stock
from app.domain.capacity import CounterKey
from locker_protocol.vocabulary import SizeClass, Zone

LOCK_STOCK = text("""
    SELECT 1 FROM run_stock WHERE run_no = ANY(:runs) AND product_id = ANY(:products)
    ORDER BY run_no, product_id FOR NO KEY UPDATE
""")
LOCK_WINDOWS = text("SELECT 1 FROM pickup_window WHERE id = ANY(:windows) ORDER BY id FOR NO KEY UPDATE")
HELD_DOORS = text("SELECT zone, size_or_larger, count AS doors FROM capacity_hold WHERE order_id = :order_id")
HELD_GOODS = text("""
    SELECT product_id, sum(quantity)::int AS pieces FROM order_line WHERE order_id = :order_id GROUP BY product_id
""")
GIVE_DOORS = text("""
    UPDATE run_capacity c SET taken = c.taken - g.count
    FROM unnest(CAST(:zones AS text[]), CAST(:sizes AS text[]), CAST(:counts AS int[])) AS g(zone, size, count)
    WHERE c.run_no = :run_no AND c.zone = g.zone AND c.size_or_larger = g.size
""")
GIVE_GOODS = text("""
    UPDATE run_stock s SET taken = s.taken - g.pieces
    FROM unnest(CAST(:products AS text[]), CAST(:pieces AS int[])) AS g(product_id, pieces)
    WHERE s.run_no = :run_no AND s.product_id = g.product_id
""")
GIVE_PLACE = text("UPDATE pickup_window SET orders_taken = orders_taken - 1 WHERE id = :window_id")
FORGET_DOORS = text("DELETE FROM capacity_hold WHERE order_id = :order_id")
KEEP_DOORS = text("""
    INSERT INTO capacity_hold (order_id, run_no, zone, size_or_larger, count)
    SELECT :order_id, :run_no, h.zone, h.size, h.count
    FROM unnest(CAST(:zones AS text[]), CAST(:sizes AS text[]), CAST(:counts AS int[])) AS h(zone, size, count)
""")

Key = TypeVar("Key")
Doors = Mapping[CounterKey, int]
Goods = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A run and a window of it."""

    run_no: int
    window_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an order has: where, which doors, which goods."""

    at: Place
    doors: Doors
    goods: Goods


def lock_held(
    conn: Connection, *, order_id: str, at: Place, to: Place, products: list[str]
) -> tuple[Held, dict[CounterKey, int]]:
    """Lock all that may change; returns what the order has, and the doors it may have at the run it goes to."""
    left = {run_no: lock_counters(conn, run_no=run_no) for run_no in sorted({at.run_no, to.run_no})}
    goods = {row.product_id: row.pieces for row in conn.execute(HELD_GOODS, {"order_id": order_id})}
    asked = {"runs": [at.run_no, to.run_no], "products": sorted({*goods, *products})}
    conn.execute(LOCK_STOCK, asked)
    conn.execute(LOCK_WINDOWS, {"windows": [at.window_id, to.window_id]})
    rows = conn.execute(HELD_DOORS, {"order_id": order_id})
    doors = {(Zone(row.zone), SizeClass(row.size_or_larger)): row.doors for row in rows}
    own = doors if at.run_no == to.run_no else {}
    usable = {key: count + own.get(key, 0) for key, count in left[to.run_no].items()}
    return Held(at=at, doors=doors, goods=goods), usable


def change_held(conn: Connection, *, order_id: str, held: Held, wanted: Held) -> None:
    """Take what is wanted more and give back the rest. Raises RunFull, SoldOut or WindowFull."""
    same_run = held.at.run_no == wanted.at.run_no
    more_doors, less_doors = _differences(held.doors, wanted.doors, same=same_run)
    more_goods, less_goods = _differences(held.goods, wanted.goods, same=same_run)
    if more_doors:
        take_counters(conn, run_no=wanted.at.run_no, wanted=more_doors)
    if more_goods:
        take_stock(conn, run_no=wanted.at.run_no, quantities=more_goods)
    if held.at.window_id != wanted.at.window_id:
        take_place(conn, window_id=wanted.at.window_id)
        conn.execute(GIVE_PLACE, {"window_id": held.at.window_id})
    conn.execute(GIVE_DOORS, {"run_no": held.at.run_no, **_columns(less_doors)})
    given = {"products": list(less_goods), "pieces": list(less_goods.values())}
    conn.execute(GIVE_GOODS, {"run_no": held.at.run_no, **given})
    conn.execute(FORGET_DOORS, {"order_id": order_id})
    conn.execute(KEEP_DOORS, {"order_id": order_id, "run_no": wanted.at.run_no, **_columns(wanted.doors)})


def _differences(
    held: Mapping[Key, int], wanted: Mapping[Key, int], *, same: bool
) -> tuple[dict[Key, int], dict[Key, int]]:
    """What is to be taken, and what to be given back; of another run all of it."""
    kept = held if same else {}
    more = {key: count - kept.get(key, 0) for key, count in wanted.items() if count > kept.get(key, 0)}
    stays = wanted if same else {}
    less = {key: count - stays.get(key, 0) for key, count in held.items() if count > stays.get(key, 0)}
    return more, less


def _columns(doors: Doors) -> dict[str, list[str] | list[int]]:
    keys = sorted(doors)
    return {
        "zones": [zone.value for zone, _ in keys],
        "sizes": [size.value for _, size in keys],
        "counts": [doors[key] for key in keys],
    }
