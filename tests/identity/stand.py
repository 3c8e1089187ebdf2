"""Real brokers with the shipped rights, and everybody who may or may not speak on them.

`witness` and `latecomer` have every right, in these tests only: what they do not hear, nobody could.
"""

import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from app.demo.brokers import Identity, NatsBroker, bus_identities, site_bus_identities, uplink_identities
from app.demo.ca import Member, files_of, keep_authority
from app.demo.environment import SHARD
from app.demo.mutual_tls import local_tls_broker
from app.demo.ports import free_port
from locker_protocol.clock import RealClock
from locker_protocol.ids import random_id
from tests.conftest import running, wait_until

GATEWAYS = ("osmanthus", "sunny")
LOCKERS: Mapping[str, Sequence[str]] = {"osmanthus": ("G1", "G2"), "sunny": ("S1",)}
NOW = RealClock().now().civil
WITNESS, LATECOMER, STRANGER = "witness", "latecomer", "stranger"


@dataclass(frozen=True)
class Stand:
    """One running broker of one link, and how its identities prove who they are."""

    kind: str
    link: str
    port: int
    identities: Sequence[Identity]
    authority: Path | None = None

    def client(self, name: str, client_id: str | None = None) -> mqtt.Client:
        """A client that will prove itself as `name`; not connected yet."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id or random_id(), protocol=mqtt.MQTTv311)
        if self.authority is not None:
            client.tls_set_context(certified(self.authority, name))
        else:
            client.username_pw_set(name, next(each.password for each in self.identities if each.name == name))
        return client


@dataclass
class Voice:
    """A connected client: what it heard, and how often it lost its connection."""

    client: mqtt.Client
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    granted: int = 0
    losses: int = 0

    def listen(self, *filters: str) -> None:
        """Subscribe, and wait until the broker has answered, whatever it answered."""
        wanted = self.granted + len(filters)
        for each in filters:
            self.client.subscribe(each, 1)
        wait_until(lambda: self.granted == wanted, what=f"answers about {filters}")

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1, and wait until the broker has taken it or thrown it away."""
        self.client.publish(topic, payload, 1, retain).wait_for_publish(5)

    def hear(self, message: mqtt.MQTTMessage) -> None:
        """Keep what says something; an empty message only clears what was kept."""
        if message.payload:
            self.heard.append((message.topic, bytes(message.payload)))

    def topics(self) -> set[str]:
        """What was heard about, without the payloads."""
        return {topic for topic, _ in self.heard}


@contextmanager
def speaking(
    stand: Stand, name: str, *filters: str, will: str | None = None, client_id: str | None = None
) -> Iterator[Voice]:
    """Connect as `name` and subscribe."""
    client = stand.client(name, client_id)
    voice = Voice(client)
    if will is not None:
        client.will_set(will, f"will of {name}".encode(), 1, retain=True)
    client.on_message = lambda _c, _u, message: voice.hear(message)
    client.on_subscribe = lambda *_: _count(voice, "granted")
    client.on_disconnect = lambda *_: _count(voice, "losses")
    client.connect("127.0.0.1", stand.port)
    client.loop_start()
    try:
        wait_until(client.is_connected, what=f"{name} is connected")
        voice.listen(*filters)
        yield voice
    finally:
        client.disconnect()
        client.loop_stop()


def answer_to(client: mqtt.Client, port: int) -> str:
    """Try to connect; what the broker or TLS says: `Success`, or anything else."""
    told: list[str] = []
    done = threading.Event()

    def note(text: str) -> None:
        told.append(text)
        done.set()

    client.on_connect = lambda _c, _u, _f, reason, _p: note(str(reason))
    client.on_disconnect = lambda _c, _u, _f, reason, _p: note(f"hung up: {reason}")
    client._reconnect_on_failure = False
    try:
        client.connect("127.0.0.1", port)
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    client.loop_start()
    assert done.wait(10), "the broker says nothing"
    client.disconnect()
    client.loop_stop()
    return told[0]


def certified(authority: Path, name: str) -> ssl.SSLContext:
    """Whom the authority signed, believing in it."""
    context = ssl.create_default_context(cafile=str(files_of(authority, "ca").cert))
    files = files_of(authority, name)
    context.load_cert_chain(str(files.cert), str(files.key))
    return context


@contextmanager
def mosquitto_stands(folder: Path, *, lockers: Mapping[str, Sequence[str]] = LOCKERS) -> Iterator[dict[str, Stand]]:
    """Both links on Mosquitto with certificates, as a deployment has them."""
    controllers = [name for names in lockers.values() for name in names]
    servers = [Member(link, ("127.0.0.1",)) for link in ("uplink", "bus")]
    clients = [Member(name) for name in ("service", *GATEWAYS, *controllers, WITNESS, LATECOMER, STRANGER)]
    keep_authority(folder / "ca", [*servers, *clients], now=NOW)
    seers = [Identity(name, None, writes=["#"], reads=["#", "$SYS/#"]) for name in (WITNESS, LATECOMER)]
    rights = {
        "uplink": [*uplink_identities(SHARD, GATEWAYS, {}), *seers],
        "bus": [*(each for one, names in lockers.items() for each in site_bus_identities(one, names)), *seers],
    }
    with ExitStack() as stack:
        stands = {}
        for link, identities in rights.items():
            port = free_port()
            command = local_tls_broker(
                link, folder / link, port, authority=folder / "ca", server=link, identities=identities
            )
            stack.enter_context(running(command))
            stands[link] = Stand("mosquitto", link, port, identities, folder / "ca")
        yield stands


@contextmanager
def nats_stands(folder: Path) -> Iterator[dict[str, Stand]]:
    """Both links on NATS with passwords, as the demo has them."""
    passwords = {name: random_id() for name in ("service", "controllers", *GATEWAYS)}
    seers = [Identity(name, random_id(), writes=[">"], reads=[">"]) for name in (WITNESS, LATECOMER)]
    rights = {
        "uplink": [*uplink_identities(SHARD, GATEWAYS, passwords), *seers],
        "bus": [*bus_identities(GATEWAYS, passwords), *seers],
    }
    with ExitStack() as stack:
        stands = {}
        for link, identities in rights.items():
            port = free_port()
            broker = NatsBroker(link, folder / link, folder / f"{link}.log", port, identities)
            broker.prepare()
            stack.enter_context(running(broker.command()))
            stands[link] = Stand("nats", link, port, identities)
        yield stands


def _count(voice: Any, what: str) -> None:
    setattr(voice, what, getattr(voice, what) + 1)
