"""From a scanned QR to the unlock command at the controller, over TLS with certificates, with the durable audit write.

    python -m benchmarks.unlock_over_tls [--orders 100] [--rounds 3]

`python -m locker_gateway` as it is deployed, two Mosquittos that ask for certificates, a store on this disk. In turns
with it the floor of the same moment: one bare QoS 1 message through the same broker to another process and its answer
back (what scan and unlock are), and one write of 4 KiB with fdatasync. Besides, stricter, a message that the broker
gives back to its sender. Every second round runs with the uplink's broker stopped. Nothing is loaded besides.
"""

import argparse
import json
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from queue import SimpleQueue
from threading import Event

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from app.demo.brokers import Identity, site_bus_identities, uplink_identities
from app.demo.ca import Member, files_of, keep_authority
from app.demo.child import Child
from app.demo.mutual_tls import local_tls_broker
from app.demo.ports import free_port
from benchmarks.figures import percentiles
from locker_protocol.clock import RealClock
from tests.link.gateway_rig import GATEWAY, LOCKER, SHARD, Controller, Gateway, Service, running_gateway, until
from tests.link.test_gateway_on_brokers import code, door_of, snapshot

THERE, OWN = "floor/there", "floor/own"
SETTLE_S = 0.03
WARM_UP = 10
BLOCK = bytes(4096)


@dataclass(slots=True)
class Samples:
    """Seconds, one a scan and one of each part of the floor beside it."""

    unlock: list[float] = field(default_factory=list)
    there: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    sync: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Milliseconds; `ratio_p50` is scan to unlock over the floor, both medians of this run."""
        ms = {name: percentiles([1000 * each for each in getattr(self, name)]) for name in self.__slots__}
        floor = ms["there"]["p50"] + ms["sync"]["p50"]
        stricter = ms["own"]["p50"] + ms["sync"]["p50"]
        return {
            "samples": len(self.unlock),
            "scan_to_unlock_ms": _rounded(ms["unlock"]),
            "there_and_back_ms": _rounded(ms["there"]),
            "back_to_its_sender_ms": _rounded(ms["own"]),
            "write_and_fdatasync_ms": _rounded(ms["sync"]),
            "floor_p50_ms": round(floor, 2),
            "ratio_p50": round(ms["unlock"]["p50"] / floor, 2),
            "ratio_p50_to_its_sender": round(ms["unlock"]["p50"] / stricter, 2),
        }


class Ground:
    """Both brokers of one run and the certificates of whoever speaks on them."""

    def __init__(self, folder: Path, ports: dict[str, int] | None = None) -> None:
        self.folder, self.ca = folder, folder / "ca"
        servers = [Member(name, ("127.0.0.1",)) for name in ("uplink", "bus")]
        clients = [Member(name) for name in ("service", GATEWAY, LOCKER, "floor", "answer")]
        keep_authority(self.ca, [*servers, *clients], now=RealClock().now().civil)
        self.ports = ports or {"uplink": free_port(), "bus": free_port()}
        bare = [
            Identity("floor", None, writes=[THERE, OWN], reads=["floor/back", OWN]),
            Identity("answer", None, writes=["floor/back"], reads=[THERE]),
        ]
        self.rights = {
            "uplink": uplink_identities(SHARD, [GATEWAY], {}),
            "bus": [*site_bus_identities(GATEWAY, [LOCKER]), *bare],
        }

    def url(self, link: str) -> str:
        """Where a broker listens."""
        return f"mqtts://127.0.0.1:{self.ports[link]}"

    def tls(self, name: str) -> ssl.SSLContext:
        """Who is `name`."""
        context = ssl.create_default_context(cafile=str(files_of(self.ca, "ca").cert))
        context.load_cert_chain(*(str(path) for path in (files_of(self.ca, name).cert, files_of(self.ca, name).key)))
        return context

    @contextmanager
    def broker(self, link: str) -> Iterator[Child]:
        """Run one of the brokers."""
        command = local_tls_broker(
            link,
            self.folder / link,
            self.ports[link],
            authority=self.ca,
            server=link,
            identities=self.rights[link],
        )
        child = Child(command)
        try:
            until(command.ready, what=f"{link} is there")
            yield child
        finally:
            child.kill()

    @contextmanager
    def gateway(self, data: Path) -> Iterator[Gateway]:
        """Run the gateway as it is deployed."""
        files = files_of(self.ca, GATEWAY)
        more = {
            "GATEWAY_BUS_URL": self.url("bus"),
            "GATEWAY_TLS_CA": str(files_of(self.ca, "ca").cert),
            "GATEWAY_TLS_CERT": str(files.cert),
            "GATEWAY_TLS_KEY": str(files.key),
        }
        with running_gateway(self.url("uplink"), data, **more) as gateway:
            yield gateway


def measure(orders: int, rounds: int) -> dict[str, object]:
    """Run the rounds; figures with the uplink there and cut, and what the cut costs (1.0: nothing)."""
    there, cut = Samples(), Samples()
    with tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder:
        ground = Ground(Path(folder))
        for number in range(rounds):
            _round(ground, number, orders, there, cut)
    return {
        "uplink_there": there.as_json(),
        "uplink_cut": cut.as_json(),
        "cut_over_there_p50": round(_p50(cut.unlock) / _p50(there.unlock), 3),
    }


def _round(ground: Ground, number: int, orders: int, there: Samples, cut: Samples) -> None:
    """Half of a store's orders with the uplink, the other half without; the next round the other way round."""
    for turn, (samples, stopped) in enumerate([(there, False), (cut, True)][:: 1 if number % 2 == 0 else -1]):
        with ExitStack() as stack:
            uplink = stack.enter_context(ground.broker("uplink"))
            stack.enter_context(ground.broker("bus"))
            locker = Controller(ground.url("bus"), tls=ground.tls(LOCKER))
            stack.callback(locker.close)
            gateway = stack.enter_context(ground.gateway(ground.folder / f"gateway-{number}-{turn}"))
            stack.enter_context(_service(ground, orders + WARM_UP, f"down-{number}-{turn}"))
            until(lambda gateway=gateway: _said(gateway, "snapshot_taken"), what="the snapshot")  # type: ignore[misc]
            locker.be_born()
            if stopped:
                uplink.kill()
                until(lambda gateway=gateway: _said(gateway, "link_down"), what="the cut")  # type: ignore[misc]
            trip = stack.enter_context(_bare_trips(ground))
            _scan_all(locker, orders, samples, trip, ground.folder / "floor")


