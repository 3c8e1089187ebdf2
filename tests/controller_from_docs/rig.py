"""What stands around the controller: steel and hands, the wire it speaks on, a plug to pull, and the real gateway."""

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from paho.mqtt.client import MQTTMessage

from app.demo.brokers import Broker
from locker_protocol.label import Label, write_label
from locker_protocol.site_entries import (
    CredentialManifest,
    DoorSpec,
    IssueCredential,
    PlanOrder,
    ServiceKey,
    SiteSnapshot,
)
from locker_protocol.site_events import ControllerCameUp, ParcelLoaded
from locker_protocol.telemetry import MinutesKept
from locker_protocol.uplink_messages import EntriesApplied, LoadParcel
from locker_protocol.vocabulary import SizeClass, Zone
from tests.link.gateway_rig import GATEWAY, SERVICE_KEY, SITE_NO, Gateway, Service, Speaker, running_gateway, until
from tests.link.test_gateway_on_brokers import DAY_MS, NOW_MS, parcel
from tests.protocol.contract_document import validator

PROGRAM = Path(__file__).with_name("controller.py")
CONTROLLER = "C1"
TOPIC = f"locker/v1/{GATEWAY}/{CONTROLLER}/"
DOORS = (1, 2, 3, 4, 5, 6, 7, 8)
REFS = {"p1": "ABCD2345", "p2": "BCDE3456"}


class Locker:
    """The cabinet, which outlives its program: doors that spring open when pulsed, and hands in front of it."""

    def __init__(self, bus_url: str, memory: Path) -> None:
        self.bus_url, self.memory = bus_url, memory
        self.is_open = dict.fromkeys(DOORS, False)
        self.pulses: list[int] = []
        self.screens: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._was_on = False
        self._reader: threading.Thread | None = None

    def power_on(self, *, fails: str | None = None) -> None:
        """Start the program; its power goes when it first reaches the step `fails`."""
        stands_open = ",".join(str(door) for door, is_open in self.is_open.items() if is_open)
        options = {"bus": self.bus_url, "gateway": GATEWAY, "controller": CONTROLLER, "memory": str(self.memory)}
        options |= {"doors": ",".join(map(str, DOORS)), "open": stands_open, "zones": "chilled,frozen"}
        options |= {"power-fails": fails} if fails else {}
        if not self._was_on:  # a gateway lets nothing be loaded where no ten cold minutes were measured
            options["cold-for"] = "900"
        self._was_on = True
        command = [sys.executable, str(PROGRAM), *(f"--{name}={value}" for name, value in options.items())]
        # Nothing of this project can be found from where it runs.
        self._process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"]},
            cwd=self.memory.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._feel, args=[self._process])
        self._reader.start()

    def power_off(self) -> None:
        """Cut its power, if it still has any."""
        if self._process is not None:
            self._process.kill()
        self.wait_dark()

    def wait_dark(self) -> None:
        """Wait until its power is gone and what it did last has been done."""
        if self._process is None or self._reader is None:
            return
        self._process.wait(20)
        self._reader.join(20)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()
        self._process = self._reader = None

    def pin(self, line: str) -> None:
        """Let the hardware say something; without power nobody hears it."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def move(self, door: int, *, is_open: bool) -> None:
        """Open or shut a door by hand."""
        self.is_open[door] = is_open
        self.pin(f"contact {door} {'open' if is_open else 'shut'}")

    def scan(self, text: str) -> None:
        """Hold a symbol before the scanner."""
        self.pin(f"scan {json.dumps(text)}")

    def _feel(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "screen":
                self.screens.append(rest)
                continue
            self.pulses.append(int(rest))
            if not self.is_open[int(rest)]:
                self.move(int(rest), is_open=True)


@dataclass(frozen=True)
class Heard:
    """One message on the wire."""

    kind: str
    body: dict[str, Any]
    retained: bool


class Wire(Speaker):
    """Hears what goes over the wire, and can speak as the gateway."""

    def __init__(self, url: str, *kinds: str) -> None:
        self.heard: list[Heard] = []
        super().__init__(url, [TOPIC + kind for kind in kinds])

    def hear(self, message: MQTTMessage) -> None:
        """Keep it; an emptied retained message is none."""
        if message.payload:
            kind = message.topic.rsplit("/", 1)[-1]
            self.heard.append(Heard(kind, json.loads(message.payload), bool(message.retain)))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one type, retained ones left out."""
        return [each.body for each in self.heard if each.body.get("type") == kind and not each.retained]

    def events(self) -> list[dict[str, Any]]:
        """Each numbered event as it was last sent, in order."""
        reports = self.of("Events")
        return list({each["event_no"]: each for report in reports for each in report["events"]}.values())

    def outcomes(self, command_id: str) -> list[str]:
        """What the controller said of one command, in order."""
        told = [each["event"] for each in self.events() if each["event"]["type"] == "UnlockDone"]
        return [each["outcome"] for each in told if each["command_id"] == command_id]


