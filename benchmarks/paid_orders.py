"""Paid orders a second through HTTP, what each costs, and the bare transaction of the same rows beside it.

Eight buyers order, begin to pay and are paid, one order after another, at the web program as it is shipped. The bare
figure is what psycopg alone needs, eight at once too, to write the same rows in one transaction an order.

python -m benchmarks.paid_orders [--orders 800] [--workers 2] [--json OUT]
"""

import argparse
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import quantiles

import psycopg

from app.db.engine import transaction
from benchmarks.bare_order import Copy, copies_of, prepare_bare, write_bare
from benchmarks.races import commit, machine
from benchmarks.shop import ServedShop, cpu_s, paid_order, served_shop

CLIENTS = 8
ORDERS = 800
WARM_UP = 80
WORKERS = 2  # as docker-compose.yml has it
ROUNDS = 4  # ours and bare in turns, so that a noisy machine is noisy to both


def measure(orders: int = ORDERS, workers: int = WORKERS) -> dict[str, object]:
    """Everything, on a shop of its own; times in milliseconds."""
    with served_shop(people=4 * CLIENTS, workers=workers) as shop:
        numbers = count()
        placed, _ = _ours(shop, numbers, WARM_UP)
        bare = _Bare(shop, placed)
        before = (cpu_s(shop.web), cpu_s(shop.postgres))
        spent = [0.0, 0.0]
        ours_s, bare_s, requests = 0.0, 0.0, list[dict[str, float]]()
        for _ in range(ROUNDS):
            before = (cpu_s(shop.web), cpu_s(shop.postgres))
            began = time.perf_counter()
            requests += _ours(shop, numbers, orders // ROUNDS)[1]
            ours_s += time.perf_counter() - began
            spent = [spent[0] + cpu_s(shop.web) - before[0], spent[1] + cpu_s(shop.postgres) - before[1]]
            bare_s += bare.write(orders // ROUNDS)
        done = len(requests)
        return {
            "what": f"python -m benchmarks.paid_orders --orders {orders} --workers {workers}",
            "commit": commit(),
            "machine": machine(),
            "load_average": round(os.getloadavg()[0], 1),
            "clients": CLIENTS,
            "orders": done,
            "orders_a_second": round(done / ours_s, 1),
            "bare_a_second": round(done / bare_s, 1),
            "of_bare": round(bare_s / ours_s, 2),
            "p95_ms": {
                name: round(_p95([each[name] for each in requests]), 1) for name in ("order", "begin_to_pay", "paid")
            },
            "p95_ms_a_request": round(_p95([ms for each in requests for ms in each.values()]), 1),
            "cpu_ms_an_order": {
                "app": round(1000 * spent[0] / done, 2),
                "database": round(1000 * spent[1] / done, 2),
            },
            "planned": _planned(shop),
        }


def _ours(shop: ServedShop, numbers: "count[int]", orders: int) -> tuple[list[str], list[dict[str, float]]]:
    """So many orders by eight buyers at once; their ids and their requests' times."""
    taking = threading.Lock()
    left = iter(range(orders))

    def buy(_: int) -> list[tuple[str, dict[str, float]]]:
        bought: list[tuple[str, dict[str, float]]] = []
        with closing(HTTPConnection(shop.address, timeout=30)) as http:
            while True:
                with taking:
                    if next(left, None) is None:
                        return bought
                    number = next(numbers)
                bought.append(paid_order(shop, http, number))

    return _flat(_at_once(buy))


class _Bare:
    """The bare transaction: copies of orders that were just paid, with new ids."""

    def __init__(self, shop: ServedShop, placed: Sequence[str]) -> None:
        self._url = shop.database_url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(self._url) as conn:
            prepare_bare(conn)
            self._copies: Sequence[Copy] = copies_of(conn, placed)
        self._numbers = count()

    def write(self, orders: int) -> float:
        """Write so many; seconds."""

        def write(client: int) -> None:
            with psycopg.connect(self._url) as conn:
                ready.wait()
                for _ in range(orders // CLIENTS):
                    number = next(self._numbers)
                    write_bare(conn, self._copies[number % len(self._copies)], f"bare-{client}-{number}", client)

        ready = threading.Barrier(CLIENTS + 1)
        with ThreadPoolExecutor(CLIENTS) as threads:
            doing = [threads.submit(write, client) for client in range(CLIENTS)]
            ready.wait()
            began = time.perf_counter()
            for each in doing:
                each.result()
        return time.perf_counter() - began


def _at_once(buy: Callable[[int], list[tuple[str, dict[str, float]]]]) -> list[list[tuple[str, dict[str, float]]]]:
    with ThreadPoolExecutor(CLIENTS) as buyers:
        return list(buyers.map(buy, range(CLIENTS)))


def _flat(bought: list[list[tuple[str, dict[str, float]]]]) -> tuple[list[str], list[dict[str, float]]]:
    every = [each for buyer in bought for each in buyer]
    return [order for order, _ in every], [times for _, times in every]


def _planned(shop: ServedShop) -> dict[str, int]:
    """So that nobody is fast by leaving something out."""
    asked = (
        "SELECT count(DISTINCT o.id) AS orders, count(*) AS parcels,"
        " count(*) FILTER (WHERE p.planned_doors <> '{}') AS with_a_door"
        " FROM customer_order o JOIN parcel p ON p.order_id = o.id WHERE o.state = 'paid' AND p.state = 'planned'"
    )
    with transaction(shop.engine) as conn:
        return dict(conn.exec_driver_sql(asked).mappings().one())


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[94]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    words = json.dumps(measure(asked.orders, asked.workers), indent=1)
    print(words)
    if asked.json:
        asked.json.write_text(words + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
