"""Keys change while people collect: no code that was issued stops to open before its time, and nothing is lost.

Real worker, gateway, database and brokers; the orders and the locker's hands are the test's.
"""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from app.db.engine import transaction
from app.demo.ca import files_of
from app.keys import replace_gateway_key, run_keys
from app.settings import settings_from
from app.use_cases.collecting.show_code import show_code
from locker_protocol.clock import RealClock
from tests.conftest import running_broker
from tests.identity.stand import certified, mosquitto_stands
from tests.link.gateway_rig import (
    GATEWAY,
    LOCKER,
    SERVICE_KEY,
    SHARD,
    SITE_NO,
    Controller,
    Gateway,
    running_gateway,
    until,
)
from tests.link.world import (
    add_credential,
    add_order,
    add_payment,
    add_person,
    add_run,
    add_site,
    one,
)

FIRST = "1:" + base64.b64encode(SERVICE_KEY.private_bytes_raw()).decode()
ORDERS = [f"order-{door}" for door in range(1, 7)]


@dataclass(frozen=True)
class Ground:
    """Two brokers, and what each program must be told to reach them."""

    worker: dict[str, str]
    gateway: dict[str, str]
    controller: Callable[[], Controller]


@pytest.fixture(params=["nats", "mosquitto"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """NATS with passwords as in the demo, Mosquitto with certificates as in a deployment."""
    with ExitStack() as stack:
        if request.param == "nats":
            broker = stack.enter_context(running_broker("nats", tmp_path))
            url = broker.url(GATEWAY)
            yield Ground(
                {"CAIBOX_UPLINK_URL": broker.url("service")},
                {"GATEWAY_UPLINK_URL": url, "GATEWAY_BUS_URL": url},
                lambda: Controller(broker.url("controllers")),
            )
            return
        stands = stack.enter_context(mosquitto_stands(tmp_path, lockers={GATEWAY: [LOCKER]}))
        uplink, bus = (f"mqtts://127.0.0.1:{stands[link].port}" for link in ("uplink", "bus"))
        ca = tmp_path / "ca"
        yield Ground(
            {"CAIBOX_UPLINK_URL": uplink, **shown("CAIBOX", ca, "service")},
            {"GATEWAY_UPLINK_URL": uplink, "GATEWAY_BUS_URL": bus, **shown("GATEWAY", ca, GATEWAY)},
            lambda: Controller(bus, tls=certified(ca, LOCKER)),
        )


def shown(program: str, authority: Path, name: str) -> dict[str, str]:
    files = files_of(authority, name)
    ca = files_of(authority, "ca").cert
    return {
        f"{program}_TLS_CA": str(ca),
        f"{program}_TLS_CERT": str(files.cert),
        f"{program}_TLS_KEY": str(files.key),
    }


@dataclass
class World:
    """A site with six orders behind six doors, and whoever serves it."""

    engine: Engine
    ground: Ground
    folder: Path
    keys: str = FIRST
    more: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the service is told at present."""
        return {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.engine.url.render_as_string(hide_password=False),
            "CAIBOX_SHARD": SHARD,
            "CAIBOX_SECRET_KEY": "not a secret",
            "CAIBOX_SIGNING_KEYS": self.keys,
            "CAIBOX_SANDBOX_SECRET": "not a secret",
            "PYTHONUNBUFFERED": "1",
            **self.ground.worker,
        }

    def start_worker(self) -> None:
        """Start the service's end anew with the present keys, as an update does."""
        self.stop_worker()
        log = self.folder / f"worker-{self.keys.count(',')}{self.keys[:2]}.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.worker"], env=self.environment, stdout=output, stderr=output
            )
        until(lambda: '"event": "ready"' in log.read_text(), what="the worker is ready")

    def stop_worker(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)
            self.process = None

    def keys_step(self, step: Any, *, at_once: bool = False) -> tuple[int, list[str]]:
        """`caibox keys STEP`: its exit code and what it told; the new setting is taken over."""
        out: list[str] = []
        said: list[str] = []
        code = run_keys(self.environment, step, at_once=at_once, out=out.append, say=said.append)
        assert len(out) == (1 if step and code == 0 else 0)
        self.keys = out[0] if out else self.keys
        return code, said

    def confirmed(self) -> bool:
        return "Every site that was ever there has confirmed these keys." in self.keys_step(None)[1]

    def code(self, order: str) -> str:
        """The QR that the order's page shows now."""
        with transaction(self.engine) as conn:
            now = RealClock().now().civil
            return show_code(
                conn, order_id=order, person_id=None, now=now, settings=settings_from(self.environment)
            ).qr_text


