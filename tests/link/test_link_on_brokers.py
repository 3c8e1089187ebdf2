"""Both logs over real brokers, of both kinds, while the broker is killed in the middle."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.demo.brokers import BrokerKind, make_broker, uplink_identities
from app.demo.child import Child
from app.demo.ports import free_port
from app.link.command_relay import CommandRelay
from app.link.event_intake import EventIntake, topics_of
from app.link.mqtt_client import Message, MqttClient
from app.link.uplink import Uplink
from locker_protocol.clock import RealClock
from locker_protocol.site_entries import CancelOrder
from locker_protocol.site_events import AccessRefused
from locker_protocol.vocabulary import Refusal, Via
from tests.link.hand_gateway import HandGateway
from tests.link.world import GATEWAY, LOCKER, SHARD, add_entry, add_site, make_settings, one, rows


class KillableBroker:
    """A broker that can be killed and started again on the same port."""

    def __init__(self, kind: BrokerKind, folder: Path) -> None:
        identities = uplink_identities(SHARD, [GATEWAY], {"service": "s", GATEWAY: "g"})
        self.broker = make_broker(kind, name=kind, data=folder, port=free_port(), identities=identities)
        self.broker.prepare()
        self.start()

    def start(self) -> None:
        self.child = Child(self.broker.command())
        until(self.broker.command().ready)

    def kill(self) -> None:
        self.child.kill()


@dataclass
class Running:
    """The service's end, as loops on real time."""

    engine: Engine
    relay: CommandRelay
    link: MqttClient


@contextmanager
def service_on(engine: Engine, url: str) -> Iterator[Running]:
    settings = make_settings(engine.url.render_as_string(hide_password=False), url)
    inbox: queue.Queue[Message] = queue.Queue(1_000)
    link = MqttClient(url, client_id="service-s0", topics=topics_of(SHARD), inbox=inbox)
    uplink = Uplink(link, settings)
    relay = CommandRelay(engine=engine, shard=SHARD, uplink=uplink, clock=RealClock())
    intake = EventIntake(engine=engine, settings=settings, clock=RealClock(), uplink=uplink, relay=relay)
    stop = threading.Event()
    loops: list[Callable[[], Any]] = [
        lambda: link.run(stop),
        lambda: relay.run(stop),
        lambda: intake.run(inbox, stop),
    ]
    threads = [threading.Thread(target=loop) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        assert link.wait_until_connected(10)
        yield Running(engine, relay, link)
    finally:
        stop.set()
        relay.wake.set()
        for thread in threads:
            thread.join(10)


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@pytest.fixture(params=["nats", "mosquitto"])
def killable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KillableBroker]:
    broker = KillableBroker(request.param, tmp_path)
    yield broker
    broker.kill()


@pytest.fixture
def site(db: Engine) -> Engine:
    with db.begin() as conn:
        add_site(conn)
    return db


def keys_of(engine: Engine) -> dict[int, Any]:
    settings = make_settings(engine.url.render_as_string(hide_password=False))
    return {number: key.public_key() for number, key in settings.signing_keys.items()}


def write(engine: Engine, first: int, count: int) -> None:
    for number in range(first, first + count):
        with engine.begin() as conn:
            add_entry(conn, CancelOrder(f"o{number}"))


def orders_of(gateway: HandGateway) -> list[str]:
    return [entry.decode().split('"')[7] for entry in gateway.entries if b"CancelOrder" in entry]


def test_every_entry_arrives_once_and_in_order_though_the_broker_is_killed_twice(
    killable: KillableBroker, site: Engine
) -> None:
    gateway = HandGateway(killable.broker.url(GATEWAY), GATEWAY, keys_of(site))
    with service_on(site, killable.broker.url("service")) as service:
        gateway.start()
        until(lambda: gateway.down is not None)
        for half in range(2):
            write(site, half * 100, 50)
            service.relay.wake.set()
            killable.kill()
            write(site, half * 100 + 50, 50)
            killable.start()
        until(lambda: len(orders_of(gateway)) >= 200)
        until(lambda: bool(one(site, "SELECT down_acked_seq = down_seq FROM gateway")))
        gateway.stop()
    assert orders_of(gateway) == [f"o{number}" for number in range(200)]
    assert one(site, "SELECT count(*) FROM outbox WHERE acked_at IS NULL") == 0


def test_every_event_is_applied_once_and_in_order_though_the_broker_is_killed(
    killable: KillableBroker, site: Engine
) -> None:
    gateway = HandGateway(killable.broker.url(GATEWAY), GATEWAY, keys_of(site))
    gateway.events = [AccessRefused(LOCKER, Via.KEYPAD, Refusal.UNKNOWN, times=number) for number in range(1, 301)]
    with service_on(site, killable.broker.url("service")):
        gateway.start()
        until(lambda: gateway.down is not None)
        killed = False
        deadline = time.monotonic() + 30
        while gateway.events_acked < 300 and time.monotonic() < deadline:
            gateway.send_events()
            gateway.send_events()
            if gateway.events_acked > 100 and not killed:
                killable.kill()
                killable.start()
                killed = True
            time.sleep(0.05)
        gateway.stop()
    assert killed
    found = rows(site, "SELECT seq, (body->>'times')::int FROM site_event ORDER BY seq")
    assert found == [(number, number) for number in range(1, 301)]


def test_an_entry_reaches_its_gateway_within_a_moment(killable: KillableBroker, site: Engine) -> None:
    gateway = HandGateway(killable.broker.url(GATEWAY), GATEWAY, keys_of(site))
    with service_on(site, killable.broker.url("service")) as service:
        gateway.start()
        until(lambda: gateway.down is not None)
        taken = []
        for number in range(30):
            began = time.monotonic()
            write(site, number, 1)
            service.relay.wake.set()
            until(lambda number=number: len(orders_of(gateway)) > number)  # type: ignore[misc]
            taken.append(time.monotonic() - began)
        gateway.stop()
    assert sorted(taken)[15] < 0.2


def test_a_gateway_whose_connection_breaks_is_shown_as_away(killable: KillableBroker, site: Engine) -> None:
    gateway = HandGateway(killable.broker.url(GATEWAY), GATEWAY, keys_of(site))
    with service_on(site, killable.broker.url("service")):
        gateway.start()
        until(lambda: bool(one(site, "SELECT online FROM gateway")))
        link: Any = gateway.client.socket()
        gateway.client.reconnect_delay_set(60, 60)
        link.shutdown(2)
        until(lambda: not one(site, "SELECT online FROM gateway"), seconds=10)
        gateway.stop()
