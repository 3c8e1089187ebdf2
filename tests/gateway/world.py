"""A site for tests: the real core, a store that is a dict, a service that signs, and controllers that obey.

Nothing here decides anything about codes or doors; it only carries messages and keeps the time.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from locker_gateway.inputs import (
    BusMessage,
    BusUp,
    EventsRead,
    Input,
    MinutesRead,
    Started,
    StoredEvent,
    Tick,
    UplinkMessage,
    UplinkUp,
)
from locker_gateway.outputs import (
    AppendAudit,
    AppendEvent,
    Delete,
    Output,
    PruneEvents,
    PruneMinutes,
    Publish,
    Put,
    PutMinutes,
    ReadEvents,
    ReadMinutes,
    Record,
    Said,
    StoredMinute,
)
from locker_gateway.site import restore, step
from locker_gateway.state import Site, SiteConfig
from locker_protocol.bus_messages import (
    FRESH_BEATS,
    Beat,
    CodeScanned,
    Command,
    ControllerBirth,
    ControllerDeath,
    ControllerEvent,
    DoorOpened,
    DoorReading,
    DoorShut,
    DoorState,
    Echo,
    Events,
    EventsReceived,
    KeysEntered,
    NumberedEvent,
    Show,
    Unlock,
    UnlockDone,
)
from locker_protocol.clock import Now
from locker_protocol.codec import decode, encode
from locker_protocol.signing import Direction, seal, unseal
from locker_protocol.site_entries import LoadedParcel
from locker_protocol.site_events import AccessRefused, SiteEvent, UnlockGranted
from locker_protocol.telemetry import MAX_SAMPLES, SAMPLE_EVERY_MS, Samples, ZoneSamples
from locker_protocol.token import RIGHT_LOAD, RIGHT_STAFF, Token, sign_token
from locker_protocol.topics import bus_topic
from locker_protocol.uplink_messages import Down, DownBatch, EventsApplied, NumberedEntry, Presence, Up
from locker_protocol.vocabulary import Right, Zone
from tests.gateway.manifests import (
    GATEWAY,
    SERVICE,
    SITE_NO,
    START_MS,
    ZONES,
    code,
    credential,
    parcel,
    snapshot,
)

BEAT_EVERY_MS = 2_000
SAMPLES_EVERY_MS = 30_000
# The lockers have been cold for so long when a test begins.
COOLED_MS = 15 * 60_000
# After a longer jump of the clock the rest is a gap.
MAX_DUE = 240


@dataclass
class Controller:
    """A locker's controller that obeys at once, with a memory that survives its boots."""

    world: "World"
    name: str
    doors: dict[int, DoorState]
    boot_id: str = "boot1"
    store_id: str = "memory1"
    born_ms: int = 0
    event_no: int = 0
    jammed: set[int] = field(default_factory=set)
    pending: list[tuple[int, int, Any]] = field(default_factory=list)  # number, when, a ControllerEvent or Raw
    boot_of: dict[int, str] = field(default_factory=dict)
    ring: dict[str, UnlockDone] = field(default_factory=dict)
    shows: list[Show] = field(default_factory=list)
    powered: bool = True
    echo: int | None = None
    beaten_ms: int = 0
    air_c: dict[Zone, float | None] = field(default_factory=dict)
    product_c: dict[Zone, float | None] = field(default_factory=dict)
    sampled_at: int = 0
    sample_no: int = 0

    @property
    def beat(self) -> int:
        """Seconds since boot."""
        return (self.world.ms - self.born_ms) // 1000

    def obey(self, command: Command) -> None:
        """What a real one does with a command."""
        match command:
            case Unlock():
                self._unlock(command)
            case EventsReceived():
                if command.store_id == self.store_id:
                    self.pending = [each for each in self.pending if each[0] > command.event_no]
            case Echo():
                self.echo = command.echo
            case Show():
                self.shows.append(command)

    def happen(self, *events: ControllerEvent) -> None:
        """Number events; `report` sends them."""
        for event in events:
            self.event_no += 1
            self.boot_of[self.event_no] = self.boot_id
            self.pending.append((self.event_no, self.world.ms, event))

    def report(self, *, earlier_boot: bool = False) -> list[Output]:
        """Send what is not received yet."""
        events = [
            NumberedEvent(no, self.world.ms - at, _raw(event), earlier_boot or self._is_of_earlier_boot(no))
            for no, at, event in self.pending[:32]
        ]
        return self.send("report", Events(self.boot_id, self.beat, self.store_id, events, self.echo))

    def happen_raw(self, *bodies: bytes) -> None:
        """Number events as somebody else's firmware wrote them."""
        for body in bodies:
            self.event_no += 1
            self.pending.append((self.event_no, self.world.ms, msgspec.Raw(body)))

    def report_raw(self, *bodies: bytes) -> list[Output]:
        """Number such events and send them."""
        self.happen_raw(*bodies)
        return self.report()

    def send_beat(self) -> list[Output]:
        """Send the whole state."""
        self.beaten_ms = self.world.ms
        readings = [DoorReading(door, state) for door, state in self.doors.items()]
        beat = Beat(self.boot_id, self.beat, self.store_id, self.event_no, readings, ZONES, self.echo)
        return self.send("report", beat)

    def be_born(self, *, retained: bool = False) -> list[Output]:
        """Connect."""
        self.echo = None if not retained else self.echo
        readings = [DoorReading(door, state) for door, state in self.doors.items()]
        birth = ControllerBirth(
            self.boot_id, self.beat, self.store_id, self.event_no, "power_on", "test 1", readings, ZONES, 7
        )
        outputs = self.send("presence", birth, retained=retained)
        if not retained:
            self.sample()
            self.world.give(Tick())
        return outputs

    def sample(self) -> list[Output]:
        """Send every sample that is due since the last one, as food and air are now; a little lively, as probes are."""
        count = min(MAX_DUE, (self.world.civil_ms - self.sampled_at) // SAMPLE_EVERY_MS)
        outputs: list[Output] = []
        for begin in range(0, count, MAX_SAMPLES):
            some = min(MAX_SAMPLES, count - begin)
            first_no, self.sample_no = self.sample_no + 1, self.sample_no + some
            self.sampled_at = self.world.civil_ms - (count - begin - some) * SAMPLE_EVERY_MS
            outputs += self.send("report", self.samples(first_no, some))
        return outputs

    def samples(self, first_no: int, count: int, **changes: Any) -> Samples:
        """So many samples, the newest taken at `sampled_at`."""
        age_ms = self.world.civil_ms - self.sampled_at
        zones = [
            ZoneSamples(
                zone,
                [_lively(self.air_c[zone], first_no + each) for each in range(count)],
                [_lively(celsius, first_no + each) for each in range(count)],
            )
            for zone, celsius in self.product_c.items()
        ]
        report = Samples(
            self.boot_id, self.beat, self.store_id, first_no, age_ms, SAMPLE_EVERY_MS, zones, 100 + first_no, self.echo
        )
        return msgspec.structs.replace(report, **changes)

    def die(self, boot_id: str | None = None) -> list[Output]:
        """Its will."""
        return self.send("presence", ControllerDeath(boot_id or self.boot_id))

    def reboot(self, boot_id: str) -> None:
        """Lose everything but the memory."""
        self.boot_id, self.born_ms, self.sample_no = boot_id, self.world.ms, 0

    def send(self, kind: Any, message: msgspec.Struct, *, retained: bool = False) -> list[Output]:
        """Publish on the bus."""
        if not self.powered:
            return []
        return self.world.bus(self.name, kind, encode(message), retained=retained)

    def _is_of_earlier_boot(self, event_no: int) -> bool:
        return self.boot_of.get(event_no, self.boot_id) != self.boot_id

    # --- what people do

    def scan(self, text: str) -> list[Output]:
        """Hold a code before the scanner."""
        self._beat_when_due()
        self.happen(CodeScanned(text))
        return self.report()

    def type(self, digits: str) -> list[Output]:
        """Type and confirm."""
        self._beat_when_due()
        self.happen(KeysEntered(digits))
        return self.report()

    def shut(self, *doors: int) -> list[Output]:
        """Push doors shut."""
        for door in doors:
            self.doors[door] = "shut"
            self.happen(DoorShut(door))
        return self.report()

    def force(self, door: int) -> list[Output]:
        """Open a door with a crowbar."""
        self.doors[door] = "open"
        self.happen(DoorOpened(door))
        return self.report()

    def _beat_when_due(self) -> None:
        """Where a test let time pass and nothing happen, it lived all the same."""
        if self.world.ms - self.beaten_ms >= BEAT_EVERY_MS:
            self.send_beat()

    def _unlock(self, command: Unlock) -> None:
        first = self.ring.get(command.command_id)
        if first is None:
            fresh = command.boot_id == self.boot_id and self.beat - command.beat <= FRESH_BEATS
            first = UnlockDone(command.command_id, command.door, "pulsed" if fresh else "stale")
            self.ring[command.command_id] = first
            self.happen(first)
            if fresh:
                self.world.pulses.append(command.door)
                if command.door not in self.jammed:
                    self.doors[command.door] = "open"
                    self.happen(DoorOpened(command.door, command.command_id))
                    self.world.on_open(command.command_id, command.door)
        else:
            self.happen(first)


AnyWorld = TypeVar("AnyWorld", bound="World")


class World:
    """One site and everything around it."""

    def __init__(self, *, told: bool = True) -> None:
        self.civil_ms = START_MS
        self.ms = 1_000_000
        self.records: dict[tuple[str, str], bytes] = {}
        self.minutes: dict[tuple[str, int, Zone], bytes] = {}
        self.events: list[AppendEvent] = []
        self.audit: list[AppendAudit] = []
        self.sent: list[Publish] = []
        self.said: list[Said] = []
        self.pulses: list[int] = []
        self.on_open: Callable[[str, int], None] = lambda _command_id, _door: None
        self.down_seq = 0
        self.down_log = "down1"
        self.reachable = True
        self.uplink_there = True
        self._random = itertools.count(1)
        self.config = SiteConfig("gw", SITE_NO, "s0", ("G1", "G2"), {1: SERVICE.public_key()}, GATEWAY, "boot-gw")
        self.site = self._restored()
        self.g1 = Controller(self, "G1", dict.fromkeys((1, 2, 3, 4), "shut"))
        self.g2 = Controller(self, "G2", dict.fromkeys((5, 6), "shut"))
        for controller, zones in ((self.g1, {Zone.CHILLED: 3.0}), (self.g2, {Zone.CHILLED: 3.0, Zone.COOL: 12.0})):
            controller.air_c, controller.product_c = dict(zones), dict(zones)
            controller.sampled_at = self.civil_ms - COOLED_MS
        self.give(Started())
        self.give(UplinkUp())
        self.give(BusUp())
        if told:
            self.tell(snapshot())
            self.g1.be_born()
            self.g2.be_born()

    # --- carrying

    @property
    def now(self) -> Now:
        """Both clocks."""
        return Now(self.civil_ms, self.ms)

    def decide(self, given: Input) -> list[Output]:
        """One step of the core, nothing performed."""
        return step(self.site, given, now=self.now, random=self.random)

    def give(self, given: Input) -> list[Output]:
        """One step, as the shell does it: commit, then perform."""
        outputs = self.decide(given)
        self.commit(outputs)
        self.perform(outputs)
        return outputs

    def commit(self, outputs: Iterable[Output]) -> None:
        """Make the records of a step durable."""
        for output in outputs:
            match output:
                case Put():
                    self.records[output.kind, output.key] = output.body
                case Delete():
                    self.records.pop((output.kind, output.key), None)
                case AppendEvent():
                    self.events.append(output)
                case AppendAudit():
                    self.audit.append(output)
                case PutMinutes() | PruneMinutes():
                    self._commit_minutes(output)
                case PruneEvents():
                    self.events = [
                        each for each in self.events if each.seq > output.through_seq or each.at >= output.before
                    ]

    def _commit_minutes(self, record: PutMinutes | PruneMinutes) -> None:
        if isinstance(record, PutMinutes):
            self.minutes |= {(record.controller, minute, zone): body for zone, minute, body in record.rows}
            return
        for key in [each for each in self.minutes if each[0] == record.controller and each[1] <= record.through]:
            del self.minutes[key]

    def read_minutes(self, asked: ReadMinutes) -> tuple[StoredMinute, ...]:
        """What the store has of what is asked."""
        rows = [
            (zone, minute, body)
            for (controller, minute, zone), body in self.minutes.items()
            if controller == asked.controller and asked.first <= minute <= asked.last and asked.zone in {None, zone}
        ]
        rows.sort(key=lambda row: (row[1], row[0]))
        return tuple(rows if asked.limit < 0 else rows[: asked.limit])

    def perform(self, outputs: Iterable[Output]) -> None:
        """Do the effects of a step."""
        for output in outputs:
            if isinstance(output, Publish):
                self.deliver(output)
            elif isinstance(output, ReadEvents):
                rows = [StoredEvent(each.seq, each.at, each.body) for each in self.events if each.seq >= output.first]
                self.give(EventsRead(output, tuple(rows[: output.limit])))
            elif isinstance(output, ReadMinutes):
                self.give(MinutesRead(output, self.read_minutes(output)))
            elif isinstance(output, Said):
                self.said.append(output)

    def deliver(self, message: Publish) -> None:
        """Carry one message to whom it is for."""
        self.sent.append(message)
        if message.link == "bus" and self.reachable:
            controller = self.controller(message.topic.split("/")[3])
            if controller.powered:
                controller.obey(decode(message.payload, Command))

    def controller(self, name: str) -> Controller:
        """A controller by its id."""
        return {"G1": self.g1, "G2": self.g2}[name]

    def bus(self, name: str, kind: Any, payload: bytes, *, retained: bool = False) -> list[Output]:
        """A message from a controller, or from somebody who says so."""
        return self.give(BusMessage(bus_topic("gw", name, kind), payload, self.ms, retained))

    def down(self, message: Down, *, key: Ed25519PrivateKey = SERVICE, waited_ms: int = 0) -> list[Output]:
        """A sealed message from the service."""
        frame = seal(encode(message), direction=Direction.DOWN, gateway="gw", key_id=1, key=key)
        return self.give(UplinkMessage(frame, self.ms - waited_ms))

    def batch(self, *entries: msgspec.Struct | bytes) -> DownBatch:
        """The next entries of the down log."""
        numbered = []
        for entry in entries:
            self.down_seq += 1
            body = entry if isinstance(entry, bytes) else encode(entry)
            numbered.append(NumberedEntry(self.down_seq, self.civil_ms, msgspec.Raw(body)))
        return DownBatch(self.down_log, numbered)

    def tell(self, *entries: msgspec.Struct | bytes) -> list[Output]:
        """Send the next entries down."""
        return self.down(self.batch(*entries))

    def acknowledge(self, seq: int | None = None) -> list[Output]:
        """The service has the up log through `seq`, or all of it."""
        return self.down(EventsApplied(self.site.up.log_id, self.site.up.seq if seq is None else seq))

    def crash(self) -> None:
        """Lose the process; start it again from the store."""
        self.site = self._restored()
        self.give(Started())
        if self.uplink_there:
            self.give(UplinkUp())
        self.give(BusUp())

    def wait(self, seconds: float, *, beats: bool = True) -> list[Output]:
        """Let real and civil time pass, in steps of a fifth of a second, with the controllers' beats."""
        outputs: list[Output] = []
        for count in range(round(seconds * 5)):
            self.pass_ms(200)
            outputs += self.give(Tick())
            if beats and count % 10 == 9:
                for controller in (self.g1, self.g2):
                    if controller.pending:
                        outputs += controller.report()
                    outputs += controller.send_beat()
                    if self.civil_ms - controller.sampled_at >= SAMPLES_EVERY_MS:
                        outputs += controller.sample()
        return outputs

    def pass_ms(self, count: int) -> None:
        """Let time pass and nothing happen."""
        self.ms += count
        self.civil_ms += count

    def random(self, count: int) -> bytes:
        """Bytes that differ and replay."""
        return next(self._random).to_bytes(count, "little")

    def _restored(self) -> Site:
        rows = [(kind, key, body) for (kind, key), body in self.records.items()]
        return restore(self.config, rows)

    # --- looking

    def told_events(self, kind: type[SiteEvent] | None = None) -> list[Any]:
        """Events of the up log, of one kind."""
        return [each.event for each in self.events if kind is None or isinstance(each.event, kind)]

    def refusals(self) -> list[str]:
        """Why people were refused, in order."""
        return [event.refusal.value for event in self.told_events(AccessRefused)]

    def grants(self) -> list[Any]:
        """What was granted, in order."""
        return self.told_events(UnlockGranted)

    def grants_to_owners(self) -> list[Any]:
        """What was granted to people who came for their food."""
        return [each for each in self.grants() if each.right in {Right.COLLECT, Right.REOPEN, Right.HAND_OVER}]

    def up_messages(self) -> list[Any]:
        """Everything sent to the service on `up`, opened with the gateway's key."""
        return [self._opened(each, Up) for each in self.sent if each.link == "uplink" and each.topic.endswith("/up")]

    def opened_up(self, message: Publish) -> Any:
        """One message sent to the service on `up`."""
        return self._opened(message, Up)

    def presences(self) -> list[Any]:
        """Everything sent to the service on `presence`."""
        return [self._opened(each, Presence) for each in self.sent if each.topic.startswith("caibox") and each.retain]

    def durable(self) -> dict[tuple[str, str], bytes]:
        """The store's rows that tell what is true of parcels, codes, doors and grants."""
        return {
            key: body
            for key, body in self.records.items()
            if key[0] not in {"position", "stamp", "up_log", "mark", "answer"}
        }

    @staticmethod
    def _opened(message: Publish, kind: Any) -> Any:
        keys = {1: GATEWAY.public_key()}
        return decode(unseal(message.payload, direction=Direction.UP, gateway="gw", keys=keys), kind)


def _lively(celsius: float | None, number: int) -> float | None:
    return None if celsius is None else celsius + number % 7 * 0.0625


def _raw(event: ControllerEvent | msgspec.Raw) -> msgspec.Raw:
    return event if isinstance(event, msgspec.Raw) else msgspec.Raw(encode(event))


def staff_code(world: World, *, number: int = 31, rights: int = RIGHT_LOAD | RIGHT_STAFF, ahead_s: int = 30) -> str:
    """A member of staff's rotating QR text."""
    token = Token(1, SITE_NO, b"rotating", number, 0, rights, world.civil_ms // 1000 + ahead_s)
    return sign_token(token, SERVICE)


def loaded_world(*doors: int, others: dict[str, tuple[int, int]] | None = None) -> World:
    """A site where order `o1` (handle 7) lies behind these doors, and others as `order: (handle, door)`."""
    return with_parcels(World(told=False), *doors, others=others)


def with_parcels(world: AnyWorld, *doors: int, others: dict[str, tuple[int, int]] | None = None) -> AnyWorld:
    """Tell a site that was told nothing what lies there, as `loaded_world` says."""
    parcels = [parcel(number, doors=[door]) for number, door in enumerate(doors, 1)]
    credentials = [credential()]
    for number, (order_id, (handle, door)) in enumerate((others or {}).items(), 51):
        parcels.append(parcel(number, order_id=order_id, doors=[door]))
        credentials.append(credential(order_id=order_id, handle=handle))
    loaded = [LoadedParcel(each.parcel_id, each.doors[0], "loaded") for each in parcels]
    world.tell(snapshot(parcels=parcels, credentials=credentials, loaded=loaded))
    world.g1.be_born()
    world.g2.be_born()
    return world


def collected_world() -> World:
    """A site where order `o1` was collected from door 1 three seconds ago."""
    world = loaded_world(1)
    world.g1.scan(code())
    world.g1.shut(1)
    world.wait(3)
    return world


def unlocks(outputs: Iterable[Output]) -> list[int]:
    """The doors a step sent unlocks for."""
    return [decode(each.payload, Unlock).door for each in outputs if isinstance(each, Publish) and each.unlocks]


def records_of(outputs: Iterable[Output]) -> list[Record]:
    """What a step must commit."""
    return [each for each in outputs if isinstance(each, Record)]
