"""MQTT brokers as the demo and the tests run them: nats-server from its wheel, or Mosquitto.

Both take the same list of identities, each with a password and the topics it may write and read, and refuse the rest.
A broker is trusted with nothing more: it may lose everything it was given (docs/invariants.md).
"""

import base64
import hashlib
import json
import os
import shutil
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from app.demo.child import Command
from app.demo.ports import answers
from locker_protocol.ids import random_bytes
from locker_protocol.topics import bus_topic, uplink_topic

BrokerKind = Literal["nats", "mosquitto"]
MAX_PACKET_BYTES = 256 * 1024  # ours are at most 64 KiB


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may do what; topics as in MQTT, with `+` for one level. Without a password only a certificate proves it."""

    name: str
    password: str | None
    writes: Sequence[str]
    reads: Sequence[str]


class Broker(Protocol):
    """What both kinds offer."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the stack calls it."""

    @abstractmethod
    def prepare(self) -> None:
        """Write its configuration."""

    @abstractmethod
    def command(self) -> Command:
        """How to start it."""

    @abstractmethod
    def url(self, identity: str) -> str:
        """`mqtt://user:password@host:port` for one identity."""


def make_broker(kind: BrokerKind, *, name: str, data: Path, port: int, identities: Sequence[Identity]) -> Broker:
    """Choose the kind. It keeps its files in `data`/`name` and its log in `data`/log."""
    make = NatsBroker if kind == "nats" else MosquittoBroker
    return make(name, data / name, data / "log" / f"{name}.log", port, identities)


def uplink_identities(shard: str, gateways: Sequence[str], passwords: Mapping[str, str]) -> list[Identity]:
    """The service reads every gateway of its shard and writes to each; a gateway knows only its own topics.

    Who shows a certificate needs no password.
    """
    service = Identity(
        "service",
        passwords.get("service"),
        writes=[uplink_topic(shard, "+", "down")],
        reads=[uplink_topic(shard, "+", "up"), uplink_topic(shard, "+", "presence")],
    )
    return [service, *(_gateway_on_uplink(shard, gateway, passwords.get(gateway)) for gateway in gateways)]


def site_bus_identities(gateway: str, controllers: Sequence[str]) -> list[Identity]:
    """One building's bus: each controller speaks for itself alone and hears its own commands."""
    return [_gateway_on_bus(gateway, None), *(_controller(gateway, controller) for controller in controllers)]


def bus_identities(gateways: Sequence[str], passwords: Mapping[str, str]) -> list[Identity]:
    """A gateway commands its own controllers; the simulated controllers of all sites share one identity."""
    controllers = Identity(
        "controllers",
        passwords.get("controllers"),
        writes=[bus_topic("+", "+", "report"), bus_topic("+", "+", "presence")],
        reads=[bus_topic("+", "+", "command")],
    )
    return [controllers, *(_gateway_on_bus(gateway, passwords.get(gateway)) for gateway in gateways)]


def _controller(gateway: str, controller: str) -> Identity:
    own = [bus_topic(gateway, controller, "report"), bus_topic(gateway, controller, "presence")]
    return Identity(controller, None, writes=own, reads=[bus_topic(gateway, controller, "command")])


def _gateway_on_uplink(shard: str, gateway: str, password: str | None) -> Identity:
    own = [uplink_topic(shard, gateway, "up"), uplink_topic(shard, gateway, "presence")]
    return Identity(gateway, password, writes=own, reads=[uplink_topic(shard, gateway, "down")])


def _gateway_on_bus(gateway: str, password: str | None) -> Identity:
    heard = [bus_topic(gateway, "+", "report"), bus_topic(gateway, "+", "presence")]
    return Identity(gateway, password, writes=[bus_topic(gateway, "+", "command")], reads=heard)


