"""The page of all lockers with a thousand of them: bytes, statements and milliseconds, beside an empty page.

Served by gunicorn as shipped, on a PostgreSQL of its own. Both pages are asked in turns, so that a noisy machine is
noisy to both; the empty one has the same frame, sign-in and stylesheets, and a list with nothing in it.

python -m benchmarks.fleet_page [--lockers 1000] [--orders 12000] [--times 300] [--json OUT]
"""

import argparse
import gzip
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import event, text

from app.db.engine import transaction
from app.db.people import token_hash
from app.factory import create_app
from benchmarks.figures import percentiles
from benchmarks.races import commit, machine
from benchmarks.shop import ServedShop, served_shop
from locker_protocol.clock import RealClock
from locker_protocol.ids import random_id
from tests.web.fleet_world import write_fleet

LOCKERS, ORDERS, TIMES = 1_000, 12_000, 300
PAGE, EMPTY = "/en/ops", "/en/ops/rejected"
STATIC = Path(__file__).resolve().parents[1] / "app/web/static"
FONT = "vendor/atkinson-hyperlegible-700.woff2"


def measure(lockers: int = LOCKERS, orders: int = ORDERS, times: int = TIMES) -> dict[str, object]:
    """Seed, ask, count. Sizes in bytes as sent (gzip), times in milliseconds."""
    with served_shop(people=1) as shop:
        now = RealClock().now().civil
        with transaction(shop.engine) as conn:
            write_fleet(conn, now=now, lockers=lockers, orders=orders)
            conn.execute(text("ANALYZE"))
        cookie = _operator(shop, now)
        page, timed = _timed(shop, cookie, times)
        return {
            "what": f"python -m benchmarks.fleet_page --lockers {lockers} --orders {orders} --times {times}",
            "commit": commit(),
            "machine": machine(),
            "load_average": round(os.getloadavg()[0], 1),
            "lockers": len(re.findall(r'<a href="/en/ops/lockers/[^"]+" class="[hswf]"', page)),
            "statements": _statements(shop, cookie),
            "bytes": _bytes(page),
            **timed,
        }


def _operator(shop: ServedShop, now: datetime) -> str:
    """Somebody who may see the page, signed in; the cookie of their session."""
    token = random_id()
    values = {"now": now, "hash": token_hash(token), "ends": now + timedelta(days=1)}
    with transaction(shop.engine) as conn:
        conn.execute(
            text(
                "INSERT INTO person (id, mail, role, staff_no, created_at)"
                " VALUES ('an-operator', 'operator@x.example', 'operator', 999999, :now)"
            ),
            values,
        )
        conn.execute(
            text(
                "INSERT INTO web_session (token_hash, person_id, made_at, expires_at)"
                " VALUES (:hash, 'an-operator', :now, :ends)"
            ),
            values,
        )
    app = Flask(__name__)
    app.secret_key = shop.settings.secret_key
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None, "the key is not empty"
    return f"caibox={serializer.dumps({'token': token})}"


def _timed(shop: ServedShop, cookie: str, times: int) -> tuple[str, dict[str, object]]:
    milliseconds: dict[str, list[float]] = {PAGE: [], EMPTY: []}
    page = ""
    with closing(HTTPConnection(shop.address, timeout=60)) as http:
        for _ in range(3):
            for path in milliseconds:
                page = _ask(http, path, cookie)[0] if path == PAGE else page
        for _ in range(times):
            for path, taken in milliseconds.items():
                taken.append(_ask(http, path, cookie)[1])
    return page, {
        "page_ms": _rounded(percentiles(milliseconds[PAGE])),
        "empty_ms": _rounded(percentiles(milliseconds[EMPTY])),
    }


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in figures.items()}


def _ask(http: HTTPConnection, path: str, cookie: str) -> tuple[str, float]:
    began = time.perf_counter()
    http.request("GET", path, headers={"Cookie": cookie})
    answer = http.getresponse()
    read = answer.read()
    passed_ms = (time.perf_counter() - began) * 1000
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return read.decode(), passed_ms


def _statements(shop: ServedShop, cookie: str) -> int:
    """How many statements one page asks, the visitor's own look-up among them."""
    app = create_app(shop.settings)
    engine, sent = app.extensions["caibox"].engine, list[str]()
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: sent.append(statement))
    answer = app.test_client(use_cookies=False).get(PAGE, headers={"Cookie": cookie})
    assert answer.status_code == 200, answer.status
    app.extensions["caibox_listener"].close()
    engine.dispose()
    return len(sent)


def _bytes(page: str) -> dict[str, int]:
    """The page and everything it loads."""
    files = sorted({file.partition("?")[0] for file in re.findall(r'(?:src|href)="/static/([^"]+)"', page)})
    sizes = {file: len(gzip.compress((STATIC / file).read_bytes())) for file in files}
    sizes[FONT] = (STATIC / FONT).stat().st_size
    html = len(gzip.compress(page.encode()))
    return {"html": html, "html_unpacked": len(page.encode()), **sizes, "total": html + sum(sizes.values())}


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lockers", type=int, default=LOCKERS)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    measured = measure(asked.lockers, asked.orders, asked.times)
    print(json.dumps(measured, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