@pytest.fixture
def world(db: Engine, ground: Ground, tmp_path: Path) -> Iterator[World]:
    now = RealClock().now().civil
    with db.begin() as conn:
        add_site(conn, gateway=GATEWAY, locker=LOCKER, site_no=SITE_NO, doors=len(ORDERS))
        add_person(conn)
        run = add_run(conn)
        conn.execute(text("UPDATE load_run SET removal_from = :t"), {"t": now + timedelta(days=1)})
        for door, order in enumerate(ORDERS, start=1):
            add_order(conn, order, run=run, state="ready", parcels=("loaded",))
            add_payment(conn, order)
            add_credential(conn, order, handle=door)
            conn.execute(text("UPDATE parcel SET door = :d WHERE order_id = :o"), {"d": door, "o": order})
        conn.execute(text("UPDATE parcel SET collect_until = :t"), {"t": now + timedelta(days=1)})
        conn.execute(
            text("UPDATE credential SET expires_at = :t, made_at = :n"), {"t": now + timedelta(days=1), "n": now}
        )
    world = World(db, ground, tmp_path)
    yield world
    world.stop_worker()


@pytest.fixture
def locker(world: World, ground: Ground) -> Iterator[Controller]:
    controller = ground.controller()
    controller.doors |= dict.fromkeys(range(1, len(ORDERS) + 1), "shut")
    yield controller
    controller.close()


def collect(world: World, locker: Controller, order: str, code: str) -> None:
    """Scan, take, shut; the service hears of it and the order is collected."""
    door = ORDERS.index(order) + 1
    locker.scan(code)
    until(lambda: door in locker.pulses, what=f"{order} opens")
    locker.shut(door)
    until(lambda: state_of(world, order) == "collected", what=f"{order} is collected")


def state_of(world: World, order: str) -> str:
    return str(one(world.engine, "SELECT state FROM customer_order WHERE id = :o", o=order))


def come_alive(world: World, locker: Controller, gateway: Gateway) -> None:
    world.start_worker()
    until(lambda: any(line["event"] == "snapshot_taken" for line in gateway.lines), what="the snapshot")
    locker.be_born()
    until(lambda: any(line["event"] == "controller_came_up" for line in gateway.lines), what="the locker is known")


def test_orders_are_collected_before_during_and_after_a_change_of_keys_by_codes_of_before(
    world: World, locker: Controller, tmp_path: Path
) -> None:
    with running_gateway("", tmp_path / "gateway", **world.ground.gateway) as gateway:
        come_alive(world, locker, gateway)
        old = {order: world.code(order) for order in ORDERS}
        collect(world, locker, ORDERS[0], old[ORDERS[0]])

        until(world.confirmed, what="the first key is confirmed")
        assert world.keys_step("introduce")[0] == 0
        assert world.keys_step("use")[0] == 1  # nobody has heard of it yet
        collect(world, locker, ORDERS[1], old[ORDERS[1]])
        world.start_worker()
        until(world.confirmed, what="both keys are confirmed")
        collect(world, locker, ORDERS[2], old[ORDERS[2]])

        assert world.keys_step("use")[0] == 0
        world.start_worker()
        until(world.confirmed, what="the new key's use is confirmed")
        new = world.code(ORDERS[3])
        assert new != old[ORDERS[3]]
        collect(world, locker, ORDERS[3], new)
        collect(world, locker, ORDERS[4], old[ORDERS[4]])

        kept = world.keys
        code, said = world.keys_step("retire")
        assert (code, world.keys) == (1, kept)
        assert "Codes that the old key signed are good until" in said[0]
        assert world.keys_step("retire", at_once=True)[0] == 0
        world.start_worker()
        until(world.confirmed, what="the old key's end is confirmed")
        locker.scan(old[ORDERS[5]])
        until(lambda: any(show.screen == "refused" for show in locker.shows), what="the old code is refused")
        assert ORDERS.index(ORDERS[5]) + 1 not in locker.pulses
        collect(world, locker, ORDERS[5], world.code(ORDERS[5]))
    assert sorted(locker.pulses) == [1, 2, 3, 4, 5, 6]


