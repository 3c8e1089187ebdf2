"""What an order takes at checkout and gives back at its release: doors of the run, stock, a place in the window.

Everybody takes locks in the same order (run_capacity, run_stock, pickup_window; each by its key), so nobody waits in a
circle. The counters' locks come first: parcels are planned from numbers that nobody changes meanwhile. Each UPDATE
still has its own condition, and each table its CHECK.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from app.domain.basket import Shortage, SoldOut, WindowFull
from app.domain.capacity import CounterKey, RunFull
from locker_protocol.vocabulary import SizeClass, Zone

LOCK_COUNTERS = text("""
    SELECT zone, size_or_larger, greatest(0, total - taken - blocked) AS left_over FROM run_capacity
    WHERE run_no = :run_no ORDER BY zone, size_or_larger FOR UPDATE
""")

TAKE_COUNTERS = text("""
    UPDATE run_capacity c SET taken = c.taken + w.count
    FROM unnest(CAST(:zones AS text[]), CAST(:sizes AS text[]), CAST(:counts AS int[])) AS w(zone, size, count)
    WHERE c.run_no = :run_no AND c.zone = w.zone AND c.size_or_larger = w.size
        AND c.taken + w.count <= c.total - c.blocked
""")

TAKE_STOCK = text("""
    UPDATE run_stock s SET taken = s.taken + w.quantity
    FROM (
        SELECT l.product_id, w.quantity
        FROM run_stock l
        JOIN unnest(CAST(:products AS text[]), CAST(:quantities AS int[])) AS w(product_id, quantity)
            ON w.product_id = l.product_id
        WHERE l.run_no = :run_no ORDER BY l.product_id FOR UPDATE OF l
    ) w
    WHERE s.run_no = :run_no AND s.product_id = w.product_id AND s.taken + w.quantity <= s.total
    RETURNING s.product_id
""")

STOCK_LEFT = text("""
    SELECT product_id, total - taken AS left_over FROM run_stock
    WHERE run_no = :run_no AND product_id = ANY(:products)
""")

TAKE_PLACE = text("""
    UPDATE pickup_window SET orders_taken = orders_taken + 1 WHERE id = :window_id AND orders_taken < order_cap
""")

ORDERED = text("""
    SELECT product_id, sum(quantity) AS ordered FROM order_line WHERE order_id = :order_id GROUP BY product_id
""")

GIVE_COUNTERS = text("""
    UPDATE run_capacity c SET taken = c.taken - g.count
    FROM (
        SELECT l.run_no, l.zone, l.size_or_larger, h.count
        FROM run_capacity l
        JOIN (
            SELECT run_no, zone, size_or_larger, sum(count) AS count FROM capacity_hold
            WHERE order_id = ANY(:orders) GROUP BY run_no, zone, size_or_larger
        ) h USING (run_no, zone, size_or_larger)
        ORDER BY l.run_no, l.zone, l.size_or_larger FOR UPDATE OF l
    ) g
    WHERE c.run_no = g.run_no AND c.zone = g.zone AND c.size_or_larger = g.size_or_larger
""")

GIVE_STOCK = text("""
    UPDATE run_stock s SET taken = s.taken - g.quantity
    FROM (
        SELECT l.run_no, l.product_id, o.quantity
        FROM run_stock l
        JOIN (
            SELECT coalesce(stock_run_no, run_no) AS run_no, product_id, sum(quantity) AS quantity
            FROM (
                SELECT order_id, product_id, quantity FROM order_line UNION ALL
                SELECT order_id, substitute_id, substitute_quantity FROM order_line WHERE substitute_id IS NOT NULL
            ) w JOIN customer_order ON customer_order.id = w.order_id
            WHERE order_id = ANY(:orders) GROUP BY 1, product_id
        ) o USING (run_no, product_id)
        ORDER BY l.run_no, l.product_id FOR UPDATE OF l
    ) g
    WHERE s.run_no = g.run_no AND s.product_id = g.product_id
""")

GIVE_GOODS = text("""
    UPDATE run_stock SET taken = taken - :quantity WHERE run_no = :run_no AND product_id = :product_id
""")

GIVE_PLACE = text("""
    UPDATE pickup_window w SET orders_taken = w.orders_taken - g.orders
    FROM (
        SELECT l.id, o.orders
        FROM pickup_window l
        JOIN (
            SELECT window_id, count(*) AS orders FROM customer_order WHERE id = ANY(:orders) GROUP BY window_id
        ) o ON o.window_id = l.id
        ORDER BY l.id FOR UPDATE OF l
    ) g
    WHERE w.id = g.id
