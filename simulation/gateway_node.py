"""A site's gateway in the simulation: the real core in the real loop, a disk of dicts, and death at every boundary.

It may be killed before a commit, after it, between any two sends, or at rest; what was committed is all that is left.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from queue import Queue
from typing import TYPE_CHECKING, cast

import msgspec

from locker_gateway.inputs import BusDown, BusMessage, BusUp, Input, Started, Tick, UplinkDown, UplinkMessage, UplinkUp
from locker_gateway.loop import MAX_TOGETHER, Loop
from locker_gateway.outputs import AppendEvent, Publish, PutMinutes, ReadMinutes, Record, Said, StoredMinute
from locker_gateway.site import UnreadableRecord, restore
from locker_gateway.state import Site, SiteConfig
from locker_gateway.store import Store, StoreFailed
from locker_gateway.turn import seal_up
from locker_protocol.audit_chain import Head
from locker_protocol.bus_messages import Beat, CodeScanned, ControllerDeath, Echo, Events, KeysEntered, Report, event_of
from locker_protocol.codec import decode
from locker_protocol.site_events import UnlockGranted
from locker_protocol.telemetry import Samples
from locker_protocol.topics import uplink_topic
from locker_protocol.uplink_messages import GatewayDeath
from locker_protocol.vocabulary import Refusal, Via
from simulation.clocks import SimClock
from simulation.disks import GatewayDisk
from simulation.kernel import Violation
from simulation.network import Link, Will

if TYPE_CHECKING:
    from locker_gateway.metrics import Metrics
    from simulation.world import World

GATEWAY, SHARD = "gw", "s0"
MAX_CACHE = 512
MAX_WAITING = 2_000
# What an older version finds in a store that a newer one wrote.
FROM_THE_FUTURE = ("newer", "only", b"{}")


class Killed(Exception):
    """In the middle of a turn."""


@dataclass(slots=True)
class Heard:
    """What came from a controller: the newest boot that was heard, when, and since then perhaps a death.

    What an earlier boot said and comes only now says nothing of the one that lives. `doubt_ms`: since when nobody can
    know which boot that is. `event_no`: the last event told of, of the memory `store_id`.
    """

    boot_id: str = ""
    at_ms: int = 0
    death: str | None = None
    boots: set[str] = field(default_factory=set)
    store_id: str = ""
    event_no: int = 0
    doubt_ms: int | None = None

    def newest(self, said: "Sender", *, at_ms: int, asked_ms: int | None) -> None:
        """The newest boot spoke. `asked_ms`: when the number it gives back was asked."""
        if said.boot_id != self.boot_id or (self.doubt_ms is not None and (asked_ms or 0) > self.doubt_ms):
            self.doubt_ms = None
        known = self.event_no if said.store_id == self.store_id else 0
        self.store_id, self.event_no = said.store_id, max(known, said.told())
        self.boot_id, self.at_ms, self.death = said.boot_id, at_ms, None

    def older(self, said: "Sender", *, at_ms: int) -> None:
        """An earlier boot's message comes only now.

        No clock orders boots. One that was never heard before, and does not say that it knows of fewer events than its
        memory holds by now, is to the gateway the newer one; until the other gives back a number asked since.
        """
        knows_fewer = said.type != Events.__name__ and said.store_id == self.store_id and said.event_no < self.event_no
        if said.boot_id not in self.boots and not knows_fewer:
            self.doubt_ms = at_ms


class Numbered(msgspec.Struct):
    """Of an event its number."""

    event_no: int


class Sender(msgspec.Struct):
    """As much of any message of the bus as tells what it is, and of a controller's who said it and what it knows."""

    type: str
    boot_id: str = ""
    store_id: str = ""
    event_no: int = 0
    events: list[Numbered] = []
    echo: int | None = None

    def told(self) -> int:
        """The last event it tells of."""
        return max([self.event_no, *(each.event_no for each in self.events)])


_said = msgspec.json.Decoder(Sender)


