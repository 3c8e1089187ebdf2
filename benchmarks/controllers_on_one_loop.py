"""How many simulated controllers one asyncio loop carries: connects them all, lets them beat, unlocks at random.

    python benchmarks/controllers_on_one_loop.py [--controllers 1000] [--seconds 20]

Starts a Mosquitto of its own, or a nats-server with `--broker nats`. Prints one JSON line: seconds until all were
connected, beats heard of those due, unlock round trips (command to its outcome, p50 and p99) and the CPU of the loop.
A nats-server as it comes refuses the thousandth QoS 1 subscription (a JetStream consumer each), so ask it for fewer.
"""

import argparse
import asyncio
import json
import logging
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles

import structlog
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_sim.device import LockerDevice, Surroundings
from firmware_sim.mqtt_device import keep_alive
from firmware_sim.settings import Bus, ColumnPlan, DoorPlan, HeadPlan, LockerPlan, Rectangle
from locker_protocol.bus_messages import (
    Beat,
    ControllerPresence,
    Echo,
    Events,
    EventsReceived,
    Report,
    Unlock,
    UnlockDone,
    event_of,
)
from locker_protocol.clock import RealClock
from locker_protocol.codec import decode, encode
from locker_protocol.ids import random_bytes, random_id
from locker_protocol.topics import bus_topic, parse_bus_topic
from locker_protocol.vocabulary import SizeClass, Zone

DOORS = 24
UNLOCK_EVERY_S = 0.05


