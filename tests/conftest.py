"""Fixtures every test may ask for: a real PostgreSQL, real brokers, a real browser. Nothing here stands in for them."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy import Engine, create_engine

from app.db.migrate import upgrade_schema
from app.db.tables import metadata
from app.demo.brokers import (
    Broker,
    BrokerKind,
    Identity,
    bus_identities,
    find_mosquitto,
    make_broker,
    uplink_identities,
)
from app.demo.child import Child, Command, last_lines
from app.demo.environment import SHARD
from app.demo.ports import free_port
from app.demo.postgres import EmbeddedPostgres
from app.demo.sites import load_sites
from locker_protocol.ids import random_bytes

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without these, Chromium looks up its maker's hosts at each start.
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Emptying by DELETE, and only what holds something: TRUNCATE makes every table and index anew and costs a third of a
# second a test. History and ledger refuse DELETE, as they should; they are truncated.
EMPTY_ALL = """
DO $$
DECLARE
    held boolean;
    one text;
BEGIN
    FOREACH one IN ARRAY %(tables)s LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || quote_ident(one) || ')' INTO held;
        IF held AND one IN ('history', 'ledger_entry', 'change', 'audit', 'audit_told', 'receipt', 'cold_policy') THEN
            EXECUTE 'TRUNCATE ' || quote_ident(one);
        ELSIF held THEN
            EXECUTE 'DELETE FROM ' || quote_ident(one);
        END IF;
    END LOOP;
    PERFORM setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences WHERE schemaname = 'public';
END $$
"""


@contextmanager
def running(command: Command) -> Iterator[Child]:
    """Run a command for as long as the block lasts."""
    child = Child(command)
    try:
        wait_until(command.ready, what=command.name, alive=lambda: child.exit_code() is None, log=command.log)
        yield child
    finally:
        child.ask_to_stop()
        end_within(child, seconds=10)


def wait_until(
    happened: Callable[[], bool],
    *,
    what: str = "what was awaited",
    seconds: float = 20,
    alive: Callable[[], bool] = lambda: True,
    log: Path | None = None,
) -> None:
    """Wait for something to become true, and fail with the end of the log if it does not."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline or not alive():
            pytest.fail(f"{what}: not within {seconds} s\n{last_lines(log) if log else ''}")
        time.sleep(0.02)


def end_within(child: Child, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while child.exit_code() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.kill()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL for this test session, with one empty database."""
    folder = tmp_path_factory.mktemp("postgres")
    server = EmbeddedPostgres(
        folder / "data", free_port(), folder / "log", random_bytes(8).hex(), random_bytes(8).hex(), durable=False
    )
    server.prepare()
    with running(server.command()):
        server.make_database()
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: EmbeddedPostgres) -> str:
    """The session's database with the schema of the newest migration."""
    upgrade_schema(postgres.url)
    return postgres.url


@pytest.fixture(scope="session")
def db_engine(postgres_url: str) -> Iterator[Engine]:
    """One pool for the session; tests ask for `db`."""
    engine = create_engine(postgres_url, pool_size=5, max_overflow=45)
    yield engine
    engine.dispose()


@pytest.fixture
def db(db_engine: Engine) -> Engine:
    """The database with every table empty."""
    names = ", ".join(f"'{table.name}'" for table in reversed(metadata.sorted_tables))
    with db_engine.begin() as connection:
        connection.exec_driver_sql(EMPTY_ALL % {"tables": f"ARRAY[{names}]"})
    return db_engine


@pytest.fixture(scope="session")
def nats_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A nats-server for both links."""
    with running_broker("nats", tmp_path_factory.mktemp("nats")) as broker:
        yield broker


@pytest.fixture(scope="session")
def mosquitto_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Mosquitto for both links."""
    if find_mosquitto() is None:
        pytest.fail("these tests need Mosquitto; `make test` installs it")
    with running_broker("mosquitto", tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture(params=["nats", "mosquitto"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """The test runs on each kind of broker."""
    found: Broker = request.getfixturevalue(f"{request.param}_broker")
    return found


@contextmanager
def running_broker(kind: BrokerKind, folder: Path) -> Iterator[Broker]:
    """Run a broker with the demo's identities of both links: service, gateways, controllers."""
    broker = make_broker(kind, name=kind, data=folder, port=free_port(), identities=both_links())
    broker.prepare()
    with running(broker.command()):
        yield broker


def both_links() -> list[Identity]:
    """Who may speak on a test's broker; a gateway's rights of both links are put together."""
    gateways = [site.gateway_id for site in load_sites()]
    passwords = {name: random_bytes(8).hex() for name in ("service", "controllers", *gateways)}
    uplink, bus = uplink_identities(SHARD, gateways, passwords), bus_identities(gateways, passwords)
    merged: dict[str, Identity] = {}
    for identity in (*uplink, *bus):
        known = merged.get(identity.name, replace(identity, writes=[], reads=[]))
        merged[identity.name] = replace(
            known, writes=[*known.writes, *identity.writes], reads=[*known.reads, *identity.reads]
        )
    return list(merged.values())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module's tests: a running playwright keeps an event loop in this thread, which other tests
    need for their own. A test makes a context of its own: `browser.new_context(...)`.
    """
    executable = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if executable is None:
        pytest.fail("these tests need Chromium; `make test` installs it")
    expect.set_options(timeout=15_000)  # a busy machine is no failure
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS)
        yield chromium
        chromium.close()
