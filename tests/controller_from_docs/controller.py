"""A locker's controller written from docs/controller-guide.md and docs/asyncapi.yaml alone, as somebody else would.

It imports nothing of Caibox. Its pins are lines: what the hardware does comes in on standard input (`contact 2 open`,
`scan "text"`, `key 7`, `probe chilled 2.5 none`, `supply off`), what it does to the hardware goes out on standard
output (`pulse 2`, `screen opening 2`). `--power-fails STEP` cuts its power, by SIGKILL, when it first is there.
"""

import argparse
import json
import os
import queue
import random
import re
import secrets
import signal
import socket
import sqlite3
import sys
import threading
import time
import unicodedata
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

COLD = {"frozen": -20.0, "chilled": 2.5, "cool": 12.0, "ambient": 20.0}
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,32}")
LARGEST = 2**53 - 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS ring
    (place INTEGER PRIMARY KEY AUTOINCREMENT, command_id TEXT UNIQUE, door INT, outcome TEXT);
CREATE TABLE IF NOT EXISTS awaited (door INTEGER PRIMARY KEY, command_id TEXT);
CREATE TABLE IF NOT EXISTS waiting (event_no INTEGER PRIMARY KEY, boot_id TEXT, at_ms INT, event TEXT);
CREATE TABLE IF NOT EXISTS stands_open (door INTEGER PRIMARY KEY);
"""


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def tell_hardware(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Memory:
    """What outlives power loss, in SQLite: when a `with self.db` block ends, it is on the medium."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        with self.db:
            self.db.executescript(SCHEMA)
            self.db.execute("INSERT OR IGNORE INTO counter VALUES ('store_id', ?)", (secrets.token_hex(16),))
            self.db.execute("INSERT OR IGNORE INTO counter VALUES ('event_no', 0)")

    def counter(self, name: str) -> Any:
        return self.db.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()[0]

    def outcome_of(self, command_id: str) -> tuple[int, str] | None:
        row: tuple[int, str] | None = self.db.execute(
            "SELECT door, outcome FROM ring WHERE command_id = ?", (command_id,)
        ).fetchone()
        return row

    def keep_command(self, command_id: str, door: int, outcome: str) -> None:
        with self.db:
            self.db.execute(
                "INSERT INTO ring (command_id, door, outcome) VALUES (?, ?, ?)", (command_id, door, outcome)
            )
            self.db.execute("DELETE FROM ring WHERE place <= (SELECT max(place) FROM ring) - 256")
            if outcome == "pulsed":
                self.db.execute("INSERT OR REPLACE INTO awaited VALUES (?, ?)", (door, command_id))

    def awaited(self, door: int) -> str | None:
        row = self.db.execute("SELECT command_id FROM awaited WHERE door = ?", (door,)).fetchone()
        return str(row[0]) if row else None

    def forget_awaited(self, door: int | None = None) -> None:
        with self.db:
            self.db.execute("DELETE FROM awaited WHERE ? IS NULL OR door = ?", (door, door))

    def stood_open(self) -> set[int]:
        return {row[0] for row in self.db.execute("SELECT door FROM stands_open")}

    def queued(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def keep_event(self, event: dict[str, Any], boot_id: str) -> int | None:
        """Number an event and store it; without room it gets no number."""
        people = event["type"] in {"CodeScanned", "KeysEntered"}
        if self.queued() >= (1_024 if people else 4_096):
            return None
        number = int(self.counter("event_no")) + 1
        with self.db:
            self.db.execute("UPDATE counter SET value = ? WHERE name = 'event_no'", (number,))
            self.db.execute("INSERT INTO waiting VALUES (?, ?, ?, ?)", (number, boot_id, now_ms(), json.dumps(event)))
            if event["type"] == "DoorOpened":
                self.db.execute("INSERT OR IGNORE INTO stands_open VALUES (?)", (event["door"],))
                self.db.execute("DELETE FROM awaited WHERE command_id = ?", (event["command_id"],))
            elif event["type"] == "DoorShut":
                self.db.execute("DELETE FROM stands_open WHERE door = ?", (event["door"],))
        return number

    def first_waiting(self) -> list[tuple[int, str, int, str]]:
        return self.db.execute("SELECT * FROM waiting ORDER BY event_no LIMIT 32").fetchall()

    def forget_events(self, through: int) -> None:
        with self.db:
            self.db.execute("DELETE FROM waiting WHERE event_no <= ?", (through,))


class Cable(threading.Thread):
    """Keeps one connection: a new client each time, so that nothing of an old one is ever sent."""

    def __init__(self, options: argparse.Namespace, will: str, inbox: "queue.Queue[tuple[str, Any]]") -> None:
        super().__init__(daemon=True)
        self.base = f"locker/v1/{options.gateway}/{options.controller}/"
        self.name_on_bus = f"{options.gateway}:{options.controller}"
        self.url, self.will, self.inbox = urlsplit(options.bus), will, inbox

    def run(self) -> None:
        pause_s = 0.2
        while True:
            lost, granted = threading.Event(), threading.Event()
            client = self.client(lost, granted)
            try:
                client.connect(self.url.hostname or "", self.url.port or 1883, keepalive=10)
                client.loop_start()
                lost.wait()
                client.loop_stop()
            except OSError:
                pass  # nobody there: the next try is below
            self.inbox.put(("down", client))
            pause_s = 0.2 if granted.is_set() else min(5.0, 2 * pause_s)
            time.sleep(pause_s * random.uniform(0.5, 1.5))

    def client(self, lost: threading.Event, granted: threading.Event) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self.name_on_bus, clean_session=True)
        client.username_pw_set(self.url.username, self.url.password)
        client.will_set(self.base + "presence", self.will, qos=1, retain=True)

        def subscribed(client: mqtt.Client, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
            if not any(reason.is_failure for reason in reasons):
                granted.set()
                self.inbox.put(("up", client))

        def heard(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
            if not message.retain:
                self.inbox.put(("command", bytes(message.payload)))

        def opened(_client: mqtt.Client, _data: Any, connection: Any) -> None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        client.on_connect = lambda client, *_: client.subscribe(self.base + "command", qos=1)
        client.on_subscribe = subscribed
        client.on_message = heard
        client.on_socket_open = opened
        client.on_disconnect = lambda *_: lost.set()
        return client


class Controller:
    """One boot."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.power_fails: str | None = options.power_fails
        self.memory = Memory(options.memory)
        self.boot_id, self.booted_ms = secrets.token_hex(16), now_ms()
        self.store_id = str(self.memory.counter("store_id"))
        self.inbox: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.cable = Cable(options, json.dumps({"type": "ControllerDeath", "boot_id": self.boot_id}), self.inbox)
        self.client: mqtt.Client | None = None
        self.is_open = {door: door in options.open for door in options.doors}
        self.moving: dict[int, tuple[bool, int]] = {}
        self.supply = True
        self.line: deque[tuple[str, int]] = deque()
        self.next_pulse_ms = 0
        self.lapses_ms: dict[int, int] = {}
        self.digits, self.last_key_ms = "", 0
        self.probes: dict[str, list[float | None]] = {zone: [None, None] for zone in options.zones}
        self.sampled: dict[str, list[float | None]] = {}
        self.sample_ms = self.beat_ms = self.resend_ms = self.booted_ms
        self.samples: deque[dict[str, list[float | None]]] = deque(maxlen=360)
        self.samples_sent = self.samples_sure = 0
        self.sample_no = options.cold_for // 10
        if self.sample_no:  # its cold ran before anybody listened, and it holds what it read
            self.probes = {zone: [COLD[zone], COLD[zone]] for zone in options.zones}
            for no in range(self.sample_no):  # no real probe says the same for long
                bit = no % 3 / 16
                self.samples.append({zone: [COLD[zone] + bit, COLD[zone] - bit] for zone in options.zones})
        self.birth_again_ms: int | None = None
        self.echo: int | None = None
        self.echo_until_ms = self.echo_heard_ms = 0

    def run(self) -> None:
        """Power up, then live until the power goes."""
        before = self.memory.stood_open()
        for door, is_open in self.is_open.items():
            if is_open != (door in before):
                self.moved(door)
        self.memory.forget_awaited()
        threading.Thread(target=self.read_pins, daemon=True).start()
        self.tick()
        self.cable.start()
        while True:
            try:
                kind, value = self.inbox.get(timeout=max(0, self.due_ms() - now_ms()) / 1000)
                getattr(self, f"on_{kind}")(value)
            except queue.Empty:
                pass  # a timer is due
            self.tick()

    def read_pins(self) -> None:
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            self.inbox.put((word, rest))
        os._exit(0)  # whoever held the pins is gone

    def fails_after(self, step: str) -> None:
        if self.power_fails == step:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def beat(self) -> int:
        return (now_ms() - self.booted_ms) // 1000

    # --- the cable

    def on_up(self, client: mqtt.Client) -> None:
        self.client, self.birth_again_ms = client, now_ms() + 3_000
        self.echo, self.echo_until_ms = None, now_ms() + 1_000
        self.samples_sent = 0
        self.send_birth()
        self.send_events()

    def on_down(self, client: mqtt.Client) -> None:
        if self.client is client:
            self.client, self.birth_again_ms = None, None

    def on_command(self, payload: bytes) -> None:
        try:
            command = json.loads(payload) if len(payload) <= 65_536 else None
        except (ValueError, RecursionError):
            command = None
        if not isinstance(command, dict):
            return
        if command.get("type") == "Unlock" and sound(command, ("command_id", "boot_id"), ("door", "beat")):
            self.unlock(command)
        elif command.get("type") == "EventsReceived" and sound(command, ("store_id",), ("event_no",)):
            self.received(command)
        elif command.get("type") == "Echo" and sound(command, (), ("echo",)):
            self.heard_echo(command["echo"])
        elif command.get("type") == "Show" and isinstance(command.get("screen"), str):
            doors = command.get("doors", [])
            shown = [str(door) for door in doors if type(door) is int] if isinstance(doors, list) else []
            tell_hardware(" ".join(["screen", json.dumps(command["screen"]), *shown]))

    def heard_echo(self, number: int) -> None:
        is_first, self.echo = self.echo is None, number
        silent_ms, self.echo_heard_ms = now_ms() - self.echo_heard_ms, now_ms()
        if is_first:
            self.send_events()
        if is_first or silent_ms > 30_000:
            self.samples_sent = 0
        elif silent_ms > 5_000:
            self.samples_sent = self.samples_sure
        if self.sample_no - self.samples_sent >= 3:
            self.send_samples()
        self.samples_sure = self.samples_sent

    def send(self, topic: str, message: dict[str, Any], *, qos: int, retain: bool = False) -> None:
        if self.client is not None:
            self.client.publish(self.cable.base + topic, json.dumps(message), qos=qos, retain=retain)

    def who(self) -> dict[str, Any]:
        return {"boot_id": self.boot_id, "beat": self.beat, "store_id": self.store_id}

    def state(self) -> dict[str, Any]:
        return {
            **self.who(),
            "event_no": self.memory.counter("event_no"),
            "doors": [{"door": door, "state": "open" if it else "shut"} for door, it in self.is_open.items()],
            "zones": [{"zone": zone, "air_c": air, "product_c": gel} for zone, (air, gel) in self.sampled.items()],
        }

    def send_birth(self) -> None:
        birth = {"type": "ControllerBirth", **self.state(), "boot_reason": "power_on", "firmware": "from-docs 1.0.0"}
        self.send("presence", birth, qos=1, retain=True)

    # --- commands

    def unlock(self, command: dict[str, Any]) -> None:
        self.fails_after("arrived")
        command_id, door = command["command_id"], command["door"]
        known = self.memory.outcome_of(command_id)
        if known is not None:
            self.done(command_id, *known)
            return
        outcome = self.judge(command)
        self.memory.keep_command(command_id, door, outcome)
        self.fails_after("stored")
        if outcome == "pulsed":
            self.line.append((command_id, door))
        else:
            self.done(command_id, door, outcome)

    def judge(self, command: dict[str, Any]) -> str:
        if command["boot_id"] != self.boot_id or not 0 <= self.beat - command["beat"] <= 8:
            return "stale"
        if command["door"] not in self.is_open:
            return "unknown_door"
        return "pulsed" if self.supply and len(self.line) < 64 else "disabled"

    def pulse(self) -> None:
        command_id, door = self.line.popleft()
        tell_hardware(f"pulse {door}")
        self.fails_after("energised")
        self.next_pulse_ms, self.lapses_ms[door] = now_ms() + 150, now_ms() + 10_000
        self.done(command_id, door, "pulsed")
        self.fails_after("done_stored")

    def done(self, command_id: str, door: int, outcome: str) -> None:
        self.record({"type": "UnlockDone", "command_id": command_id, "door": door, "outcome": outcome})

    def received(self, command: dict[str, Any]) -> None:
        if command["store_id"] != self.store_id or command["event_no"] > self.memory.counter("event_no"):
            return
        before = self.memory.queued()
        self.memory.forget_events(command["event_no"])
        if self.memory.queued() < before:
            self.send_events()

    # --- events

    def record(self, event: dict[str, Any]) -> None:
        number = self.memory.keep_event(event, self.boot_id)
        if event["type"] == "DoorOpened":
            self.fails_after("opened_stored")
        if number is not None and number < self.memory.first_waiting()[0][0] + 32:
            self.send_events()

    def send_events(self) -> None:
        if self.echo is None and now_ms() < self.echo_until_ms:
            self.resend_ms = self.echo_until_ms
            return
        self.resend_ms = now_ms() + 2_000
        events: list[dict[str, Any]] = []
        size = 0
        for number, boot_id, at_ms, body in self.memory.first_waiting():
            earlier = boot_id != self.boot_id
            age_ms = now_ms() - (self.booted_ms if earlier else at_ms)
            event = {"event_no": number, "age_ms": age_ms, "event": json.loads(body), "earlier_boot": earlier}
            size += len(json.dumps(event)) + 2
            if events and size > 48 * 1024:
                break
            events.append(event)
        if events:
            self.send("report", {"type": "Events", **self.who(), "events": events, "echo": self.echo}, qos=1)

    def moved(self, door: int) -> None:
        if self.is_open[door]:
            self.record({"type": "DoorOpened", "door": door, "command_id": self.memory.awaited(door)})
        else:
            self.record({"type": "DoorShut", "door": door})

    # --- the hardware

    def on_contact(self, words: str) -> None:
        door, position = words.split()
        if (position == "open") == self.is_open[int(door)]:
            self.moving.pop(int(door), None)
        else:
            self.moving[int(door)] = (position == "open", now_ms())

    def on_supply(self, words: str) -> None:
        self.supply = words == "on"

    def on_probe(self, words: str) -> None:
        zone, *values = words.split()
        self.probes[zone] = [None if value == "none" else float(value) for value in values]

    def on_scan(self, quoted: str) -> None:
        raw: str = json.loads(quoted)
        text = "".join(each for each in raw if unicodedata.category(each) not in {"Cc", "Cs"})[:512]
        if text:
            self.record({"type": "CodeScanned", "text": text})

    def on_key(self, key: str) -> None:
        self.last_key_ms = now_ms()
        if key == "enter" and self.digits:
            self.record({"type": "KeysEntered", "digits": self.digits})
            self.digits = ""
        elif key == "back":
            self.digits = self.digits[:-1]
        elif key == "clear":
            self.digits = ""
        elif key.isdigit():
            self.digits = (self.digits + key)[:16]

    # --- time

    def due_ms(self) -> int:
        due = [self.beat_ms, self.sample_ms, *self.lapses_ms.values(), *(at + 50 for _, at in self.moving.values())]
        due += [self.next_pulse_ms] if self.line else []
        due += [self.birth_again_ms] if self.birth_again_ms is not None else []
        due += [self.last_key_ms + 60_000] if self.digits else []
        due += [self.resend_ms] if self.client is not None and self.memory.queued() else []
        return min(due)

    def tick(self) -> None:
        now = now_ms()
        self.rest_contacts(now)
        while self.line and now_ms() >= self.next_pulse_ms:
            self.pulse()
        for door in [door for door, at in self.lapses_ms.items() if now >= at]:
            del self.lapses_ms[door]
            self.memory.forget_awaited(door)
        if self.digits and now >= self.last_key_ms + 60_000:
            self.digits = ""
        while now >= self.sample_ms:
            self.take_sample()
        self.speak(now)

    def take_sample(self) -> None:
        missed = now_ms() - self.sample_ms >= 10_000
        self.sample_ms += 10_000
        self.sampled = {zone: [None, None] if missed else list(values) for zone, values in self.probes.items()}
        self.samples.append(self.sampled)
        self.sample_no += 1
        if self.sample_no - self.samples_sent >= 3:
            self.send_samples()

    def send_samples(self) -> None:
        if self.client is None or (self.echo is None and now_ms() < self.echo_until_ms):
            return
        oldest = self.sample_no - len(self.samples) + 1
        for first in range(max(self.samples_sent + 1, oldest), self.sample_no + 1, 256):
            run = list(self.samples)[first - oldest :][:256]
            newest_ms = self.sample_ms - 10_000 * (self.sample_no - (first + len(run) - 1) + 1)
            zones = [
                {
                    "zone": zone,
                    "air_c": [each[zone][0] for each in run],
                    "product_c": [each[zone][1] for each in run],
                    "cooling": [],
                    "defrosting": [],
                }
                for zone in self.probes
            ]
            numbers = {"first_no": first, "age_ms": now_ms() - newest_ms, "every_ms": 10_000}
            told = {"zones": zones, "energy_wh": None, "echo": self.echo}
            self.send("report", {"type": "Samples", **self.who(), **numbers, **told}, qos=1)
        self.samples_sent = self.sample_no

    def rest_contacts(self, now: int) -> None:
        for door, (is_open, since_ms) in list(self.moving.items()):
            if now >= since_ms + 50:
                del self.moving[door]
                self.is_open[door] = is_open
                if is_open:
                    self.fails_after("opened")
                self.moved(door)

    def speak(self, now: int) -> None:
        if self.client is not None and self.memory.queued() and now >= self.resend_ms:
            self.send_events()
        if self.birth_again_ms is not None and now >= self.birth_again_ms:
            self.birth_again_ms = None
            self.send_birth()
        if now >= self.beat_ms:
            self.beat_ms = now + 2_000
            self.send("report", {"type": "Beat", **self.state(), "echo": self.echo}, qos=0)


def sound(command: dict[str, Any], names: tuple[str, ...], numbers: tuple[str, ...]) -> bool:
    """True when these fields are identifiers and whole numbers in their range."""
    named = all(isinstance(command.get(name), str) and IDENTIFIER.fullmatch(command[name]) for name in names)
    counted = all(type(command.get(name)) is int and 0 <= command[name] <= LARGEST for name in numbers)
    return named and counted and ("door" not in numbers or 1 <= command["door"] <= 999)


def main() -> None:
    numbers = lambda text: [int(part) for part in text.split(",") if part]  # noqa: E731 - a converter for argparse
    parser = argparse.ArgumentParser()
    for name in ("bus", "gateway", "controller", "memory"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--doors", type=numbers, required=True)
    parser.add_argument("--open", type=numbers, default=[])
    parser.add_argument("--zones", type=lambda text: text.split(","), default=["chilled"])
    parser.add_argument("--cold-for", type=int, default=0)
    parser.add_argument("--power-fails")
    Controller(parser.parse_args()).run()


if __name__ == "__main__":
    main()