@dataclass
class Rig:
    """One locker, its gateway, and a service at the far end."""

    broker: Broker
    folder: Path
    service: Service
    locker: Locker
    reports: Wire
    commands: Wire
    gateway: Gateway
    _ids: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    def power_on(self, *, fails: str | None = None) -> None:
        """Start the controller and wait until the gateway knows it."""
        known = len(self.service.told(ControllerCameUp))
        self.locker.power_on(fails=fails)
        until(lambda: len(self.service.told(ControllerCameUp)) > known, what="the controller is there")
        until(lambda: bool(self.service.heard(MinutesKept)), what="the gateway knows how cold it is")

    def load(self) -> None:
        """A driver loads both parcels of the order by their labels, behind doors 1 and 2."""
        for door, ref in enumerate(REFS.values(), 1):
            self.load_one(door, ref)

    def load_one(self, door: int, ref: str) -> None:
        """Load one parcel, which is planned for this door."""
        self.ask_to_load(door, ref)
        until(lambda: self.opened(door), what=f"door {door} opens")
        self.locker.move(door, is_open=False)
        until(lambda: len(self.service.told(ParcelLoaded)) == door, what="it is loaded")

    def ask_to_load(self, door: int, ref: str) -> None:
        """A driver's phone reads a label."""
        label = write_label(Label(SITE_NO, 1, ref))
        self.service.send(LoadParcel(f"load{door}", label, "staff-3", NOW_MS + DAY_MS))

    def opened(self, door: int) -> bool:
        """True when the door is open and the controller has said so."""
        moves = [each["event"] for each in self.reports.events() if each["event"].get("door") == door]
        last = [each["type"] for each in moves if each["type"] in {"DoorOpened", "DoorShut"}][-1:]
        return self.locker.is_open[door] and last == ["DoorOpened"]

    def unlock(self, door: int, /, **changes: Any) -> str:
        """Send a fresh unlock of our own; its id."""
        command = self.fresh(door) | changes
        self.send(command)
        return str(command["command_id"])

    def fresh(self, door: int) -> dict[str, Any]:
        """An unlock of our own, as fresh as what was heard last."""
        until(lambda: bool(self._beats()), what="the controller says how far its beat is")
        said = self._beats()[-1]
        return {
            "type": "Unlock",
            "command_id": f"ours{next(self._ids)}",
            "door": door,
            "boot_id": said["boot_id"],
            "beat": said["beat"],
            "order_id": None,
        }

    def _beats(self) -> list[dict[str, Any]]:
        return [each.body for each in self.reports.heard if "beat" in each.body and not each.retained]

    def send(self, command: dict[str, Any], *, retain: bool = False) -> None:
        """Publish a command as the gateway would."""
        self.reports.publish(TOPIC + "command", json.dumps(command).encode(), retain=retain)

    def until_outcomes(self, command_id: str, *outcomes: str) -> None:
        """Wait until the controller has said exactly this of a command."""
        until(
            lambda: self.reports.outcomes(command_id) == list(outcomes),
            what=f"{command_id} is {outcomes}",
        )


