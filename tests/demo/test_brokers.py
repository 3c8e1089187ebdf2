"""Both kinds of broker let each identity do its own work and nothing else."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from app.demo.brokers import Broker
from app.demo.environment import SHARD
from locker_protocol.ids import random_id
from locker_protocol.topics import bus_topic, uplink_topic
from tests.conftest import wait_until

DOWN = uplink_topic(SHARD, "osmanthus", "down")
UP = uplink_topic(SHARD, "osmanthus", "up")
PRESENCE = uplink_topic(SHARD, "osmanthus", "presence")


class Heard:
    """A connected client and what it has received."""

    def __init__(self, url: str) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.subscribed = 0
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=random_id(), protocol=mqtt.MQTTv311)
        self.client.on_message = lambda _c, _u, message: self.messages.append((message.topic, bytes(message.payload)))
        self.client.on_subscribe = self._count
        parts = urlsplit(url)
        self.client.username_pw_set(parts.username, parts.password)
        self.address = parts.hostname or "", parts.port or 0

    def _count(self, *_: object) -> None:
        self.subscribed += 1

    def listen_to(self, *topics: str) -> None:
        before = self.subscribed
        for topic in topics:
            self.client.subscribe(topic, 1)
        wait_until(lambda: self.subscribed == before + len(topics), what="subscriptions")

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, 1, retain).wait_for_publish(2)


@contextmanager
def connected(url: str, *, will: str | None = None) -> Iterator[Heard]:
    heard = Heard(url)
    if will:
        heard.client.will_set(will, b"dead", 1)
    heard.client.connect(*heard.address)
    heard.client.loop_start()
    wait_until(heard.client.is_connected, what="connection")
    yield heard
    heard.client.disconnect()
    heard.client.loop_stop()


def test_service_and_gateway_hear_each_other(broker: Broker) -> None:
    with connected(broker.url("service")) as service, connected(broker.url("osmanthus")) as gateway:
        service.listen_to(uplink_topic(SHARD, "+", "up"))
        gateway.listen_to(DOWN)
        gateway.say(UP, b"up")
        service.say(DOWN, b"down")
        wait_until(lambda: service.messages == [(UP, b"up")])
        wait_until(lambda: gateway.messages == [(DOWN, b"down")])


def test_gateway_and_controller_hear_each_other(broker: Broker) -> None:
    command, report = bus_topic("osmanthus", "G1", "command"), bus_topic("osmanthus", "G1", "report")
    with connected(broker.url("osmanthus")) as gateway, connected(broker.url("controllers")) as controller:
        gateway.listen_to(bus_topic("osmanthus", "+", "report"))
        controller.listen_to(command)
        gateway.say(command, b"open")
        controller.say(report, b"opened")
        wait_until(lambda: gateway.messages == [(report, b"opened")])
        wait_until(lambda: controller.messages == [(command, b"open")])


def test_a_gateway_neither_hears_nor_forges_what_is_another_gateways(broker: Broker) -> None:
    with (
        connected(broker.url("service")) as service,
        connected(broker.url("osmanthus")) as own,
        connected(broker.url("sunny")) as other,
    ):
        service.listen_to(UP)
        own.listen_to(DOWN)
        other.listen_to(DOWN, "#", "caibox/#", "$MQTT/sub/#")
        service.say(DOWN, b"for osmanthus")
        other.client.publish(UP, b"forged", 1)
        own.say(UP, b"genuine")
        wait_until(lambda: own.messages == [(DOWN, b"for osmanthus")])
        wait_until(lambda: service.messages == [(UP, b"genuine")])
        assert other.messages == []


def test_a_retained_birth_reaches_who_comes_later(broker: Broker) -> None:
    with connected(broker.url("osmanthus")) as gateway, connected(broker.url("service")) as service:
        gateway.say(PRESENCE, b"born", retain=True)
        service.listen_to(PRESENCE)
        wait_until(lambda: service.messages == [(PRESENCE, b"born")])
        gateway.say(PRESENCE, b"", retain=True)


def test_a_lost_connection_sends_the_will(broker: Broker) -> None:
    with (
        connected(broker.url("service")) as service,
        connected(broker.url("osmanthus"), will=PRESENCE) as gateway,
    ):
        service.listen_to(PRESENCE)
        wire = gateway.client.socket()
        assert isinstance(wire, socket.socket)
        wire.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: (PRESENCE, b"dead") in service.messages)


def test_a_wrong_password_is_refused(broker: Broker) -> None:
    heard = Heard(broker.url("service").replace("service:", "service:x"))
    answers: list[str] = []
    heard.client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(str(reason))
    heard.client.connect(*heard.address)
    heard.client.loop_start()
    wait_until(lambda: "Not authorized" in answers)
    heard.client.loop_stop()


@pytest.mark.parametrize("size_kib", [64, 200])
def test_messages_of_the_sizes_we_send_pass(broker: Broker, size_kib: int) -> None:
    with connected(broker.url("service")) as service, connected(broker.url("osmanthus")) as gateway:
        service.listen_to(UP)
        gateway.say(UP, b"x" * size_kib * 1024)
        wait_until(lambda: [len(payload) for _, payload in service.messages] == [size_kib * 1024])


def test_a_message_beyond_the_limit_is_refused(broker: Broker) -> None:
    with connected(broker.url("service")) as service, connected(broker.url("osmanthus")) as gateway:
        service.listen_to(UP)
        gone: list[object] = []
        gateway.client.on_disconnect = lambda *args: gone.append(args)
        gateway.client.publish(UP, b"x" * 300 * 1024, 1)
        wait_until(lambda: bool(gone), what="the broker to hang up")
        assert service.messages == []