@dataclass(frozen=True, slots=True)
class NatsBroker:
    """nats-server with its MQTT 3.1.1 listener."""

    name: str
    folder: Path
    log: Path
    port: int
    identities: Sequence[Identity]

    def prepare(self) -> None:
        """Write its configuration, which its owner alone can read."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(self._config, json.dumps(self._settings(), indent=1))

    def command(self) -> Command:
        """How to start it. Go would take all processors and as much memory as it likes."""
        argv = [str(Path(sys.executable).with_name("nats-server")), "--config", str(self._config)]
        env = {"PATH": os.defpath, "GOMAXPROCS": "2", "GOMEMLIMIT": "96MiB"}
        return Command(self.name, argv, env, self.log, ready=lambda: answers(self.port))

    def url(self, identity: str) -> str:
        """`mqtt://user:password@host:port`."""
        return _url(self.identities, identity, self.port)

    @property
    def _config(self) -> Path:
        return self.folder / "nats.json"

    def _settings(self) -> dict[str, object]:
        return {
            "server_name": self.name,
            "listen": "127.0.0.1:-1",  # its own protocol, which nothing here speaks, on whatever port is free
            "max_payload": MAX_PACKET_BYTES,
            "logtime_utc": True,
            "jetstream": {"store_dir": str(self.folder / "store"), "max_mem": 32 << 20, "max_file": 512 << 20},
            "mqtt": {"listen": f"127.0.0.1:{self.port}", "max_ack_pending": 1000},
            "authorization": {"users": [_nats_user(identity) for identity in self.identities]},
        }


def _nats_user(identity: Identity) -> dict[str, object]:
    # NATS delivers QoS 1 to a subscriber through $MQTT.sub.…, which it must therefore be allowed to read.
    reads = [*(_subject(topic) for topic in identity.reads), "$MQTT.sub.>"]
    writes = [_subject(topic) for topic in identity.writes]
    permissions = {"publish": {"allow": writes}, "subscribe": {"allow": reads}}
    return {"user": identity.name, "password": identity.password, "permissions": permissions}


def _subject(topic: str) -> str:
    return topic.replace("/", ".").replace("+", "*")


TUNED_MOSQUITTO = (
    "allow_anonymous false",
    # Nagle against delayed ACK makes a QoS 1 round trip 44 ms a side longer.
    "set_tcp_nodelay true",
    f"max_packet_size {MAX_PACKET_BYTES}",
    "persistence true",
    "autosave_interval 60",
    "log_dest stderr",
    "log_timestamp_format %Y-%m-%dT%H:%M:%S",
)


def mosquitto_passwords(identities: Sequence[Identity]) -> str:
    """Write a password file; it holds hashes only."""
    return "".join(_password_line(identity) for identity in identities)


def mosquitto_rights(identities: Sequence[Identity]) -> str:
    """Write an ACL file: each identity and what it may read and write, and nothing for anybody else."""
    return "\n".join(_acl(identity) for identity in identities)


@dataclass(frozen=True, slots=True)
class MosquittoBroker:
    """Mosquitto 2, from the machine's packages."""

    name: str
    folder: Path
    log: Path
    port: int
    identities: Sequence[Identity]

    def prepare(self) -> None:
        """Write its configuration, passwords and rights, which its owner alone can read."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(self.folder / "passwords", mosquitto_passwords(self.identities))
        _write_private(self.folder / "acl", mosquitto_rights(self.identities))
        _write_private(self.folder / "mosquitto.conf", "\n".join(self._settings()) + "\n")

    def command(self) -> Command:
        """How to start it."""
        argv = [find_mosquitto() or "mosquitto", "-c", str(self.folder / "mosquitto.conf")]
        return Command(self.name, argv, {"PATH": os.defpath}, self.log, ready=lambda: answers(self.port))

    def url(self, identity: str) -> str:
        """`mqtt://user:password@host:port`."""
        return _url(self.identities, identity, self.port)

    def _settings(self) -> list[str]:
        return [
            f"listener {self.port} 127.0.0.1",
            *TUNED_MOSQUITTO,
            f"password_file {self.folder / 'passwords'}",
            f"acl_file {self.folder / 'acl'}",
            f"persistence_location {self.folder}/",
            # Started by root it would become a user who cannot read our folder.
            *(["user root"] if os.geteuid() == 0 else []),
        ]


def find_mosquitto() -> str | None:
    """Where Mosquitto is; Debian puts it in sbin, which ordinary users' PATH leaves out."""
    return shutil.which(
        "mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    )


def _acl(identity: Identity) -> str:
    lines = [f"user {identity.name}"]
    lines += [f"topic write {topic}" for topic in identity.writes]
    lines += [f"topic read {topic}" for topic in identity.reads]
    return "\n".join(lines) + "\n"


def _password_line(identity: Identity) -> str:
    """As mosquitto_passwd writes it: PBKDF2-SHA512, `$7$rounds$salt$hash`. Ours are 192 random bits: few rounds do."""
    assert identity.password is not None, "this broker asks for passwords"
    salt, rounds = random_bytes(12), 101
    digest = hashlib.pbkdf2_hmac("sha512", identity.password.encode(), salt, rounds)
    return f"{identity.name}:$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def _url(identities: Sequence[Identity], name: str, port: int) -> str:
    identity = next(each for each in identities if each.name == name)
    return f"mqtt://{identity.name}:{identity.password}@127.0.0.1:{port}"


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
