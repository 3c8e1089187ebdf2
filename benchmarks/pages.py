"""How long each page takes the server at 20 requests a second, with a long history in the database.

gunicorn as shipped, PostgreSQL with fsync, both of their own. Requests begin when their time has come, whether or not
earlier ones were answered, and a latency counts from that moment, so that a stall is paid by all who waited in it. Each
page has its own stretch; between its requests /healthz is asked as well, so that a busy machine shows in both.

python -m benchmarks.pages [--orders 100000] [--seconds 10] [--only fleet,day] [--json OUT]
"""

import argparse
import json
import os
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles

from benchmarks.many_orders import write_past
from benchmarks.races import commit, machine
from benchmarks.shop import ServedShop, cpu_s, served_shop
from benchmarks.viewers import PAGES, Viewers, make_viewers

ORDERS, LISTED = 100_000, 10
A_SECOND, BARE_A_SECOND = 20, 5
SECONDS = 10
WARM_UP = 5
CLIENTS = 32  # more than wait at once, unless a page takes seconds
BARE = "/healthz"

Asked = tuple[float, str, str]  # when it is due, the path, the cookie


def measure(
    orders: int = ORDERS, seconds: int = SECONDS, workers: int = 1, only: Sequence[str] = ()
) -> dict[str, object]:
    """Milliseconds from the intended start to the last byte, by page, and the database's and application's CPU."""
    with served_shop(people=max(100, orders // LISTED), workers=workers) as shop:
        write_past(shop, orders)
        viewers = make_viewers(shop)
        found = {page: _page(shop, viewers, page, seconds) for page in PAGES if not only or page in only}
    return {
        "what": f"python -m benchmarks.pages --orders {orders} --seconds {seconds} --workers {workers}",
        "commit": commit(),
        "machine": machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "requests_a_second": A_SECOND,
        "slowest_p99_ms": max(one["p99_ms"] for one in found.values()),
        "pages": found,
    }


def _page(shop: ServedShop, viewers: Viewers, page: str, seconds: int) -> dict[str, float]:
    path, cookie = viewers.address(page)
    with closing(HTTPConnection(shop.address, timeout=60)) as http:
        length = [_ask(http, path, cookie) for _ in range(WARM_UP)][-1]
    before = cpu_s(shop.web), cpu_s(shop.postgres)
    passed = _at_their_times(shop.address, _plan(path, cookie, seconds))
    spent = [cpu_s(child) - then for child, then in zip((shop.web, shop.postgres), before, strict=True)]
    pages, bare = passed[path], passed[BARE]
    return {
        "p50_ms": _cut(pages, 50),
        "p99_ms": _cut(pages, 99),
        "bare_p50_ms": _cut(bare, 50),
        "bare_p99_ms": _cut(bare, 99),
        "app_cpu_ms": round(1000 * spent[0] / len(pages), 1),
        "database_cpu_ms": round(1000 * spent[1] / len(pages), 1),
        "bytes": length,
    }


def _plan(path: str, cookie: str, seconds: int) -> list[Asked]:
    """A page's requests at even times, the bare ones between them."""
    ours = [(n / A_SECOND, path, cookie) for n in range(A_SECOND * seconds)]
    bare = [((n + 0.5) / BARE_A_SECOND, BARE, "") for n in range(BARE_A_SECOND * seconds)]
    return sorted(ours + bare)


def _at_their_times(address: str, plan: Sequence[Asked]) -> dict[str, list[float]]:
    """Let each request begin when it is due; the seconds from then to its answer, by path."""
    due: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
    passed: dict[str, list[float]] = {path: [] for _, path, _ in plan}
    began = time.perf_counter() + 0.2

    def client() -> None:
        with closing(HTTPConnection(address, timeout=60)) as http:
            while (asked := due.get()) is not None:
                at, path, cookie = asked
                _ask(http, path, cookie)
                passed[path].append(time.perf_counter() - began - at)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for asked in plan:
        time.sleep(max(0.0, began + asked[0] - time.perf_counter()))
        due.put(asked)
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.join()
    return passed


def _ask(http: HTTPConnection, path: str, cookie: str) -> int:
    http.request("GET", path, headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
    answer = http.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise AssertionError(f"{path} answers {answer.status}: {body[:200]!r}")
    return len(body)


def _cut(seconds: Sequence[float], percent: int) -> float:
    return round(1000 * quantiles(seconds, n=100, method="inclusive")[percent - 1], 1)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=lambda words: words.split(","), default=[])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    words = json.dumps(measure(asked.orders, asked.seconds, asked.workers, asked.only), indent=1)
    print(words)
    if asked.json:
        asked.json.write_text(words + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
