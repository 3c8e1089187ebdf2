"""Unlocks leave in the granting thread while paho's own reads and writes: over TLS not a byte is lost or mixed up."""

import queue
import threading
from pathlib import Path

from app.demo.ca import files_of
from locker_gateway.inputs import BusDown, BusMessage, BusUp, Input
from locker_gateway.mqtt_links import Link, Plan
from locker_gateway.outputs import Publish
from locker_gateway.settings import BrokerAddress, TlsFiles
from tests.conftest import wait_until
from tests.identity.stand import Stand, speaking

COMMAND, REPORT = "locker/v1/osmanthus/G1/command", "locker/v1/osmanthus/G1/report"
MANY, LARGE = 400, 30_000


def open_link(stand: Stand, inbox: "queue.Queue[Input]") -> Link:
    assert stand.authority is not None
    files = files_of(stand.authority, "osmanthus")
    plan = Plan(
        name="bus",
        client_id="osmanthus-bus",
        address=BrokerAddress("127.0.0.1", stand.port, None, None, tls=True),
        tls=TlsFiles(files_of(stand.authority, "ca").cert, files.cert, files.key),
        topics=(REPORT,),
        up=BusUp(),
        down=BusDown(),
        heard=lambda topic, payload, retained: BusMessage(topic, payload, 0, retained),
    )
    link = Link(plan, inbox, lambda _event, _fields: None)
    link.start()
    assert inbox.get(timeout=10) == BusUp()
    return link


def test_large_messages_unlocks_and_what_is_heard_share_one_connection(
    mosquitto: dict[str, Stand], tmp_path: Path
) -> None:
    inbox: queue.Queue[Input] = queue.Queue()
    with speaking(mosquitto["bus"], "G1", COMMAND) as controller:
        link = open_link(mosquitto["bus"], inbox)

        def flood() -> None:
            for number in range(MANY):
                controller.client.publish(REPORT, b"%04d" % number * (LARGE // 4), 1)

        reporting = threading.Thread(target=flood)
        reporting.start()
        for number in range(MANY):
            large = b"%04d" % number * (LARGE // 4)
            assert link.publish(Publish("bus", COMMAND, large, 0))
            assert link.publish(Publish("bus", COMMAND, b"unlock %d" % number, 1, unlocks=True))
        reporting.join()
        reports = [inbox.get(timeout=20) for _ in range(MANY)]
        wait_until(lambda: len(controller.heard) == 2 * MANY, what="all commands")
        link.stop()
    assert all(isinstance(each, BusMessage) and len(set(chunks(each.payload))) == 1 for each in reports)
    heard = [said for _, said in controller.heard]
    assert [said for said in heard if len(said) < LARGE] == [b"unlock %d" % number for number in range(MANY)]
    assert [said[:4] for said in heard if len(set(chunks(said))) == 1] == [b"%04d" % number for number in range(MANY)]


def chunks(payload: bytes) -> list[bytes]:
    """A large message says one thing over and over; of a small one there are none."""
    if len(payload) != LARGE:
        return []
    return [payload[at : at + 4] for at in range(0, LARGE, 4)]
