"""The links: what needs no broker. The rest is in `tests/link/test_gateway_on_brokers.py`."""

import threading
import time
from queue import Queue

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from locker_gateway.inputs import Input, Tick, UplinkDown, UplinkUp
from locker_gateway.mqtt_links import Link, Plan
from locker_gateway.outputs import Publish
from locker_gateway.settings import BrokerAddress


def test_a_full_inbox_makes_the_link_wait_and_loses_nothing() -> None:
    inbox: Queue[Input] = Queue(1)
    inbox.put(Tick())
    link = make_link(inbox)
    waiting = threading.Thread(target=link._put, args=(UplinkUp(),))
    waiting.start()
    time.sleep(0.6)  # longer than it waits at a time
    assert waiting.is_alive()
    assert inbox.get() == Tick()
    waiting.join(5)
    assert inbox.get() == UplinkUp()


def test_what_is_sent_while_the_link_is_down_is_dropped() -> None:
    assert not make_link(Queue(1)).publish(Publish("uplink", "a/b", b"x", 1))


def test_a_broker_that_is_not_there_is_told_and_tried_again() -> None:
    said: list[str] = []
    link = make_link(Queue(1), said)
    link.start()
    deadline = time.monotonic() + 10
    while said.count("link_failed") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    link.stop()
    assert said.count("link_failed") >= 2


def test_a_topic_that_is_no_text_is_no_topic_of_ours_and_ends_nothing() -> None:
    inbox: Queue[Input] = Queue(1)
    link = make_link(inbox)
    link._on_message(Client(CallbackAPIVersion.VERSION2), None, MQTTMessage(topic=b"locker/v1/\xff"))
    assert inbox.get_nowait() == Tick()


def make_link(inbox: Queue[Input], said: list[str] | None = None) -> Link:
    address = BrokerAddress("127.0.0.1", 9, None, None, tls=False)  # nobody listens on the discard port
    plan = Plan("uplink", "test", address, None, (), UplinkUp(), UplinkDown(), lambda *_: Tick())
    return Link(plan, inbox, lambda event, _fields: (said if said is not None else []).append(event))