class Gateway:
    """Hears every controller, acknowledges at once, answers beats, and unlocks doors; paho's own thread."""

    def __init__(self, port: int) -> None:
        self.beats: Counter[str] = Counter()
        self.latest: dict[str, tuple[str, int]] = {}
        self.asked: dict[str, float] = {}
        self.took_ms: list[float] = []
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="gateway", protocol=MQTTv311)
        self.client.on_connect = self._connected
        self.client.on_message = self._heard
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def unlock(self, controller: str, door: int) -> None:
        command_id, (boot_id, beat) = random_id(), self.latest[controller]
        self.asked[command_id] = time.perf_counter()
        self._command(controller, Unlock(command_id, door, boot_id, beat))

    def _connected(
        self, client: Client, _data: object, _flags: ConnectFlags, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[union-attr]  # connected
        client.subscribe([(bus_topic("bench", "+", kind), 1) for kind in ("report", "presence")])

    def _heard(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        topic = parse_bus_topic(message.topic)
        if topic.kind == "presence":
            birth = decode(bytes(message.payload), ControllerPresence)
            self.latest[topic.controller] = (birth.boot_id, getattr(birth, "beat", 0))
            return
        report = decode(bytes(message.payload), Report)
        self.latest[topic.controller] = (report.boot_id, report.beat)
        if isinstance(report, Beat):
            self.beats[topic.controller] += 1
            self._command(topic.controller, Echo(self.beats.total()), qos=0)
        else:
            self._take(topic.controller, report)

    def _take(self, controller: str, report: Events) -> None:
        self._command(controller, EventsReceived(report.store_id, report.events[-1].event_no))
        for numbered in report.events:
            event = event_of(numbered)
            if isinstance(event, UnlockDone) and event.command_id in self.asked:
                self.took_ms.append((time.perf_counter() - self.asked.pop(event.command_id)) * 1000)

    def _command(self, controller: str, command: Unlock | EventsReceived | Echo, *, qos: int = 1) -> None:
        self.client.publish(bus_topic("bench", controller, "command"), encode(command), qos=qos)


def plan(number: int) -> LockerPlan:
    """A plain cabinet; what it looks like does not matter here."""
    spot = Rectangle(0, 0, 1, 1)
    doors = [DoorPlan(door, 1, door, Zone.CHILLED, SizeClass.M, 0, 0, 1, 1) for door in range(1, DOORS + 1)]
    head = HeadPlan(1, 0, 0, 1, 1, spot, spot, spot)
    columns = [ColumnPlan(1, Zone.CHILLED, 0, 1)]
    return LockerPlan(f"c{number:04d}", "bench", "", "", 1, 1, 1, 0, columns, doors, head)


async def measure(port: int, folder: Path, controllers: int, seconds: int) -> dict[str, object]:
    gateway = Gateway(port)
    around = Surroundings(Bus("127.0.0.1", port, None, None), folder, RealClock(), random_bytes)
    devices = [LockerDevice(plan(number), around) for number in range(controllers)]
    keeper = asyncio.create_task(keep_alive(lambda: [device.link for device in devices]))
    began = time.perf_counter()
    for device in devices:
        device.power_on()
    await asyncio.gather(*(connected(device) for device in devices))
    connected_s = time.perf_counter() - began
    await asyncio.sleep(3)
    gateway.beats.clear()
    cpu_s, since = time.thread_time(), time.perf_counter()
    await unlock_now_and_then(gateway, devices, seconds)
    passed_s, cpu_s = time.perf_counter() - since, time.thread_time() - cpu_s
    keeper.cancel()
    for device in devices:
        device.power_off()
    gateway.client.loop_stop()
    return figures(gateway, controllers, connected_s, passed_s, cpu_s)


async def connected(device: LockerDevice) -> None:
    """Wait until the broker has confirmed this controller's subscription."""
    done = asyncio.Event()

    def look() -> None:
        if device.controller is not None and device.controller.connected:
            done.set()

    forget = device.watch(look)
    look()
    await done.wait()
    forget()


async def unlock_now_and_then(gateway: Gateway, devices: list[LockerDevice], seconds: int) -> None:
    ends = time.perf_counter() + seconds
    turn = 0
    while time.perf_counter() < ends:
        device = devices[turn * 7919 % len(devices)]
        gateway.unlock(device.plan.locker_id, turn % DOORS + 1)
        turn += 1
        await asyncio.sleep(UNLOCK_EVERY_S)
    await asyncio.sleep(0.5)


def figures(gateway: Gateway, controllers: int, connected_s: float, passed_s: float, cpu_s: float) -> dict[str, object]:
    hundredths = quantiles(gateway.took_ms, n=100)
    return {
        "controllers": controllers,
        "connected_s": round(connected_s, 2),
        "beats_heard": gateway.beats.total(),
        "beats_due": round(controllers * passed_s / 2),
        "controllers_silent": controllers - len(gateway.beats),
        "unlocks": len(gateway.took_ms),
        "unlocks_unanswered": len(gateway.asked),
        "unlock_ms": {"p50": round(hundredths[49], 1), "p99": round(hundredths[98], 1)},
        "loop_cpu_percent": round(100 * cpu_s / passed_s, 1),
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "threads": threading.active_count(),
    }


def broker_command(kind: str, port: int, folder: Path) -> list[str]:
    """A broker with no log-ins, for this run only."""
    config = folder / "broker.conf"
    if kind == "nats":
        settings = {
            "listen": "127.0.0.1:-1",
            "server_name": "bench",
            "jetstream": {"store_dir": str(folder / "js")},
            "mqtt": {"listen": f"127.0.0.1:{port}"},
        }
        config.write_text(json.dumps(settings))
        return [str(Path(sys.executable).with_name("nats-server")), "--config", str(config)]
    user = "user root\n" if Path.home() == Path("/root") else ""
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n{user}")
    return [shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "mosquitto", "-c", str(config)]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--controllers", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--broker", choices=["mosquitto", "nats"], default="mosquitto")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name, (Path(name) / "log").open("wb") as log:
        folder = Path(name)
        broker = subprocess.Popen(broker_command(asked.broker, port, folder), stdout=log, stderr=log)
        try:
            time.sleep(1)
            print(json.dumps(asyncio.run(measure(port, folder, asked.controllers, asked.seconds))))
        finally:
            broker.terminate()
            broker.wait()


if __name__ == "__main__":
    main()
