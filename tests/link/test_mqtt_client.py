"""The connection to a real broker: its socket, its queue, what a break does to messages on their way."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.client import MQTTMessage

from app.demo.brokers import Broker
from app.demo.ports import free_port
from app.link import metrics
from app.link.mqtt_client import Message, MqttClient, topic_of
from tests.link.hand_gateway import gateway_client, gateway_of

# Presences are kept: those of other tests' gateways may still lie on this broker.
TOPICS = ["caibox/v1/s0/+/up"]


@contextmanager
def connected(url: str, *, inbox: "queue.Queue[Message] | None" = None, topic: str = TOPICS[0]) -> Iterator[MqttClient]:
    client = MqttClient(url, client_id="service-s0", topics=[topic], inbox=inbox or queue.Queue(100))
    stop = threading.Event()
    thread = threading.Thread(target=client.run, args=(stop,))
    thread.start()
    try:
        assert client.wait_until_connected(10)
        yield client
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


def until(happened: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def test_its_socket_sends_without_waiting_for_more(broker: Broker) -> None:
    with connected(broker.url("service")) as client:
        assert client._live is not None
        link = client._live.socket()
        assert isinstance(link, socket.socket)
        assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_qos_1_round_trip_takes_milliseconds(broker: Broker, gateway_id: str) -> None:
    inbox: queue.Queue[Message] = queue.Queue(100)
    with connected(broker.url("service"), inbox=inbox), gateway_client(broker.url(gateway_id), gateway_id) as gateway:
        taken = []
        for number in range(60):
            began = time.monotonic()
            gateway.publish(f"caibox/v1/s0/{gateway_id}/up", str(number).encode(), qos=1)
            assert inbox.get(timeout=5).payload == str(number).encode()
            taken.append(time.monotonic() - began)
    assert sorted(taken)[30] < 0.02


def test_nothing_is_sent_later_that_could_not_be_sent_at_once(broker: Broker, gateway_id: str) -> None:
    silent = MqttClient(f"mqtt://127.0.0.1:{free_port()}", client_id="x", topics=TOPICS, inbox=queue.Queue())
    assert silent.publish(f"caibox/v1/s0/{gateway_id}/down", b"open") is False
    assert not silent.connected


def test_wrong_credentials_are_no_connection_and_no_storm(broker: Broker) -> None:
    url = broker.url("service").replace("service:", "service:not")
    client = MqttClient(url, client_id="wrong", topics=TOPICS, inbox=queue.Queue())
    stop = threading.Event()
    thread = threading.Thread(target=client.run, args=(stop,))
    thread.start()
    time.sleep(1)
    assert not client.connected
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_topics_one_may_not_read_never_arrive(broker: Broker, gateway_id: str) -> None:
    inbox: queue.Queue[Message] = queue.Queue(100)
    with connected(broker.url("service"), inbox=inbox), gateway_client(broker.url(gateway_id), gateway_id) as gateway:
        gateway.publish("caibox/v1/s0/somebody-else/up", b"forged", qos=1)
        gateway.publish(f"caibox/v1/s0/{gateway_id}/up", b"own", qos=1)
        assert inbox.get(timeout=5).payload == b"own"
        assert inbox.empty()


def test_a_full_queue_drops_and_counts_and_the_connection_lives_on(broker: Broker, gateway_id: str) -> None:
    inbox: queue.Queue[Message] = queue.Queue(2)
    before = metrics.DROPPED._value.get()
    with (
        connected(broker.url("service"), inbox=inbox) as client,
        gateway_client(broker.url(gateway_id), gateway_id) as gateway,
    ):
        for number in range(10):
            gateway.publish(f"caibox/v1/s0/{gateway_id}/up", str(number).encode(), qos=1)
        until(lambda: metrics.DROPPED._value.get() - before == 8)
        assert client.connected


def test_a_kept_message_is_marked_as_kept_and_a_live_one_is_not(broker: Broker, gateway_id: str) -> None:
    topic = f"caibox/v1/s0/{gateway_id}/presence"
    with gateway_client(broker.url(gateway_id), gateway_id) as gateway:
        inbox: queue.Queue[Message] = queue.Queue(100)
        gateway.publish(topic, b"", qos=1, retain=True).wait_for_publish(5)
        with connected(broker.url("service"), inbox=inbox, topic=topic):
            gateway.publish(topic, b"live", qos=1, retain=True)
            assert inbox.get(timeout=5) == Message(topic, b"live", retained=False)
        late: queue.Queue[Message] = queue.Queue(100)
        with connected(broker.url("service"), inbox=late, topic=topic):
            assert late.get(timeout=5) == Message(topic, b"live", retained=True)
        gateway.publish(topic, b"", qos=1, retain=True).wait_for_publish(5)


def test_a_topic_that_is_no_utf_8_is_named_by_a_question_mark() -> None:
    assert topic_of(MQTTMessage(topic=b"caibox/\xff")) == "?"


@pytest.fixture
def gateway_id(broker: Broker) -> str:
    """A gateway that both brokers know."""
    return gateway_of(broker)
