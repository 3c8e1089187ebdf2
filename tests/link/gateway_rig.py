"""`python -m locker_gateway` as it is started, with a service and a controller that speak to it over a real broker."""

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from locker_protocol.bus_messages import (
    Beat,
    CodeScanned,
    Command,
    ControllerBirth,
    ControllerEvent,
    DoorOpened,
    DoorReading,
    DoorShut,
    DoorState,
    Echo,
    Events,
    EventsReceived,
    Show,
    Unlock,
    UnlockDone,
    number_event,
)
from locker_protocol.codec import decode, encode
from locker_protocol.signing import Direction, seal, unseal
from locker_protocol.site_events import SiteEvent
from locker_protocol.topics import bus_topic, uplink_topic
from locker_protocol.uplink_messages import Down, DownBatch, EventsApplied, NumberedEntry, Presence, Up, UpBatch

GATEWAY, SHARD, LOCKER = "osmanthus", "s0", "T1"
SITE_NO = 7
SERVICE_KEY = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
GATEWAY_SEED = b"g" * 32
GATEWAY_KEY = Ed25519PrivateKey.from_private_bytes(GATEWAY_SEED)


def until(happened: Callable[[], Any], *, what: str, seconds: float = 20) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.005)


class Speaker:
    """One MQTT client that counts what it hears."""

    def __init__(self, url: str, topics: list[str], *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        if tls is not None:
            self._client.tls_set_context(tls)
        else:
            self._client.username_pw_set(parts.username or "", parts.password)
        self._client.on_socket_open = lambda _client, _data, sock: sock.setsockopt(6, 1, 1)  # type: ignore[attr-defined]
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.hear(message)
        self._client.connect(parts.hostname or "", parts.port or 0)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    @property
    def connected(self) -> bool:
        """True while it is."""
        return self._client.is_connected()

    def hear(self, message: MQTTMessage) -> None:
        """Take one message."""
        raise NotImplementedError

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Send one message."""
        self._client.publish(topic, payload, qos=qos, retain=retain)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


class Service(Speaker):
    """The order service's end: numbers entries, applies events once and in order, acknowledges."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.presences: list[Any] = []
        self.messages: list[Any] = []
        self.events: list[SiteEvent] = []
        self.log_id = ""
        self.applied = 0
        self.down_seq = 0
        super().__init__(url, [uplink_topic(SHARD, GATEWAY, "up"), uplink_topic(SHARD, GATEWAY, "presence")], tls=tls)

    def hear(self, message: MQTTMessage) -> None:
        """Take what the gateway says."""
        keys = {1: GATEWAY_KEY.public_key()}
        body = unseal(bytes(message.payload), direction=Direction.UP, gateway=GATEWAY, keys=keys)
        if message.topic.endswith("presence"):
            self.presences.append(decode(body, Presence))
            return
        heard = decode(body, Up)
        self.messages.append(heard)
        if isinstance(heard, UpBatch):
            self._apply(heard)

    def tell(self, *entries: msgspec.Struct, log_id: str = "down1") -> None:
        """Send the next entries down."""
        numbered = [
            NumberedEntry(self.down_seq + place, 0, msgspec.Raw(encode(entry)))
            for place, entry in enumerate(entries, 1)
        ]
        self.down_seq += len(entries)
        self.send(DownBatch(log_id, numbered))

    def send(self, message: Down) -> None:
        """Seal and send."""
        frame = seal(encode(message), direction=Direction.DOWN, gateway=GATEWAY, key_id=1, key=SERVICE_KEY)
        self.publish(uplink_topic(SHARD, GATEWAY, "down"), frame)

    def heard(self, kind: type) -> list[Any]:
        """Messages of one kind."""
        return [message for message in self.messages if isinstance(message, kind)]

    def told(self, kind: type) -> list[Any]:
        """Events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def _apply(self, batch: UpBatch) -> None:
        if batch.log_id != self.log_id:
            self.log_id, self.applied = batch.log_id, 0
        for numbered in batch.events:
            if numbered.seq == self.applied + 1:
                self.applied = numbered.seq
                self.events.append(decode(bytes(numbered.event), SiteEvent))
        self.send(EventsApplied(batch.log_id, self.applied))


class Controller(Speaker):
    """A locker of three doors that obeys at once; `unlocked_s` is when each unlock came."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._lock = threading.RLock()
        self._born_s = time.monotonic()
        self._pending: list[tuple[int, float, ControllerEvent]] = []
        self._done: dict[str, UnlockDone] = {}
        self.event_no = 0
        self.doors: dict[int, DoorState] = {1: "shut", 2: "shut", 3: "shut"}
        self.unlocked_s: list[float] = []
        self.pulses: list[int] = []
        self.shows: list[Show] = []
        self.echo: int | None = None
        self._stopping = threading.Event()
        super().__init__(url, [bus_topic(GATEWAY, LOCKER, "command")], tls=tls)
        self.be_born()
        self._beating = threading.Thread(target=self._beat_on, daemon=True)
        self._beating.start()

    @property
    def beat(self) -> int:
        """Seconds since boot."""
        return int(time.monotonic() - self._born_s)

    def hear(self, message: MQTTMessage) -> None:
        """Obey."""
        came_s = time.monotonic()
        command = decode(bytes(message.payload), Command)
        with self._lock:
            match command:
                case Unlock():
                    self.unlocked_s.append(came_s)
                    self._unlock(command)
                case EventsReceived():
                    self._pending = [each for each in self._pending if each[0] > command.event_no]
                case Echo():
                    self.echo = command.echo
                case Show():
                    self.shows.append(command)

    def scan(self, text: str) -> float:
        """Hold a code before the scanner; returns when."""
        at_s = time.monotonic()
        self._happen(CodeScanned(text))
        return at_s

    def shut(self, door: int) -> None:
        """Push a door shut."""
        with self._lock:
            self.doors[door] = "shut"
            self._happen(DoorShut(door))

    def be_born(self) -> None:
        """Connect, as after each boot."""
        birth = ControllerBirth("boot1", self.beat, "memory1", self.event_no, "power_on", "rig", self._readings(), [])
        self.publish(bus_topic(GATEWAY, LOCKER, "presence"), encode(birth), retain=True)

    def close(self) -> None:
        """Leave."""
        self._stopping.set()
        self._beating.join()
        super().close()

    def _unlock(self, command: Unlock) -> None:
        done = self._done.get(command.command_id)
        if done is None:
            done = UnlockDone(command.command_id, command.door, "pulsed")
            self._done[command.command_id] = done
            self.pulses.append(command.door)
            self.doors[command.door] = "open"
            self._happen(done, DoorOpened(command.door, command.command_id))
        else:
            self._happen(done)

    def _happen(self, *events: ControllerEvent) -> None:
        with self._lock:
            for event in events:
                self.event_no += 1
                self._pending.append((self.event_no, time.monotonic(), event))
            self._report()

    def _report(self) -> None:
        now_s = time.monotonic()
        numbered = [number_event(no, int((now_s - at) * 1000), event) for no, at, event in self._pending[:32]]
        self.publish(
            bus_topic(GATEWAY, LOCKER, "report"), encode(Events("boot1", self.beat, "memory1", numbered, self.echo))
        )

    def _beat_on(self) -> None:
        while not self._stopping.wait(1):
            with self._lock:
                if self._pending:
                    self._report()
                beat = Beat("boot1", self.beat, "memory1", self.event_no, self._readings(), [], self.echo)
                self.publish(bus_topic(GATEWAY, LOCKER, "report"), encode(beat), qos=0)

    def _readings(self) -> list[DoorReading]:
        return [DoorReading(door, state) for door, state in self.doors.items()]


class Gateway:
    """The program, running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait_ready(self) -> None:
        """Wait until both links are up."""
        until(lambda: any(line["event"] == "ready" for line in self.lines), what="ready")

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))


@contextmanager
def running_gateway(url: str, data: Path, **more: str) -> Iterator[Gateway]:
    """Start the program on one broker for both links, wait until it is ready, and end it."""
    with starting_gateway(url, data, **more) as gateway:
        gateway.wait_ready()
        yield gateway


@contextmanager
def starting_gateway(url: str, data: Path, **more: str) -> Iterator[Gateway]:
    """Start the program, and end it."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_ID": GATEWAY,
        "GATEWAY_SITE_NO": str(SITE_NO),
        "GATEWAY_SHARD": SHARD,
        "GATEWAY_DATA": str(data),
        "GATEWAY_UPLINK_URL": url,
        "GATEWAY_BUS_URL": url,
        "GATEWAY_SERVICE_KEYS": f"1:{_base64(SERVICE_KEY.public_key().public_bytes_raw())}",
        "GATEWAY_PRIVATE_KEY": _base64(GATEWAY_SEED),
        "GATEWAY_CONTROLLERS": LOCKER,
        **more,
    }
    command = [sys.executable, "-m", "locker_gateway"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        gateway = Gateway(process)
        try:
            yield gateway
        finally:
            if process.poll() is None:
                gateway.kill()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
