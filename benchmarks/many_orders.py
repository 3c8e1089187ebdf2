"""Whether a shop gets slower with its history: checkout and order page, with few and with many past orders.

Past orders are written by INSERT … SELECT, whole: lines, parcels, holds, payment with its message, ledger, history,
message to the site, notice, the request's key. Then the same paid orders and the same pages are measured in two shops.

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
from statistics import median, quantiles

from sqlalchemy import text

from app.db.engine import transaction
from benchmarks.paid_orders import CLIENTS
from benchmarks.races import commit, machine
from benchmarks.shop import ServedShop, cpu_s, paid_order, served_shop

FEW = 1_000
MANY = 1_000_000
MEASURED = 400
ROUNDS = 40
BATCH = 50_000
RUNS = 400
LISTED = 10  # so many of their orders a person sees at once, and everybody has them from the start

HERE = Path(__file__).parent


def measure(orders: int = MANY, few: int = FEW) -> dict[str, object]:
    """Both figures, on two shops that are asked in turns, so that a noisy machine is noisy to both; milliseconds."""
    people = max(CLIENTS * 4, few // LISTED)
    began = time.perf_counter()
    with served_shop(people=people) as young, served_shop(people=people) as old:
        write_past(young, few)
        write_past(old, orders)
        written_s = time.perf_counter() - began
        with_few, with_many = _Measured(young), _Measured(old)
        for _ in range(ROUNDS):
            with_few.go_on()
            with_many.go_on()
    told = {str(few): with_few.told(), str(orders): with_many.told()}
    return {
        "what": f"python -m benchmarks.many_orders --few {few} --orders {orders}",
        "commit": commit(),
        "machine": machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "seconds": round(written_s),
        **told,
        "ratio": {name: round(told[str(orders)][name] / value, 2) for name, value in told[str(few)].items()},
    }


def write_past(shop: ServedShop, orders: int) -> None:
    """Give a shop so many past orders, in batches, and let the database look at what it has."""
    values = {"people": len(shop.people), "runs": RUNS}
    _run(shop, "past_runs.sql", values)
    for start in range(0, orders, BATCH):
        _run(shop, "past_orders.sql", {**values, "first": start + 1, "last": min(start + BATCH, orders)})
    with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("SET statement_timeout = 0"))
        conn.execute(text("VACUUM ANALYZE"))
        conn.execute(text("RESET statement_timeout"))


class _Measured:
    """What a shop needs for orders and pages, round by round; the first one only warms it up."""

    def __init__(self, shop: ServedShop) -> None:
        self._shop = shop
        self._numbers = count()
        self._checkouts: list[float] = []
        self._pages: list[float] = []
        self._spent = [0.0, 0.0]
        _buy(shop, self._numbers, MEASURED // 4)

    def go_on(self) -> None:
        before = cpu_s(self._shop.postgres)
        placed, requests = _buy(self._shop, self._numbers, MEASURED // ROUNDS)
        between = cpu_s(self._shop.postgres)
        self._pages += _look(self._shop, placed)
        self._checkouts += [sum(each.values()) for each in requests]
        self._spent[0] += between - before
        self._spent[1] += cpu_s(self._shop.postgres) - between

    def told(self) -> dict[str, float]:
        return {
            "checkout_p50_ms": round(median(self._checkouts), 1),
            "checkout_p95_ms": round(_p95(self._checkouts), 1),
            "checkout_database_cpu_ms": round(1000 * self._spent[0] / len(self._checkouts), 2),
            "order_page_p50_ms": round(median(self._pages), 1),
            "order_page_p95_ms": round(_p95(self._pages), 1),
            "order_page_database_cpu_ms": round(1000 * self._spent[1] / len(self._pages), 2),
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
