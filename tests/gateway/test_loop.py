"""The shell: commits before it sends, ends when the store fails, counts, and thins its log."""

import json
from pathlib import Path
from queue import Queue
from threading import Event

import pytest

from locker_gateway.inputs import BusMessage, BusUp, Input, Started, UplinkMessage, UplinkUp
from locker_gateway.journal import LINES_A_SECOND, Journal, configure_logging
from locker_gateway.loop import Loop
from locker_gateway.metrics import Metrics
from locker_gateway.outputs import Publish, Said
from locker_gateway.site import restore
from locker_gateway.store import Store, StoreFailed
from locker_protocol.bus_messages import CodeScanned, Echo, Events, number_event
from locker_protocol.clock import Now, RealClock
from locker_protocol.codec import decode, encode
from locker_protocol.signing import Direction, seal
from locker_protocol.site_entries import LoadedParcel
from locker_protocol.topics import bus_topic
from locker_protocol.uplink_messages import AuditHead
from tests.gateway.manifests import SERVICE, code, credential, parcel, snapshot
from tests.gateway.world import World


class Frozen:
    """Both clocks, standing still."""

    def __init__(self, now: Now) -> None:
        self.reading = now

    def now(self) -> Now:
        """The same every time."""
        return self.reading


class Bench:
    """A loop on a real store, with what it sends kept, and a look into the store at each send."""

    def __init__(self, folder: Path, *, max_pages: int | None = None) -> None:
        self.world = World()
        self.path = folder / "gateway.sqlite"
        self.store = Store(self.path, max_pages=max_pages)
        self.inbox: Queue[Input] = Queue(100)
        self.sent: list[Publish] = []
        self.said: list[Said] = []
        self.audited_at_unlock: list[int] = []
        self.metrics = Metrics()
        self.loop = Loop(
            restore(self.world.config, []),
            self.store,
            clock=Frozen(self.world.now),
            inbox=self.inbox,
            send=self.send,
            say=self.said.append,
            metrics=self.metrics,
        )

    def send(self, message: Publish) -> bool:
        """Keep it; an unlock also notes how many audit rows were durable when it left."""
        if message.unlocks:
            self.audited_at_unlock.append(len(self.store.read_events(1, 99)))
        self.sent.append(message)
        return True

    def start_with_a_parcel(self) -> None:
        """Tell the site of one loaded order."""
        loaded = [LoadedParcel("p1", 1, "loaded")]
        batch = World(told=False).batch(snapshot(parcels=[parcel()], credentials=[credential()], loaded=loaded))
        frame = seal(encode(batch), direction=Direction.DOWN, gateway="gw", key_id=1, key=SERVICE)
        self.loop.turn([Started(), UplinkUp(), BusUp(), UplinkMessage(frame, self.world.ms)])

    def scan(self, text: str) -> BusMessage:
        """A scan as the bus brings it."""
        echoes: list[Echo] = [decode(each.payload, Echo) for each in self.sent if b'"Echo"' in each.payload]
        report = Events("boot1", 1, "memory1", [number_event(1, 0, CodeScanned(text))], echoes[0].echo)
        return BusMessage(bus_topic("gw", "G1", "report"), encode(report), self.world.ms)


def test_an_unlock_leaves_after_its_record_is_durable(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.start_with_a_parcel()
    bench.loop.turn([bench.scan(code())])
    assert len(bench.audited_at_unlock) == 1
    assert bench.audited_at_unlock[0] >= 2
    assert bench.store.broken_audit_row() is None


def test_the_service_hears_how_the_audit_ends_once_that_is_durable(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.start_with_a_parcel()
    assert bench.loop._site.audit_head == AuditHead(0, bytes(32).hex())
    bench.loop.turn([bench.scan(code())])
    no, digest = bench.store.audit_head
    assert (no, bench.loop._site.audit_head) == (1, AuditHead(no, digest.hex()))


def test_nothing_leaves_when_the_store_fails(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.start_with_a_parcel()
    before = len(bench.sent)
    bench.store.close()
    with pytest.raises(StoreFailed):
        bench.loop.turn([bench.scan(code())])
    assert len(bench.sent) == before


def test_inputs_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.start_with_a_parcel()
    before = bench.metrics.registry.get_sample_value("gateway_commit_seconds_count") or 0
    bench.loop.turn([bench.scan(code()) for _ in range(10)])
    assert bench.metrics.registry.get_sample_value("gateway_commit_seconds_count") == before + 1


def test_it_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    bench, stopping = Bench(tmp_path), Event()
    bench.loop.turn([Started()])
    bench.inbox.put(UplinkUp())
    bench.inbox.put(UplinkUp())
    bench.loop.turn(bench.loop._take())
    stopping.set()
    bench.loop.run(stopping)
    assert any(b"GatewayBirth" in message.payload for message in bench.sent)


def test_grants_refusals_and_lines_are_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.start_with_a_parcel()
    bench.loop.turn([bench.scan(code())])
    bench.loop.turn([bench.scan("nonsense")])  # the same number again: a repeat, not a second event
    value = bench.metrics.registry.get_sample_value
    assert value("gateway_grants_total", {"right": "collect", "via": "scanner"}) == 1
    assert value("gateway_scan_to_unlock_seconds_count") == 1
    assert value("gateway_log_events_total", {"event": "unlock_granted"}) == 1
    assert (value("gateway_events_queued") or 0) > 0


def test_lines_are_json_with_the_orders_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(site_no=7, gateway="gw")
    Journal(RealClock()).say(Said("unlock_granted", {"order_id": "o1", "door": 4}))
    line = json.loads(capsys.readouterr().out)
    assert line["event"] == "unlock_granted"
    assert (line["order_id"], line["door"], line["site"], line["gateway"]) == ("o1", 4, 7, "gw")


def test_a_flood_of_lines_is_thinned_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(site_no=7, gateway="gw")
    clock = Frozen(Now(0, 5_000))
    journal = Journal(clock)
    for _ in range(1_000):
        journal.write("report_refused", {}, level="warning")
    assert len(capsys.readouterr().out.splitlines()) == LINES_A_SECOND
    clock.reading = Now(0, 6_000)
    journal.write("report_refused", {})
    assert json.loads(capsys.readouterr().out)["left_out"] == 1_000 - LINES_A_SECOND