class Unmeasured:
    """Figures that nobody reads."""

    def __init__(self) -> None:
        self.commit = self.queued = self.minutes_queued = self.quarantined = self.scan_to_unlock = self

    def time(self) -> nullcontext[None]:
        return nullcontext()

    def note(self, output: object) -> None:
        pass

    def set(self, value: float) -> None:
        pass

    def observe(self, value: float) -> None:
        pass


class GatewayNode:
    """One gateway and the machine it runs on."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.kernel, self.chaos = world.kernel, world.chaos
        self.clock = SimClock(self.kernel)
        self.disk = GatewayDisk()
        self.audited_before = 0
        self.started_ms = 0
        self.heard: dict[str, Heard] = {}
        self.asked_ms: dict[tuple[str, int | None], int] = {}
        self.one_at_a_time = True
        self._alone: BusMessage | None = None
        self.site: Site | None = None
        self._loop: Loop | None = None
        self._metrics = cast("Metrics", Unmeasured())
        self._epoch = 0
        self._busy_until_ms = 0
        self._full_until_ms = 0
        self._away = False
        self._waiting: list[Input] = []
        self._tick_ms = self.kernel.pick((200, 500, 1_000, 1_000))
        down = uplink_topic(SHARD, GATEWAY, "down")
        prefix = f"locker/v1/{GATEWAY}/"
        self.uplink = Link(
            f"{GATEWAY}-uplink",
            world.uplink,
            self.kernel,
            lambda _topic, payload, _kept: self.give(UplinkMessage(payload, self.clock.now().monotonic_ms)),
            lambda topic: topic == down,
            up=lambda: self.give(UplinkUp()),
            down=lambda: self.give(UplinkDown()),
            will=self._will,
        )
        self.bus = Link(
            f"{GATEWAY}-bus",
            world.bus,
            self.kernel,
            self._hear_bus,
            lambda topic: topic.startswith(prefix) and not topic.endswith("/command"),
            up=lambda: self.give(BusUp()),
            down=lambda: self.give(BusDown()),
            will=lambda: None,
        )

    def _hear_bus(self, topic: str, payload: bytes, kept: bool) -> None:  # noqa: FBT001 - a link's handler
        self.give(BusMessage(topic, payload, self.clock.now().monotonic_ms, kept))

    def _listen_in(self, message: BusMessage) -> None:
        """What the broker kept proves no life; a death it kept is one."""
        said = _said.decode(message.payload)
        name = message.topic.split("/")[3]
        heard, boots = self.heard.setdefault(name, Heard()), self.world.controllers[name].boots
        if said.type == ControllerDeath.__name__:
            heard.death = said.boot_id
        elif not message.retained:
            if said.type == Samples.__name__:
                self.world.oracle.cold.samples_come(name, message.payload)
            elif said.type == Beat.__name__ and self.site is not None and self.site.seen[name].contract == 0:
                self.world.oracle.cold.beat_stands_in(name)
            if boots[said.boot_id] >= boots.get(heard.boot_id, 0):
                heard.newest(said, at_ms=self.kernel.ms, asked_ms=self.asked_ms.get((name, said.echo)))
            else:
                heard.older(said, at_ms=self.kernel.ms)
            heard.boots.add(said.boot_id)

    # --- life and death

    def start(self) -> None:
        """Read the store and begin."""
        if self.site is not None or self._away:
            return
        if self.chaos.strikes("gateway_downgrade_refused"):
            self._refuse_to_start()
            return
        self._epoch += 1
        self.started_ms = self.kernel.ms
        if self.kernel.chance(0.3):
            self.clock.restart()
        if self.chaos.strikes("clock_dead"):
            self.world.trouble.clocks.die(self.clock)
        self.site = restore(self._config(), self.disk.records())
        self._loop = Loop(
            self.site,
            cast("Store", self),
            clock=self.clock,
            inbox=Queue(),
            send=self._send,
            say=self._say,
            metrics=self._metrics,
            random=self.kernel.random_bytes,
        )
        self.kernel.note("gateway_started")
        self._turn([Started()])
        if self.site is not None:
            self.uplink.start()
            self.bus.start()
            self.kernel.after(self._tick_ms, partial(self._tick, self._epoch))

    def _config(self) -> SiteConfig:
        world = self.world
        return SiteConfig(
            GATEWAY,
            world.site_no,
            SHARD,
            tuple(world.controllers),
            world.first_keys,
            world.gateway_key,
            self.kernel.random_bytes(16).hex(),
        )

    def _refuse_to_start(self) -> None:
        """Somebody put an older version back: it must not touch what it cannot read; then the right one comes."""
        try:
            restore(self._config(), [*self.disk.records(), FROM_THE_FUTURE])
        except UnreadableRecord:
            self.kernel.after(self.kernel.between(500, 10_000), self.start)
            return
        raise Violation("I7", "an older version works with a newer one's store")

    def upgrade(self, lasts_ms: int) -> None:
        """Stop in good order, as for a new version, and start again."""
        will = self._will()
        if will is not None:
            self.uplink.publish(will.topic, will.payload, retain=True)
            self._end(lasts_ms, in_good_order=True)

    def kill(self, lasts_ms: int) -> None:
        """Kill -9, and start again after a while."""
        if self.site is not None:
            self.kernel.note("gateway_killed")
            self._end(lasts_ms, in_good_order=False)

    def _end(self, lasts_ms: int, *, in_good_order: bool) -> None:
        self.world.oracle.cold.gateway_ended()
        self.site = self._loop = None
        self.heard.clear()
        self.asked_ms.clear()
        for controller in self.world.controllers.values():
            controller.echoes_since_ms = None
        self._epoch += 1
        self._waiting.clear()
        self._busy_until_ms = 0
        self.uplink.stop(in_good_order=in_good_order)
        self.bus.stop(in_good_order=in_good_order)
        self.kernel.after(lasts_ms, self.start)

    def take_away(self) -> None:
        """Its machine is opened; nothing starts it until it is put back."""
        self.kill(0)
        self._away = True

    def put_back(self) -> None:
        """It starts with the disk it has now."""
        self._away = False
        self.start()

    def fill_disk(self, lasts_ms: int) -> None:
        """Until somebody makes room no commit succeeds, and each that fails ends the process."""
        self._full_until_ms = self.kernel.ms + lasts_ms

    def stop_for(self, lasts_ms: int) -> None:
        """Stopped by a signal, and let go on."""
        self.be_busy(lasts_ms)
        self.uplink.freeze(lasts_ms)
        self.bus.freeze(lasts_ms)

    def be_busy(self, lasts_ms: int) -> None:
        """Waiting for its disk: what comes in waits."""
        if self.site is None:
            return
        self._busy_until_ms = max(self._busy_until_ms, self.kernel.ms + lasts_ms)
        self.kernel.after(lasts_ms, partial(self._work_off, self._epoch))

    def give(self, given: Input) -> None:
        """An input for the loop's inbox."""
        if self.site is None:
            return
        if self.kernel.ms < self._busy_until_ms or self._waiting:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(given)
            return
        self._turn([given])

    def _work_off(self, epoch: int) -> None:
        if epoch != self._epoch or self.kernel.ms < self._busy_until_ms:
            return
        if self._waiting and self.chaos.strikes("gateway_out_of_memory"):
            self.kill(self.kernel.between(200, 5_000))
            return
        while self._waiting and epoch == self._epoch:
            together, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
            self._turn(together)

    def _tick(self, epoch: int) -> None:
        if epoch == self._epoch:
            self.give(Tick())
            self.kernel.after(self._tick_ms, partial(self._tick, epoch))

    def _turn(self, inputs: list[Input]) -> None:
        assert self._loop is not None
        self.one_at_a_time = len(inputs) == 1
        only = inputs[0]
        self._alone = only if self.one_at_a_time and isinstance(only, BusMessage) else None
        for given in inputs:
            if isinstance(given, BusMessage):
                self._listen_in(given)
        try:
            self._loop.turn(inputs)
        except (Killed, StoreFailed):
            self.kill(self.kernel.between(200, 15_000))
            return
        if any(isinstance(given, Tick) for given in inputs):
            self.world.oracle.cold.ticked()
        site = self.site
        if site is not None and len(site.sending.cache) > MAX_CACHE:
            raise Violation("I17", f"{len(site.sending.cache)} events in the gateway's memory")

    # --- what the loop asks its store and its links for

    def commit(self, records: list[Record]) -> None:
        """Make records durable, unless death comes first."""
        grants = any(isinstance(each, AppendEvent) and isinstance(each.event, UnlockGranted) for each in records)
        factor = 20 if grants else 1
        if self.kernel.ms < self._full_until_ms:
            self.chaos.happened("gateway_disk_full")
            raise StoreFailed("no room")
        if self.chaos.strikes("gateway_killed_before_commit", factor):
            raise Killed
        failed = self.chaos.strikes("gateway_sync_failed", factor)
        if failed and self.kernel.chance(0.5):
            raise StoreFailed("nothing of it reached the disk")
        self.disk.write(records)
        self.world.oracle.committed(self, records)
        if failed:
            raise StoreFailed("it is there, and nobody knows")
        if self.chaos.strikes("gateway_killed_before_sends", factor):
            raise Killed
        if any(isinstance(each, PutMinutes) for each in records) and self.world.cold_trouble.minutes_written():
            raise Killed
        if grants and self.chaos.strikes("gateway_killed_near_a_grant"):
            dies = partial(self.kill, self.kernel.between(200, 15_000))
            self.kernel.after(self.kernel.between(1, 700), dies)

    @property
    def audit_head(self) -> Head:
        """The last audit row that is durable, as the store says it."""
        return self.disk.head

    def read_events(self, first: int, limit: int) -> tuple[object, ...]:
        """The up log, as the store reads it."""
        return self.disk.read_events(first, limit)

    def read_minutes(self, asked: ReadMinutes) -> tuple[StoredMinute, ...]:
        """Minutes of temperature, as the store reads them."""
        return self.disk.read_minutes(asked)

    def _send(self, message: Publish) -> bool:
        if self.chaos.strikes("gateway_killed_between_sends", 20 if message.unlocks else 1):
            raise Killed
        if message.unlocks:
            self.world.oracle.unlock_leaves(message)
            if self.chaos.strikes("unlock_stalled"):
                self.bus.stall(self.kernel.between(500, 30_000))
        self.kernel.note("gateway_sent", message.topic[-16:], data=message.payload)
        self._note_echo(message)
        link = self.uplink if message.link == "uplink" else self.bus
        return link.publish(message.topic, message.payload, retain=message.retain, reliable=message.qos > 0)

    def _note_echo(self, message: Publish) -> None:
        """Keep when each number left, by the one clock that nobody here has."""
        if message.link == "bus" and _said.decode(message.payload).type == Echo.__name__:
            asked: Echo = decode(message.payload, Echo)
            self.asked_ms[message.topic.split("/")[3], asked.echo] = self.kernel.ms

    def _say(self, said: Said) -> None:
        fields = said.fields
        self.kernel.note(said.event, *fields.values())
        if fields.get("refusal") is Refusal.TOO_LATE and fields["via"] is not Via.REMOTE and self._alone is not None:
            report: Report = decode(self._alone.payload, Report)
            self.world.oracle.refused_as_late(str(fields["controller"]), _shown_in(report), echo=report.echo)

    def _will(self) -> Will | None:
        if self.site is None:
            return None
        frame = seal_up(self.site, GatewayDeath(self.site.config.boot_id))
        return Will(uplink_topic(SHARD, GATEWAY, "presence"), frame)


def _shown_in(report: Report) -> set[str]:
    """What people showed, of all that a report tells; nothing where it tells of an earlier boot: nobody knows when."""
    if not isinstance(report, Events) or any(each.earlier_boot for each in report.events):
        return set()
    events = [event_of(each) for each in report.events]
    scanned = {each.text for each in events if isinstance(each, CodeScanned)}
    return scanned | {each.digits for each in events if isinstance(each, KeysEntered)}
