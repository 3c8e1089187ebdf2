"""A store that is lost, and one that is put back from an older copy: the gateway's SQLite file, the service's database.

The gateway's core and store and the service's intake and relay are the real ones; what they say to each other is
carried by hand.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.db.tables import metadata
from app.link.mqtt_client import Message
from locker_gateway.inputs import BusMessage, EventsRead, Input, MinutesRead, Started, Tick, UplinkMessage, UplinkUp
from locker_gateway.outputs import Publish, ReadEvents, ReadMinutes, Record
from locker_gateway.site import restore, step
from locker_gateway.state import SiteConfig
from locker_gateway.store import Store
from locker_protocol.bus_messages import (
    Beat,
    CodeScanned,
    Command,
    ControllerEvent,
    DoorOpened,
    DoorReading,
    DoorShut,
    Echo,
    Events,
    EventsReceived,
    Report,
    Show,
    Unlock,
    UnlockDone,
    number_event,
)
from locker_protocol.codec import decode, encode
from locker_protocol.ids import random_bytes
from locker_protocol.label import Label, write_label
from locker_protocol.telemetry import MAX_SAMPLES, SAMPLE_EVERY_MS, Samples, ZoneSamples
from locker_protocol.token import RIGHT_COLLECT, RIGHT_LOAD, RIGHT_STAFF, Token, sign_token
from locker_protocol.topics import bus_topic
from locker_protocol.vocabulary import DoorCondition, Zone
from tests.link.world import (
    GATEWAY,
    GATEWAY_KEY,
    LOCKER,
    SHARD,
    Service,
    add_credential,
    add_order,
    one,
    rows,
    wire_ms,
)

Run = tuple[int, int]
DOORS = (1, 2, 3, 4)
COLD_C = {Zone.FROZEN: -20.0, Zone.CHILLED: 2.5, Zone.COOL: 12.0, Zone.AMBIENT: 20.0}
COLD_BEFORE_MS = 900_000


class Site:
    """A gateway on a SQLite file and one locker that obeys, on the service's clock."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service, self.path = service, folder / "gateway.sqlite"
        keys = {number: key.public_key() for number, key in service.settings.signing_keys.items()}
        self.config = SiteConfig(GATEWAY, 1, SHARD, (LOCKER,), keys, GATEWAY_KEY, "boot-gw")
        self.linked = True
        self.event_no = 0
        self.pending: list[tuple[int, int, ControllerEvent]] = []
        self.opened: list[int] = []
        self.shows: list[Show] = []
        self.echo: int | None = None
        self.sample_no = 0
        self.sampled_at = service.clock.now().civil_ms - COLD_BEFORE_MS
        self.start()

    def start(self, *, linked: bool = True) -> None:
        """Start the gateway's program on its file."""
        self.store, self.linked = Store(self.path), linked
        self.site = restore(self.config, self.store.records())
        self.give(Started())
        if linked:
            self.connect()
        self.beat()

    def lose_disk(self) -> None:
        """End the program and take its file away."""
        self.store.close()
        for each in self.path.parent.glob("gateway.sqlite*"):
            each.unlink()

    def connect(self) -> None:
        """The uplink is there."""
        self.linked = True
        self.give(UplinkUp())
        self.settle()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """What happens inside happens while the service hears nothing."""
        self.linked = False
        yield
        self.connect()

    def give(self, given: Input) -> None:
        """One step as the shell does it."""
        outputs = step(self.site, given, now=self.service.clock.now(), random=random_bytes)
        records = [each for each in outputs if isinstance(each, Record)]
        if records:
            self.store.commit(records)
        for output in outputs:
            if isinstance(output, ReadEvents):
                self.give(EventsRead(output, self.store.read_events(output.first, output.limit)))
            elif isinstance(output, ReadMinutes):
                self.give(MinutesRead(output, self.store.read_minutes(output)))
            elif isinstance(output, Publish) and output.link == "uplink" and self.linked:
                self.service.intake.handle(Message(output.topic, output.payload, retained=False))
            elif isinstance(output, Publish) and output.link == "bus":
                self._obey(decode(output.payload, Command))

    def settle(self) -> None:
        """Let both ends say what they have to say, for some seconds."""
        for _ in range(15):
            self.service.clock.pass_ms(1_000)
            self.beat()
            self.give(Tick())
            self.service.turn()
            self.deliver()

    def deliver(self) -> None:
        """Carry to the gateway what the service said."""
        while self.service.wire.sent:
            _, frame = self.service.wire.sent.pop(0)
            if self.linked:
                self.give(UplinkMessage(frame, self.service.clock.monotonic_ms))

    # --- the locker

    def beat(self) -> None:
        """It lives, all its doors are shut, and what is not received is told again."""
        self._tell_pending()
        readings = [DoorReading(door, "shut") for door in DOORS]
        seconds = self.service.clock.monotonic_ms // 1000
        self._report(Beat("boot1", seconds, "memory1", self.event_no, readings, [], self.echo))
        self._sample()

    def happen(self, *events: ControllerEvent) -> None:
        """Something happens at the locker."""
        for event in events:
            self.event_no += 1
            self.pending.append((self.event_no, self.service.clock.monotonic_ms, event))
        self._tell_pending()

    def scan(self, shown: str) -> list[int]:
        """Somebody scans, takes or puts what there is, and pushes the doors shut; the doors that opened."""
        self.opened.clear()
        self.happen(CodeScanned(shown))
        opened = list(self.opened)
        for door in opened:
            self.happen(DoorShut(door))
        self.deliver()
        return opened

    def load(self, ref: str, run_no: int) -> list[int]:
        """A driver loads a bag by its label."""
        self.scan(staff_code(self.service))
        return self.scan(write_label(Label(1, run_no, ref)))

    def _obey(self, command: Command) -> None:
        match command:
            case Unlock():
                self.opened.append(command.door)
                done = UnlockDone(command.command_id, command.door, "pulsed")
                self.happen(done, DoorOpened(command.door, command.command_id))
            case EventsReceived():
                self.pending = [each for each in self.pending if each[0] > command.event_no]
            case Echo():
                self.echo = command.echo
            case Show():
                self.shows.append(command)

    def _tell_pending(self) -> None:
        now_ms = self.service.clock.monotonic_ms
        numbered = [number_event(number, now_ms - at_ms, event) for number, at_ms, event in self.pending]
        if numbered:
            self._report(Events("boot1", now_ms // 1000, "memory1", numbered, self.echo))

    def _sample(self) -> None:
        """What its probes read since: as cold as it should be, and a little lively."""
        now_ms = self.service.clock.now().civil_ms
        due = min(MAX_SAMPLES, (now_ms - self.sampled_at) // SAMPLE_EVERY_MS)
        if self.echo is None or due < 1:
            return
        first_no, self.sample_no = self.sample_no + 1, self.sample_no + due
        self.sampled_at = now_ms
        zones = []
        for zone, at_c in COLD_C.items():
            read: list[float | None] = [at_c + each % 3 / 16 for each in range(due)]
            zones.append(ZoneSamples(zone, read, read))
        seconds = self.service.clock.monotonic_ms // 1000
        self._report(Samples("boot1", seconds, "memory1", first_no, 0, SAMPLE_EVERY_MS, zones, echo=self.echo))

    def _report(self, report: Report) -> None:
        topic = bus_topic(GATEWAY, LOCKER, "report")
        self.give(BusMessage(topic, encode(report), self.service.clock.monotonic_ms))


def staff_code(service: Service) -> str:
    now_s = service.clock.now().civil_ms // 1000
    return signed(service, Token(1, 1, b"rotating", 31, 0, RIGHT_LOAD | RIGHT_STAFF, now_s + 30))


def code(service: Service, credential_id: str, handle: int) -> str:
    expires_s = wire_ms(service.clock.civil + timedelta(hours=10)) // 1000
    return signed(service, Token(1, 1, bytes.fromhex(credential_id), handle, 1, RIGHT_COLLECT, expires_s))


def signed(service: Service, token: Token) -> str:
    return sign_token(token, service.settings.signing_keys[1])


def dump(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row of the database."""
    with engine.connect() as conn:
        return {
            table.name: [dict(row) for row in conn.execute(table.select()).mappings()]
            for table in metadata.sorted_tables
        }


def put_back(engine: Engine, dumped: dict[str, list[dict[str, Any]]]) -> None:
    """Make the database what it was."""
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    with engine.begin() as conn:
        conn.execute(text(f"TRUNCATE {names} CASCADE"))
        conn.execute(text("SET CONSTRAINTS ALL DEFERRED"))
        for table in metadata.sorted_tables:
            if dumped[table.name]:
                conn.execute(table.insert(), dumped[table.name])


@pytest.fixture
def codes(service: Service, run: Run) -> dict[str, str]:
    """Two packed orders, one bag each, planned for doors 1 and 1; their QR codes."""
    with service.engine.begin() as conn:
        made = {}
        for handle, order in enumerate(("o1", "o2"), 7):
            add_order(conn, order, run=run, state="packed")
            made[order] = code(service, add_credential(conn, order, handle=handle), handle)
        conn.execute(text("UPDATE parcel SET ref = upper(lpad(left(md5(id), 8), 8, '0'))"))
        conn.execute(text("UPDATE parcel SET ref = translate(ref, 'ILOU', 'JMPV')"))
    return made


@pytest.fixture
def site(service: Service, codes: dict[str, str], tmp_path: Path) -> Site:
    assert codes
    return Site(service, tmp_path)


def load(site: Site, run: Run, order: str) -> int:
    ref = one(site.service.engine, "SELECT ref FROM parcel WHERE order_id = :order", order=order)
    (door,) = site.load(ref, run[0])
    site.settle()
    return door


def state_of(site: Site, order: str) -> str:
    return str(one(site.service.engine, "SELECT state FROM parcel WHERE order_id = :order", order=order))


def up_logs(site: Site) -> int:
    """How many logs the service has of this gateway; each of them dense from 1."""
    logs = rows(site.service.engine, "SELECT log_id, count(*), min(seq), max(seq) FROM site_event GROUP BY log_id")
    assert all((first, last) == (1, count) for _, count, first, last in logs)
    return len(logs)


# --- the gateway's ----------------------------------------------------------------------------------------------------


def test_a_gateway_whose_disk_is_lost_opens_for_staff_only_until_it_is_told_and_then_as_before(
    site: Site, codes: dict[str, str], run: Run
) -> None:
    door = load(site, run, "o1")
    site.lose_disk()
    site.start(linked=False)
    site.beat()
    assert site.scan(codes["o1"]) == []
    assert site.shows[-1].refusal == "staff_only"
    assert site.opened == []

    site.connect()
    assert site.scan(codes["o1"]) == [door]
    site.settle()
    assert (state_of(site, "o1"), up_logs(site)) == ("collected", 2)


def test_a_gateway_put_back_from_an_older_copy_forgets_what_may_be_wrong_and_is_told_anew(
    site: Site, codes: dict[str, str], run: Run
) -> None:
    door = load(site, run, "o1")
    older = site.path.with_suffix(".copy")
    site.store.close()
    shutil.copy(site.path, older)
    site.start()
    site.scan(codes["o1"])  # what the copy does not know
    site.settle()
    site.lose_disk()
    older.replace(site.path)

    site.start()
    site.settle()
    site.scan("whatever comes first: the locker counts on, and the copy waits for what it has missed")
    site.settle()
    assert site.scan(codes["o1"]) == []
    assert site.shows[-1].refusal == "unknown"
    assert state_of(site, "o1") == "collected"
    assert up_logs(site) == 2
    assert one(site.service.engine, "SELECT down_acked_seq FROM gateway") >= 1
    assert site.site.down is not None
    assert site.site.conditions.rows[str(door)].condition is DoorCondition.TO_CHECK
    second = load(site, run, "o2")
    assert second != door
    assert site.scan(codes["o2"]) == [second]
    site.settle()
    assert state_of(site, "o2") == "collected"


def test_a_copy_that_went_on_alone_beyond_what_is_known_is_found_out_by_its_first_events(
    site: Site, codes: dict[str, str], run: Run
) -> None:
    site.store.close()
    older = site.path.with_suffix(".copy")
    shutil.copy(site.path, older)
    site.start()
    door = load(site, run, "o1")
    site.lose_disk()
    older.replace(site.path)
    site.start(linked=False)
    for _ in range(40):  # more events than the service knows of this log
        site.service.clock.pass_ms(2_000)
        site.beat()
        site.happen(DoorOpened(3))
        site.happen(DoorShut(3))
    site.connect()
    site.settle()
    assert up_logs(site) == 2
    forced = one(
        site.service.engine, "SELECT count(*) FROM site_event WHERE type = 'DoorWasOpened' AND body->>'door' = '3'"
    )
    assert forced == 40
    assert site.scan(codes["o1"]) == [door]


# --- the service's ----------------------------------------------------------------------------------------------------


def test_a_database_put_back_from_an_older_dump_hears_again_what_it_forgot(
    site: Site, codes: dict[str, str], run: Run
) -> None:
    dumped = dump(site.service.engine)
    door = load(site, run, "o1")
    assert site.scan(codes["o1"]) == [door]
    site.settle()
    told = rows(site.service.engine, "SELECT seq, type FROM site_event ORDER BY seq")
    assert state_of(site, "o1") == "collected"

    put_back(site.service.engine, dumped)
    site.service.intake = site.service.new_intake()
    assert state_of(site, "o1") == "packed"
    site.settle()
    site.happen(DoorOpened(4))  # the next thing that is told shows what is missing
    site.settle()
    assert state_of(site, "o1") == "collected"
    assert rows(site.service.engine, "SELECT seq, type FROM site_event ORDER BY seq")[: len(told)] == told
    assert up_logs(site) == 1


def test_what_a_restored_database_tells_after_its_restore_is_not_taken_for_what_it_told_before(
    site: Site, codes: dict[str, str], run: Run
) -> None:
    dumped = dump(site.service.engine)
    with site.service.engine.begin() as conn:
        add_order(conn, "o3", run=run, state="packed", parcels=["packed"])
        add_credential(conn, "o3", handle=9)
    site.settle()
    put_back(site.service.engine, dumped)
    site.service.intake = site.service.new_intake()
    site.settle()
    assert site.site.down is not None
    log_id, seq = rows(site.service.engine, "SELECT down_log_id, down_seq FROM gateway")[0]
    assert (site.site.down.log_id, site.site.down.seq) == (log_id, seq)
    assert load(site, run, "o2") in DOORS
    assert codes
