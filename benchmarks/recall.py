"""The recall drill: how long until 1,000 orders with a lot are dealt with, their money decided, their people told.

python -m benchmarks.recall [--orders 1000]
"""

import argparse
import json
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from app.db.engine import make_engine, transaction
from app.demo.seed import seed
from app.domain.basket import BasketLine
from app.use_cases.ordering.place_order import place_order
from app.use_cases.supply.recall_lot import recall_lot
from app.use_cases.supply.recall_orders import BATCH, recall_orders
from benchmarks.checkout import BASKET, ROOM_FOR_ALL, running_postgres
from locker_protocol.clock import RealClock
from locker_protocol.ids import random_bytes, random_id

ORDERS = 1_000
WITHIN_S = 60
LOT = text("""
    INSERT INTO lot (id, product_id, code, origin_zh, origin_en, expires_on, received_at, received, taken)
    VALUES ('drill', :product_id, 'DRILL', '', '', :now, :now, 1000000, :orders)
""")
# Each third stands elsewhere: collected, behind its door, packed for the van.
STANDS = (("collected", "collected"), ("ready", "loaded"), ("packed", "packed"))
STAND = """
    UPDATE customer_order SET state = :order WHERE id = :id;
    UPDATE parcel SET state = :parcel, door = 1 WHERE order_id = :id;
    UPDATE order_line SET picked_quantity = quantity, picked_at = :now WHERE order_id = :id;
    INSERT INTO payment (id, order_id, provider, provider_ref, state, amount_minor, currency, made_at)
        SELECT id, id, 'sandbox', id, 'captured', total_minor, currency, :now FROM customer_order WHERE id = :id;
    INSERT INTO line_lot (order_id, line_no, lot_id, quantity)
        SELECT order_id, line_no, 'drill', quantity FROM order_line WHERE order_id = :id AND product_id = :product_id
"""
FOUND = text("""
    SELECT count(*) FILTER (WHERE x.at IS NOT NULL) AS dealt_with,
        (SELECT count(DISTINCT order_id) FROM refund WHERE cause = 'recalled') AS refunded,
        (SELECT count(DISTINCT order_id) FROM notification WHERE kind = 'lot_recalled') AS told,
        (SELECT count(*) FROM outbox WHERE order_id IS NOT NULL) AS shut
    FROM lot_recall_order x
""")


def measure(orders: int = ORDERS) -> dict[str, object]:
    """Seconds from the operator's word to the last order, on a PostgreSQL of its own with fsync on."""
    with tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder, running_postgres(Path(folder)) as url:
        engine = make_engine(url)
        now = RealClock().now().civil
        person = _furnish(engine, now, orders)
        began = time.perf_counter()
        with transaction(engine) as conn:
            recall_lot(conn, lot_id="drill", orders=orders, reason="the drill", person_id=person, now=now)
        while recall_orders(engine, now=now) == BATCH:
            pass
        seconds = time.perf_counter() - began
        with transaction(engine) as conn:
            found = dict(conn.execute(FOUND).mappings().one())
        engine.dispose()
    return {"orders": orders, "seconds": round(seconds, 2), "held": seconds <= WITHIN_S, **found}


def _furnish(engine: Engine, now: datetime, orders: int) -> str:
    with transaction(engine) as conn:
        seed(conn, gateway_keys={"osmanthus": random_bytes(32), "sunny": random_bytes(32)}, now=now)
        for statement in ROOM_FOR_ALL.split(";"):
            conn.execute(text(statement))
        conn.execute(LOT, {"product_id": BASKET[0].product_id, "now": now, "orders": orders})
        person: str = conn.execute(text("SELECT id FROM person WHERE role = 'resident' LIMIT 1")).scalar_one()
        window = conn.execute(
            text("SELECT w.id FROM pickup_window w JOIN load_run r USING (run_no) WHERE r.order_by > :now LIMIT 1"),
            {"now": now},
        ).scalar_one()
    for number in range(orders):
        with transaction(engine) as conn:
            _order(conn, person, window, number, now)
    return person


def _order(conn: Connection, person: str, window: int, number: int, now: datetime) -> None:
    placed = place_order(
        conn,
        person_id=person,
        window_id=window,
        lines=[BasketLine(line.product_id, line.quantity) for line in BASKET],
        idempotency_key=random_id(),
        low_door=False,
        now=now,
    )
    order, parcel = STANDS[number % len(STANDS)]
    values: dict[str, Any] = {"id": placed.order_id, "order": order, "parcel": parcel, "now": now}
    values["product_id"] = BASKET[0].product_id
    for statement in STAND.split(";"):
        conn.execute(text(statement), {name: it for name, it in values.items() if f":{name}" in statement})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS)
    print(json.dumps(measure(parser.parse_args().orders)))
