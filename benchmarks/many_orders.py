"""Whether a shop gets slower with its history: checkout and order page, with few and with many past orders.

Past orders are written by INSERT … SELECT, whole: lines, parcels, holds, payment with its message, ledger, history,
message to the site, notice, the request's key. Then the same paid orders and the same pages are measured.

python -m benchmarks.many_orders [--few 1000] [--orders 1000000] [--json OUT]
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import quantiles

from sqlalchemy import text

from app.db.engine import transaction
from benchmarks.paid_orders import CLIENTS
from benchmarks.races import commit, machine
from benchmarks.shop import ServedShop, cpu_s, paid_order, served_shop

FEW = 1_000
MANY = 1_000_000
MEASURED = 200
BATCH = 50_000
RUNS = 400
LISTED = 10  # so many of their orders a person sees at once, and everybody has them from the start

HERE = Path(__file__).parent


def measure(orders: int = MANY, few: int = FEW) -> dict[str, object]:
    """Both figures on one shop of its own; times in milliseconds."""
    with served_shop(people=max(CLIENTS * 4, few // LISTED)) as shop:
        numbers = count()
        began = time.perf_counter()
        _write_past(shop, 0, few)
        _buy(shop, numbers, MEASURED // 4)  # warms up
        with_few = _measure(shop, numbers)
        _write_past(shop, few, orders)
        written_s = time.perf_counter() - began
        _buy(shop, numbers, MEASURED // 4)
        with_many = _measure(shop, numbers)
    return {
        "what": f"python -m benchmarks.many_orders --few {few} --orders {orders}",
        "commit": commit(),
        "machine": machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "seconds": round(written_s),
        str(few): with_few,
        str(orders): with_many,
        "ratio": {name: round(with_many[name] / with_few[name], 2) for name in with_few},
    }


def _measure(shop: ServedShop, numbers: "count[int]") -> dict[str, float]:
    before = cpu_s(shop.postgres)
    placed, requests = _buy(shop, numbers, MEASURED)
    checkout_cpu = cpu_s(shop.postgres) - before
    before = cpu_s(shop.postgres)
    pages = _look(shop, placed)
    return {
        "checkout_p95_ms": round(_p95([sum(each.values()) for each in requests]), 1),
        "checkout_database_cpu_ms": round(1000 * checkout_cpu / MEASURED, 2),
        "order_page_p95_ms": round(_p95(pages), 1),
        "order_page_database_cpu_ms": round(1000 * (cpu_s(shop.postgres) - before) / len(pages), 2),
    }


def _buy(shop: ServedShop, numbers: "count[int]", orders: int) -> tuple[list[tuple[int, str]], list[dict[str, float]]]:
    """One after another, so that what is measured is the work and not the queue."""
    placed, requests = list[tuple[int, str]](), list[dict[str, float]]()
    with closing(HTTPConnection(shop.address, timeout=60)) as http:
        for _ in range(orders):
            number = next(numbers)
            order, times = paid_order(shop, http, number)
            placed.append((number, order))
            requests.append(times)
    return placed, requests


def _look(shop: ServedShop, placed: Sequence[tuple[int, str]]) -> list[float]:
    """Each order by itself and in its owner's list."""
    passed = []
    with closing(HTTPConnection(shop.address, timeout=60)) as http:
        for number, order in placed:
            mine = {"Authorization": f"Bearer {shop.tokens[number % len(shop.tokens)]}"}
            before = time.perf_counter()
            for path in (f"/api/v1/orders/{order}", f"/api/v1/orders?limit={LISTED}"):
                http.request("GET", path, headers=mine)
                answer = http.getresponse()
                assert answer.status == 200, answer.read()
                answer.read()
            passed.append((time.perf_counter() - before) * 1000)
    return passed


def _write_past(shop: ServedShop, done: int, to: int) -> None:
    values = {"people": len(shop.people), "runs": RUNS}
    if done == 0:
        _run(shop, "past_runs.sql", values)
    for start in range(done, to, BATCH):
        _run(shop, "past_orders.sql", {**values, "first": start + 1, "last": min(start + BATCH, to)})
    with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("SET statement_timeout = 0"))
        conn.execute(text("VACUUM ANALYZE"))
        conn.execute(text("RESET statement_timeout"))


def _run(shop: ServedShop, file: str, values: dict[str, int]) -> None:
    """Run a file's statements in one transaction, however long it takes."""
    with transaction(shop.engine) as conn:
        conn.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in (HERE / file).read_text(encoding="utf-8").split("\n;\n"):
            conn.execute(text(statement), {name: n for name, n in values.items() if f":{name}" in statement})


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[94]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--orders", type=int, default=MANY)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    words = json.dumps(measure(asked.orders, asked.few), indent=1)
    print(words)
    if asked.json:
        asked.json.write_text(words + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
