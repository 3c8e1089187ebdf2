"""Placing an order of three lines against the fewest bare statements that could: updates, inserts, a commit."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import Engine, text

from app.db.engine import make_engine, transaction
from app.db.migrate import upgrade_schema
from app.demo.child import Child
from app.demo.ports import free_port
from app.demo.postgres import EmbeddedPostgres
from app.demo.seed import seed
from app.domain.basket import BasketLine
from app.use_cases.ordering.place_order import place_order
from benchmarks.figures import Figure, compare
from locker_protocol.clock import RealClock
from locker_protocol.ids import random_bytes, random_id

BASKET = [BasketLine("tomatoes", 1), BasketLine("fresh-milk", 1), BasketLine("frozen-dumplings", 1)]
ROOM_FOR_ALL = """
    UPDATE run_stock SET total = 1000000; UPDATE run_capacity SET total = 1000000;
    UPDATE pickup_window SET order_cap = 1000000
"""
FLOOR_SCHEMA = """
    CREATE TABLE floor_counter (id int PRIMARY KEY, left_over int CHECK (left_over >= 0));
    INSERT INTO floor_counter SELECT n, 1000000 FROM generate_series(1, 5) n;
    CREATE TABLE floor_order (id int PRIMARY KEY, body text);
    CREATE TABLE floor_line (order_id int, no int, body text, PRIMARY KEY (order_id, no))
"""


def measure() -> list[Figure]:
    """One figure, on a PostgreSQL of its own with fsync on."""
    with tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder, running_postgres(Path(folder)) as url:
        engine = make_engine(url)
        ours = _ours(engine)
        with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://")) as bare:
            bare.execute(FLOOR_SCHEMA)
            bare.commit()
            figure = compare(
                "place an order", ours, _floor(bare), times=40, floor_is="four bare statements and a commit"
            )
        engine.dispose()
    return [figure]


@contextmanager
def running_postgres(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """Run a PostgreSQL with our schema for as long as the block lasts; yields its address."""
    with postgres_child(folder, durable=durable) as (url, _):
        yield url


@contextmanager
def postgres_child(folder: Path, *, durable: bool = True) -> Iterator[tuple[str, Child]]:
    """The same, with the process, for whoever counts what it costs."""
    server = EmbeddedPostgres(folder / "data", free_port(), folder / "log", random_id(), random_id(), durable=durable)
    server.prepare()
    child = Child(server.command())
    try:
        while not server.ready():
            time.sleep(0.02)
        server.make_database()
        upgrade_schema(server.url)
        yield server.url, child
    finally:
        child.ask_to_stop()
        while child.exit_code() is None:
            time.sleep(0.02)


def _ours(engine: Engine) -> Callable[[], object]:
    now = RealClock().now().civil
    with transaction(engine) as conn:
        seed(conn, gateway_keys={"osmanthus": random_bytes(32), "sunny": random_bytes(32)}, now=now)
        for statement in ROOM_FOR_ALL.split(";"):
            conn.execute(text(statement))
        person = conn.execute(text("SELECT id FROM person WHERE role = 'resident' LIMIT 1")).scalar_one()
        window = conn.execute(
            text("SELECT w.id FROM pickup_window w JOIN load_run r USING (run_no) WHERE r.order_by > :now LIMIT 1"),
            {"now": now},
        ).scalar_one()

    def order() -> None:
        with transaction(engine) as conn:
            place_order(
                conn,
                person_id=person,
                window_id=window,
                lines=BASKET,
                idempotency_key=random_id(),
                low_door=False,
                now=now,
            )

    return order


def _floor(bare: psycopg.Connection) -> Callable[[], object]:
    numbers = count(1)

    def order() -> None:
        number = next(numbers)
        bare.execute("UPDATE floor_counter SET left_over = left_over - 1 WHERE id <= 3")
        bare.execute("UPDATE floor_counter SET left_over = left_over - 1 WHERE id > 3")
        bare.execute("INSERT INTO floor_order VALUES (%s, 'order')", [number])
        bare.execute("INSERT INTO floor_line SELECT %s, n, 'line' FROM generate_series(1, 3) n", [number])
        bare.commit()

    return order