""")


LOCK_WINDOWS = text("SELECT 1 FROM pickup_window WHERE id = ANY(:windows) ORDER BY id FOR UPDATE")

MOVE_HOLD = text("UPDATE capacity_hold SET run_no = :run_no WHERE order_id = :order_id")


def lock_counters(conn: Connection, *, run_no: int) -> dict[CounterKey, int]:
    """Lock a run's counters until the transaction ends, and read what is left of each."""
    rows = conn.execute(LOCK_COUNTERS, {"run_no": run_no})
    return {(Zone(row.zone), SizeClass(row.size_or_larger)): row.left_over for row in rows}


def take_counters(conn: Connection, *, run_no: int, wanted: Mapping[CounterKey, int]) -> None:
    """Take doors of a run; its counters are locked. Raises RunFull."""
    keys = sorted(wanted)
    taken = conn.execute(
        TAKE_COUNTERS,
        {
            "run_no": run_no,
            "zones": [zone.value for zone, _ in keys],
            "sizes": [size.value for _, size in keys],
            "counts": [wanted[key] for key in keys],
        },
    )
    if taken.rowcount != len(keys):
        raise RunFull(zone=keys[0][0].value, left=0)


def take_stock(conn: Connection, *, run_no: int, quantities: Mapping[str, int]) -> None:
    """Take goods of a run, all or none. Raises SoldOut with what is left of each that is short."""
    products = sorted(quantities)
    wanted = {"run_no": run_no, "products": products, "quantities": [quantities[product] for product in products]}
    taken = set(conn.execute(TAKE_STOCK, wanted).scalars())
    if len(taken) == len(products):
        return
    short = [product for product in products if product not in taken]
    left = {row.product_id: row.left_over for row in conn.execute(STOCK_LEFT, {"run_no": run_no, "products": short})}
    raise SoldOut([Shortage(product, quantities[product], left.get(product, 0)) for product in short])


def give_stock(conn: Connection, *, run_no: int, product_id: str, quantity: int) -> None:
    """Give goods of a run back that were taken by themselves."""
    conn.execute(GIVE_GOODS, {"run_no": run_no, "product_id": product_id, "quantity": quantity})


def take_place(conn: Connection, *, window_id: int) -> None:
    """Take a place in a window. Raises WindowFull."""
    if conn.execute(TAKE_PLACE, {"window_id": window_id}).rowcount != 1:
        raise WindowFull


def take_again(conn: Connection, *, order_id: str) -> None:
    """Take once more what a released order had held. Raises RunFull, SoldOut or WindowFull."""
    order = conn.execute(
        text("SELECT run_no, window_id FROM customer_order WHERE id = :order_id"), {"order_id": order_id}
    ).one()
    lock_counters(conn, run_no=order.run_no)
    take_counters(conn, run_no=order.run_no, wanted=_held_counters(conn, order_id))
    take_stock(conn, run_no=order.run_no, quantities=_ordered(conn, order_id))
    take_place(conn, window_id=order.window_id)


def give_back(conn: Connection, *, order_ids: Sequence[str]) -> None:
    """Give back what orders hold; the caller moves them to `released` in the same transaction."""
    orders = {"orders": list(order_ids)}
    conn.execute(GIVE_COUNTERS, orders)
    conn.execute(GIVE_STOCK, orders)
    conn.execute(GIVE_PLACE, orders)


def lock_both(conn: Connection, *, run_nos: Sequence[int]) -> None:
    """Lock the counters of several runs, in the order in which everybody does."""
    for run_no in sorted(set(run_nos)):
        lock_counters(conn, run_no=run_no)


def move_hold(conn: Connection, *, order_id: str, run_no: int, window_id: int) -> None:
    """Take doors and a place of another run for an order and give back those of its own.

    Its goods stay those of the run it was ordered for. Raises RunFull or WindowFull; then nothing was taken that the
    transaction keeps: the caller rolls back.
    """
    order = conn.execute(
        text("SELECT run_no, window_id FROM customer_order WHERE id = :order_id"), {"order_id": order_id}
    ).one()
    lock_both(conn, run_nos=[order.run_no, run_no])
    take_counters(conn, run_no=run_no, wanted=_held_counters(conn, order_id))
    conn.execute(GIVE_COUNTERS, {"orders": [order_id]})
    conn.execute(LOCK_WINDOWS, {"windows": [order.window_id, window_id]})
    take_place(conn, window_id=window_id)
    conn.execute(GIVE_PLACE, {"orders": [order_id]})
    conn.execute(MOVE_HOLD, {"order_id": order_id, "run_no": run_no})


def _held_counters(conn: Connection, order_id: str) -> dict[CounterKey, int]:
    query = text("SELECT zone, size_or_larger, count AS doors FROM capacity_hold WHERE order_id = :order_id")
    rows = conn.execute(query, {"order_id": order_id})
    return {(Zone(row.zone), SizeClass(row.size_or_larger)): row.doors for row in rows}


def _ordered(conn: Connection, order_id: str) -> dict[str, int]:
    rows = conn.execute(ORDERED, {"order_id": order_id})
    return {row.product_id: row.ordered for row in rows}