@contextmanager
def standing_rig(broker: Broker, folder: Path, *, bus_url: str | None = None) -> Iterator[Rig]:
    """A gateway that knows the site and its one order, and a locker without power."""
    service = Service(broker.url("service"))
    reports, commands = Wire(broker.url(GATEWAY), "report", "presence"), Wire(broker.url("controllers"), "command")
    locker = Locker(bus_url or broker.url("controllers"), folder / "controller.db")
    with running_gateway(broker.url(GATEWAY), folder / "gateway", GATEWAY_CONTROLLERS=CONTROLLER) as gateway:
        rig = Rig(broker, folder, service, locker, reports, commands, gateway)
        try:
            tell_site(service, log_id=f"down-{folder.name[-20:]}")
            yield rig
        finally:
            locker.power_off()
            for speaker in (service, reports, commands):
                speaker.close()
    assert_valid(reports.heard + commands.heard)


def tell_site(service: Service, *, log_id: str) -> None:
    doors = [DoorSpec(door, CONTROLLER, Zone.CHILLED, SizeClass.L, 27_000, 450, 105) for door in DOORS]
    key = ServiceKey(1, SERVICE_KEY.public_key().public_bytes_raw().hex())
    bags = [
        msgspec.structs.replace(parcel(1), parcel_id=parcel_id, ref=ref, doors=[place])
        for place, (parcel_id, ref) in enumerate(REFS.items(), 1)
    ]
    service.tell(
        SiteSnapshot(SITE_NO, doors, [key], [], [], []),
        PlanOrder("o1", bags),
        IssueCredential(CredentialManifest("o1", 7, 1, (1).to_bytes(8).hex(), NOW_MS + DAY_MS)),
        log_id=log_id,
    )
    until(lambda: service.heard(EntriesApplied), what="the plan is applied")


def assert_valid(heard: list[Heard]) -> None:
    """Every message of both sides is what the document says; what a test broke on purpose is not ours."""
    for each in heard:
        kind = str(each.body.get("type"))
        if not str(each.body.get("command_id", "")).startswith("broken"):
            assert [error.message for error in validator(kind).iter_errors(each.body)] == [], each


class Plug:
    """A network cable to the broker. Pulled, both ends lose the connection; held, both keep it and nothing passes."""

    def __init__(self, url: str) -> None:
        self._far = urlsplit(url)
        self._server = socket.create_server(("127.0.0.1", 0))
        near = f"{self._far.username}:{self._far.password}@127.0.0.1:{self._server.getsockname()[1]}"
        self.url = f"mqtt://{near}"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock, self._pulled = threading.Lock(), False
        self._flows = threading.Event()
        self._flows.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self) -> None:
        """Cut every connection and let none in."""
        with self._lock:
            self._pulled = True
            for pair in self._pairs:
                cut(*pair)
            self._pairs.clear()

    def put_back(self) -> None:
        """Let connections in again."""
        with self._lock:
            self._pulled = False

    def hold(self) -> None:
        """Let nothing pass for a while; it waits."""
        self._flows.clear()

    def let_go(self) -> None:
        """Let pass what waits."""
        self._flows.set()

    def close(self) -> None:
        """Take it away."""
        self.let_go()
        self.pull()
        cut(self._server)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                with self._lock:
                    if self._pulled:
                        cut(near)
                        continue
                    far = socket.create_connection((self._far.hostname, self._far.port))
                    self._pairs.append((near, far))
                threading.Thread(target=self._carry, args=[near, far], daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError, ValueError), selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    assert isinstance(key.fileobj, socket.socket)
                    self._flows.wait()
                    data = key.fileobj.recv(65_536)
                    key.data.sendall(data)
                    if not data:
                        cut(near, far)
                        return


def cut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
