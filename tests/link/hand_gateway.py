"""A gateway of few words, for tests of the service's end: keeps both logs in memory, on a real connection."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from locker_protocol.codec import decode
from locker_protocol.signing import Direction, unseal
from locker_protocol.site_entries import LogPosition
from locker_protocol.site_events import SiteEvent
from locker_protocol.topics import uplink_topic
from locker_protocol.uplink_messages import Down, DownBatch, EntriesApplied, EventsApplied, GatewayBirth, GatewayDeath
from tests.link.world import SHARD, START, sealed, up_batch, wire_ms


def gateway_of(broker: Any) -> str:
    """The first gateway that a test's broker knows."""
    names: list[str] = [each.name for each in broker.identities]
    return next(name for name in names if name not in {"service", "controllers"})


@contextmanager
def gateway_client(url: str, gateway: str) -> Iterator[paho.Client]:
    """A bare connection as this gateway."""
    client = new_client(url, gateway)
    client.connect(urlsplit(url).hostname or "", urlsplit(url).port or 0, 20)
    client.loop_start()
    try:
        while not client.is_connected():
            threading.Event().wait(0.01)
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def new_client(url: str, gateway: str) -> paho.Client:
    parts = urlsplit(url)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=gateway, clean_session=True)
    client.username_pw_set(parts.username, parts.password)
    client.reconnect_delay_set(1, 1)
    return client


class HandGateway:
    """Applies what comes next and acknowledges; sends events until they are acknowledged."""

    def __init__(self, url: str, gateway: str, service_keys: dict[int, Ed25519PublicKey]) -> None:
        self.id = gateway
        self.url = urlsplit(url)
        self.service_keys = service_keys
        self.down: LogPosition | None = None
        self.entries: list[bytes] = []
        self.events: list[SiteEvent] = []
        self.events_acked = 0
        self.others: list[Any] = []
        self.boot_id = "boot-a"
        self.client = new_client(url, gateway)
        will = sealed(GatewayDeath(self.boot_id), gateway)
        self.client.will_set(uplink_topic(SHARD, gateway, "presence"), will, qos=1, retain=True)
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message

    def start(self) -> None:
        self.client.connect_async(self.url.hostname or "", self.url.port or 0, 20)
        self.client.loop_start()

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def say(self, message: msgspec.Struct, *, qos: int = 1) -> None:
        kind: Any = "presence" if isinstance(message, GatewayBirth) else "up"
        self.client.publish(
            uplink_topic(SHARD, self.id, kind), sealed(message, self.id), qos=qos, retain=kind == "presence"
        )

    def send_events(self) -> None:
        """What is not acknowledged, again; as its 2 s timer would."""
        waiting = self.events[self.events_acked :]
        if waiting:
            self.say(up_batch(waiting[:64], first=self.events_acked + 1))

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(uplink_topic(SHARD, self.id, "down"), qos=1)
        up = LogPosition("log-a", len(self.events))
        self.say(GatewayBirth(self.boot_id, wire_ms(START), "hand", self.down, up))

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        body = unseal(bytes(message.payload), direction=Direction.DOWN, gateway=self.id, keys=self.service_keys)
        said: Down = decode(body, Down)
        if isinstance(said, DownBatch):
            self._take(said)
        elif isinstance(said, EventsApplied):
            self.events_acked = max(self.events_acked, said.seq)
        else:
            self.others.append(said)

    def _take(self, batch: DownBatch) -> None:
        if self.down is None or self.down.log_id != batch.log_id:
            if batch.entries[0].seq != 1:
                return
            self.down, self.entries = LogPosition(batch.log_id, 0), []
        for entry in batch.entries:
            if entry.seq == self.down.seq + 1:
                self.entries.append(bytes(entry.entry))
                self.down = LogPosition(batch.log_id, entry.seq)
        self.say(EntriesApplied(batch.log_id, self.down.seq))
