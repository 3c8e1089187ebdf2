"""A shop to be measured: PostgreSQL with fsync and the web program as it is shipped, both of their own, and buyers.

The sandbox provider's hosted page stands for another company's: here the buyer's side decides there and sends the
message, so that what is measured is our three requests (order, begin to pay, the provider's message).
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import Connection, Engine, text

from app.db.engine import make_engine, transaction
from app.db.people import token_hash
from app.demo.child import Child
from app.demo.environment import app_environment
from app.demo.ports import answers, free_port
from app.demo.programs import web_command
from app.demo.secrets import load_or_make
from app.demo.seed import seed
from app.payments.sandbox import WEBHOOK_PATH, SandboxProvider
from app.settings import Settings, settings_from
from app.use_cases.ordering.open_runs import open_runs
from benchmarks.checkout import postgres_child
from locker_protocol.clock import RealClock
from locker_protocol.ids import random_id

SITE = "osmanthus"
DAYS_AHEAD = 200
# Few enough that every door of the run's order is there: three or four parcels each, frozen ones first to run out.
ORDERS_A_WINDOW = 3
BASKETS = (
    {"tomatoes": 2, "cucumbers": 1, "fresh-milk": 1},
    {"potatoes": 2, "fresh-milk": 2, "bananas": 1, "tomatoes": 1},
    {"frozen-dumplings": 1, "tomatoes": 1, "fresh-milk": 1},
    {"bananas": 2, "potatoes": 1},
)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ServedShop:
    """Where it is, who may order, and when; `windows` names each window as often as it may be ordered for."""

    address: str
    database_url: str
    engine: Engine
    provider: SandboxProvider
    tokens: Sequence[str]
    people: Sequence[str]
    windows: Sequence[int]
    web: Child
    postgres: Child
    settings: Settings

    def cookie(self, token: str) -> str:
        """The `Cookie` header of a browser that is signed in with this token, and looks at the site's goods."""
        kept = {"token": token, "site": SITE, "basket": dict(BASKETS[0])}
        interface, app = SecureCookieSessionInterface(), Flask("signs")
        app.secret_key = self.settings.secret_key
        signer = interface.get_signing_serializer(app)
        assert signer is not None
        return f"caibox={signer.dumps(kept)}"


class Refused(Exception):
    """An order was refused; the text is its code."""


@contextmanager
def served_shop(*, people: int, workers: int = 1) -> Iterator[ServedShop]:
    """Run it for as long as the block lasts; `workers` is gunicorn's."""
    with (
        tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder,
        postgres_child(Path(folder)) as (database_url, postgres),
    ):
        engine = make_engine(database_url)
        port = free_port()
        env = _environment(Path(folder), database_url, port)
        settings = settings_from(env)
        provider = SandboxProvider(engine, RealClock(), settings)
        who = _furnish(engine, people)
        web = Child(web_command(env, Path(folder) / "web.log", port=port, scratch=Path(folder), workers=workers))
        try:
            while not answers(port):  # its health also asks for a worker, which is not part of this
                time.sleep(0.05)
            windows = _windows(engine)
            address = f"127.0.0.1:{port}"
            yield ServedShop(address, database_url, engine, provider, *who, windows, web, postgres, settings)
        finally:
            engine.dispose()
            web.ask_to_stop()
            while web.exit_code() is None:
                time.sleep(0.05)


def paid_order(shop: ServedShop, http: HTTPConnection, number: int) -> tuple[str, dict[str, float]]:
    """Order, begin to pay, be paid; the order's id, and the milliseconds of each request. Raises Refused."""
    mine = {"Authorization": f"Bearer {shop.tokens[number % len(shop.tokens)]}"}
    lines = [{"product_id": product, "quantity": count} for product, count in BASKETS[number % len(BASKETS)].items()]
    wish = {"window_id": shop.windows[number], "lines": lines}
    order, order_ms = _post(http, "/api/v1/orders", {**mine, "Idempotency-Key": random_id()}, json.dumps(wish).encode())
    begun, begin_ms = _post(http, f"/api/v1/orders/{order['id']}/payment", mine, b"")
    ref = urlsplit(str(begun["pay_url"])).path.rsplit("/", 1)[1]
    shop.provider.decide(ref, paid=True)
    body, headers = shop.provider.webhook(ref)
    _, told_ms = _post(http, WEBHOOK_PATH, headers, body)
    return str(order["id"]), {"order": order_ms, "begin_to_pay": begin_ms, "paid": told_ms}


def cpu_s(child: Child) -> float:
    """Processor seconds of a program and all it started, also of those of its processes that have ended."""
    return sum(_ticks(pid) for pid in _family(child.pid)) / TICKS


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:  # ended meanwhile: its parent has its time
        return 0
    return sum(int(field) for field in fields[11:15])  # user, system, and both of children that were waited for


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _post(http: HTTPConnection, path: str, headers: Mapping[str, str], body: bytes) -> tuple[dict[str, object], float]:
    before = time.perf_counter()
    http.request("POST", path, body, {"Content-Type": "application/json", **headers})
    answer = http.getresponse()
    read = answer.read()
    passed_ms = (time.perf_counter() - before) * 1000
    found: dict[str, object] = json.loads(read) if read else {}
    if answer.status >= 400:
        raise Refused(f"{answer.status} {found.get('code')}")
    return found, passed_ms


def _environment(folder: Path, database_url: str, port: int) -> dict[str, str]:
    """A real deployment's: no demo, no bent clock. Nobody listens at the uplink: the worker is not part of this."""
    secrets = load_or_make(folder / "secrets.json", gateways=[SITE, "sunny"], mqtt_identities=[])
    address = f"http://127.0.0.1:{port}"
    return app_environment(secrets, database_url=database_url, uplink_url="mqtt://127.0.0.1:1", public_url=address)


def _furnish(engine: Engine, people: int) -> tuple[list[str], list[str]]:
    now = RealClock().now().civil
    with transaction(engine) as conn:
        seed(conn, gateway_keys={SITE: bytes(32), "sunny": bytes(32)}, now=now)
        open_runs(conn, now=now, days_ahead=DAYS_AHEAD)
        return _people(conn, people, now)


def _people(conn: Connection, count: int, now: datetime) -> tuple[list[str], list[str]]:
    """Residents with a session each; the tokens, and whose they are."""
    people = [f"buyer-{number}" for number in range(count)]
    tokens = [random_id() for _ in people]
    rows = [
        {"id": person, "mail": f"{person}@x.example", "now": now, "hash": token_hash(token), "ends": now + timedelta(9)}
        for person, token in zip(people, tokens, strict=True)
    ]
    conn.execute(text("INSERT INTO person (id, mail, created_at) VALUES (:id, :mail, :now)"), rows)
    session = "INSERT INTO web_session (token_hash, person_id, made_at, expires_at) VALUES (:hash, :id, :now, :ends)"
    conn.execute(text(session), rows)
    return tokens, people


def _windows(engine: Engine) -> list[int]:
    """Neighbouring orders are for different runs, as those of many sites would be."""
    open_ones = text(
        "SELECT w.id FROM pickup_window w JOIN load_run r USING (run_no) WHERE r.site_id = :site AND r.order_by > :soon"
        " ORDER BY w.id"
    )
    with transaction(engine) as conn:
        soon = RealClock().now().civil + timedelta(hours=2)
        windows = conn.execute(open_ones, {"site": SITE, "soon": soon}).scalars().all()
    return list(windows) * ORDERS_A_WINDOW