@contextmanager
def _service(ground: Ground, orders: int, log_id: str) -> Iterator[None]:
    """The service's end, in a process of its own: what it does must not hold up whoever measures."""
    with _process(_serve, ground.folder, ground.ports, orders, log_id):
        yield


@contextmanager
def _process(work: Callable[..., None], *args: object) -> Iterator[None]:
    process = get_context("spawn").Process(target=work, args=args)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _serve(folder: Path, ports: dict[str, int], orders: int, log_id: str) -> None:
    ground = Ground(folder, ports)
    Service(ground.url("uplink"), tls=ground.tls("service")).tell(snapshot(orders), log_id=log_id)
    Event().wait()


def _scan_all(locker: Controller, orders: int, samples: Samples, trip: Callable[[str], float], file: Path) -> None:
    for number in range(1, orders + WARM_UP + 1):
        taken = _scan(locker, number), trip(THERE), trip(OWN), _sync(file)
        if number > WARM_UP:
            for name, value in zip(Samples.__slots__, taken, strict=True):
                getattr(samples, name).append(value)


def _scan(locker: Controller, number: int) -> float:
    """Scan, wait for the unlock, shut, wait for the thanks; seconds from the scan to the unlock."""
    time.sleep(SETTLE_S)
    before = len(locker.unlocked_s)
    scanned_s = locker.scan(code(number))
    until(lambda: len(locker.unlocked_s) > before, what=f"order {number} opens")
    locker.shut(door_of(number))
    until(lambda: locker.shows and locker.shows[-1].screen == "done", what="the thanks")
    return locker.unlocked_s[before] - scanned_s


class _Bare:
    """A bare client on the bus's broker, of the same library."""

    def __init__(self, ground: Ground, name: str, topic: str, hear: Callable[[Client], None]) -> None:
        granted: SimpleQueue[None] = SimpleQueue()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.tls_set_context(ground.tls(name))
        self.client.on_socket_open = lambda _client, _data, sock: sock.setsockopt(6, 1, 1)  # type: ignore[attr-defined]
        self.client.on_subscribe = lambda *_: granted.put(None)
        self.client.on_message = lambda client, *_: hear(client)
        self.client.connect("127.0.0.1", ground.ports["bus"])
        self.client.loop_start()
        until(self.client.is_connected, what=name)
        self.client.subscribe(topic, 1)
        granted.get(timeout=10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def _bare_trips(ground: Ground) -> Iterator[Callable[[str], float]]:
    """Seconds until a QoS 1 message to a topic is answered: `own` by the broker itself, `there` by another process."""
    back: SimpleQueue[float] = SimpleQueue()
    asking = _Bare(ground, "floor", "floor/#", lambda _client: back.put(time.monotonic()))
    with _process(_answer, ground.folder, ground.ports):
        until(lambda: (asking.client.publish(THERE, BLOCK[:200], 1), not back.empty())[1], what="an answer")
        time.sleep(0.5)

        def trip(topic: str) -> float:
            while not back.empty():
                back.get()
            time.sleep(SETTLE_S)
            sent_s = time.monotonic()
            asking.client.publish(topic, BLOCK[:200], 1)
            return back.get(timeout=10) - sent_s

        yield trip
    asking.close()


def _answer(folder: Path, ports: dict[str, int]) -> None:
    def answer(client: Client) -> None:
        client.publish("floor/back", BLOCK[:200], 1)

    _Bare(Ground(folder, ports), "answer", THERE, answer)
    Event().wait()


def _sync(file: Path) -> float:
    """Append 4 KiB and make it durable."""
    with file.open("ab", buffering=0) as log:
        began_s = time.monotonic()
        log.write(BLOCK)
        os.fdatasync(log.fileno())
        return time.monotonic() - began_s


def _said(gateway: Gateway, event: str) -> bool:
    return any(line["event"] == event for line in gateway.lines)


def _p50(values: list[float]) -> float:
    return percentiles(values)["p50"]


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in figures.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100, help="a round and state of the uplink; 110 at most")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.orders, asked.rounds), indent=1))