def test_a_site_that_is_away_keeps_the_new_key_from_signing(world: World, locker: Controller, tmp_path: Path) -> None:
    with running_gateway("", tmp_path / "gateway", **world.ground.gateway) as gateway:
        come_alive(world, locker, gateway)
        until(world.confirmed, what="the first key is confirmed")
        gateway.stop()
    world.keys_step("introduce")
    world.start_worker()
    kept = world.keys
    code, said = world.keys_step("use")
    assert code == 1
    assert said == [f"Not every site has confirmed the present keys: {GATEWAY}."]
    assert world.keys == kept
    with running_gateway("", tmp_path / "gateway", **world.ground.gateway):
        until(world.confirmed, what="both keys are confirmed")
    assert world.keys_step("use")[0] == 0


def test_started_again_with_the_same_keys_it_tells_nobody_anything(
    world: World, locker: Controller, tmp_path: Path
) -> None:
    with running_gateway("", tmp_path / "gateway", **world.ground.gateway) as gateway:
        come_alive(world, locker, gateway)
        until(world.confirmed, what="the first key is confirmed")
        before = one(world.engine, "SELECT count(*) FROM outbox")
        world.start_worker()
        assert one(world.engine, "SELECT count(*) FROM outbox") == before


def test_what_happened_while_a_gateway_changed_its_key_is_told_once_it_is_believed(
    world: World, locker: Controller, tmp_path: Path
) -> None:
    fresh = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
    with running_gateway("", tmp_path / "gateway", **world.ground.gateway) as gateway:
        come_alive(world, locker, gateway)
        gateway.stop()
    new = {"GATEWAY_PRIVATE_KEY": base64.b64encode(b"n" * 32).decode()}
    with running_gateway("", tmp_path / "gateway", **world.ground.gateway, **new):
        locker.be_born()
        code = world.code(ORDERS[0])
        until(lambda: scan_until_open(locker, code), what="its door opens")
        locker.shut(1)
        rejected = "SELECT count(*) FROM rejected_message WHERE fault = 'bad_signature'"
        until(lambda: one(world.engine, rejected) > 0, what="the service does not believe it")
        assert state_of(world, ORDERS[0]) == "ready"
        said: list[str] = []
        public = base64.b64encode(fresh.public_key().public_bytes_raw()).decode()
        assert replace_gateway_key(world.environment, GATEWAY, public, say=said.append) == 0
        until(lambda: state_of(world, ORDERS[0]) == "collected", what="its events are told", seconds=30)


def scan_until_open(locker: Controller, code: str) -> bool:
    if not locker.pulses:
        locker.scan(code)
        until(lambda: bool(locker.shows or locker.pulses), what="an answer")
    return bool(locker.pulses)


@pytest.mark.parametrize(("gateway", "key"), [("nobody", "A" * 43 + "="), (GATEWAY, "short"), (GATEWAY, "%%")])
def test_a_gateway_or_key_that_is_none_is_a_sentence_and_changes_nothing(db: Engine, gateway: str, key: str) -> None:
    with db.begin() as conn:
        add_site(conn, gateway=GATEWAY)
    before = one(db, "SELECT public_key FROM gateway")
    said: list[str] = []
    url = db.url.render_as_string(hide_password=False)
    environment = {
        "DATABASE_URL": url,
        "CAIBOX_UPLINK_URL": "mqtt://127.0.0.1:1",
        "CAIBOX_SECRET_KEY": "x",
        "CAIBOX_SIGNING_KEYS": FIRST,
        "CAIBOX_SANDBOX_SECRET": "x",
    }
    assert replace_gateway_key(environment, gateway, key, say=said.append) == 1
    assert len(said) == 1
    assert one(db, "SELECT public_key FROM gateway") == before
