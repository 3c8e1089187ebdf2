"""The order service in the simulation: link and use cases as one process over a book of dicts.

It may be killed before a commit or after it, before anything is sent; its book may be an older copy. What is
acknowledged is what the book holds; a command from afar is sent once at most.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from app.domain.errors import DomainError
from app.link.command_relay import WINDOW, Flight, proceed
from app.link.down_log import Lag
from app.use_cases.site.hear_gateway import Standing, judge
from locker_protocol.codec import decode, encode
from locker_protocol.signing import Direction, seal, unseal
from locker_protocol.site_entries import LogPosition
from locker_protocol.site_events import SiteEvent, UnlockGranted
from locker_protocol.telemetry import MinutesApplied, MinutesKept
from locker_protocol.topics import uplink_topic
from locker_protocol.uplink_messages import (
    MAX_BATCH,
    CommandAnswered,
    Down,
    DownBatch,
    EntriesApplied,
    EventsApplied,
    GatewayBirth,
    GatewayDeath,
    LoadParcel,
    NumberedEntry,
    NumberedSiteEvent,
    OpenDoors,
    Presence,
    SiteStatus,
    Up,
    UpBatch,
)
from simulation.clocks import SimClock
from simulation.network import Link
from simulation.service_book import Book

if TYPE_CHECKING:
    from simulation.world import World

GATEWAY, SHARD = "gw", "s0"
TURN_MS = 500
SILENT_AFTER_MS = 15_000
YOUNG_MS = 10_000
GATEWAY_KEY_ID = 1

T = TypeVar("T")


class ServiceNode:
    """The service: `web` and `worker` as one."""

    def __init__(self, world: "World", book: Book) -> None:
        self.world, self.book = world, book
        self.kernel, self.chaos = world.kernel, world.chaos
        self.clock = SimClock(self.kernel)
        self.up = False
        self.answers: dict[str, CommandAnswered] = {}
        self.copies: list[Book] = []
        self._flight: Flight | None = None
        self._begun_ms = -YOUNG_MS
        self._heard_ms = 0
        self._epoch = 0
        self._topic = uplink_topic(SHARD, GATEWAY, "down")
        wanted = {uplink_topic(SHARD, GATEWAY, "up"), uplink_topic(SHARD, GATEWAY, "presence")}
        self.link = Link(
            "service",
            world.uplink,
            self.kernel,
            self._hear,
            wanted.__contains__,
            up=lambda: None,
            down=lambda: None,
            will=lambda: None,
        )

    # --- life and death

    def start(self) -> None:
        """Begin with what the book holds."""
        if not self.up:
            self.up = True
            self._epoch += 1
            self._flight, self._begun_ms, self._heard_ms = None, -YOUNG_MS, self.kernel.ms
            self.link.start()
            self._turn(self._epoch)

    def kill(self, lasts_ms: int) -> None:
        """Kill -9."""
        if self.up:
            self.kernel.note("service_killed")
            self.up = False
            self._epoch += 1
            self.link.stop()
            self.kernel.after(lasts_ms, self.start)

    def keep_a_copy(self) -> None:
        """What an operator backs up."""
        self.copies = [*self.copies[-1:], self.book.copied()]

    def transact(self, work: Callable[[], T]) -> T | None:
        """One use case in one transaction; `None`: nobody knows whether it was committed. Raises DomainError."""
        if not self.up:
            return None
        if self.chaos.strikes("service_killed_before_commit"):
            self._die()
            return None
        done = work()
        self.world.auditor.service_committed()
        if self.chaos.strikes("service_killed_before_sends"):
            self._die()
            return None
        return done

    def try_(self, work: Callable[[], T]) -> T | None:
        """A use case that may be refused."""
        try:
            return self.transact(work)
        except DomainError:
            return None

    def _die(self) -> None:
        self.kill(self.kernel.between(300, 20_000))

    # --- down

    def ask(self, command: OpenDoors | LoadParcel) -> None:
        """A command from afar: sent at most once."""
        if self.up and not self.chaos.strikes("service_killed_before_sends"):
            self.kernel.note("asked", command.command_id, data=encode(command))
            self._send(command)

    def rewind(self) -> None:
        """Send everything unacknowledged again."""
        self._flight = None

    def _send(self, message: Down) -> bool:
        frame = seal(
            encode(message),
            direction=Direction.DOWN,
            gateway=GATEWAY,
            key_id=self.world.ring.key_id,
            key=self.world.ring.key,
        )
        return self.link.publish(self._topic, frame)

    def _turn(self, epoch: int) -> None:
        if epoch != self._epoch:
            return
        self.kernel.after(TURN_MS, partial(self._turn, epoch))
        book = self.book
        book.number()
        if self.kernel.ms - self._heard_ms >= SILENT_AFTER_MS:
            book.online = False
        if not book.online or book.down_seq <= book.down_acked or book.down_log_id is None:
            self._flight = None
        else:
            self._fly(Lag(GATEWAY, book.down_log_id, book.down_seq, book.down_acked))

    def _fly(self, lag: Lag) -> None:
        flight = proceed(self._flight, lag, self.kernel.ms)
        room = WINDOW - (flight.through - flight.acked)
        rows = [each for each in self.book.outbox if each.log_id == lag.log_id and each.seq > flight.through][:room]
        for row in rows:
            self.world.auditor.entry_sent(lag.log_id, row.seq, row.entry)
        for start in range(0, len(rows), MAX_BATCH):
            batch = [
                NumberedEntry(row.seq, row.made_at, msgspec.Raw(row.entry)) for row in rows[start : start + MAX_BATCH]
            ]
            lost = self.chaos.strikes("entries_lost")
            if not lost and not self._send(DownBatch(lag.log_id, batch)):
                break
            flight = Flight(flight.log_id, flight.acked, batch[-1].seq, flight.since_ms)
        self._flight = flight

    # --- up

    def _hear(self, topic: str, payload: bytes, kept: bool) -> None:  # noqa: FBT001 - a link's handler
        if not self.up:
            return
        body = unseal(
            payload, direction=Direction.UP, gateway=GATEWAY, keys={GATEWAY_KEY_ID: self.world.gateway_public}
        )
        if not kept:
            self._heard_ms = self.kernel.ms
        said: Up | Presence = decode(body, Presence if topic.endswith("presence") else Up)
        match said:
            case UpBatch():
                self._take(said)
            case MinutesKept():
                self._keep(said)
            case EntriesApplied():
                self.transact(lambda: self.book.acknowledge(said.log_id, said.seq))
            case CommandAnswered():
                self.answers[said.command_id] = said
            case SiteStatus() | GatewayBirth():
                self._stand(said.boot_id, said.down, kept=kept, born=isinstance(said, GatewayBirth))
            case GatewayDeath() if said.boot_id == self.book.boot_id:
                self.book.online = False
            case GatewayDeath():
                pass  # an earlier boot's

    def _take(self, batch: UpBatch) -> None:
        """Apply what is next, then acknowledge: after the commit, never before."""
        last = self.transact(lambda: self.take_batch(batch))
        if last is not None:
            self._acknowledge(batch.log_id, last)

    def _keep(self, said: MinutesKept) -> None:
        through = self.transact(lambda: self.book.cold.keep_minutes(said))
        if through is not None:
            self._send(MinutesApplied(said.controller, through))

    def _acknowledge(self, log_id: str, last: int) -> None:
        self.world.auditor.acknowledged(log_id, last)
        self._send(EventsApplied(log_id, last))

    def take_batch(self, batch: UpBatch) -> int:
        """Apply `last + 1` and nothing else; returns how far the log is applied."""
        last = self.book.up_positions.get(batch.log_id, 0)
        for numbered in batch.events:
            if numbered.seq > last + 1:
                break
            if numbered.seq == last + 1:
                self.consume(batch.log_id, numbered)
                last = numbered.seq
        self.book.up_log_id = batch.log_id
        self.book.up_positions[batch.log_id] = last
        return last

    def consume(self, log_id: str, numbered: NumberedSiteEvent) -> None:
        """Apply one event; a refused one has no effect."""
        body = bytes(numbered.event)
        event: SiteEvent = decode(body, SiteEvent)
        self.world.auditor.applied(log_id, numbered.seq, body)
        if isinstance(event, UnlockGranted):
            self.world.auditor.chained(numbered.at, body)
        try:
            self.book.apply(event, self.clock.civil_ms(), self.kernel.random_bytes)
        except DomainError as refusal:
            self.world.auditor.event_refused(event, refusal)
        self.kernel.note("applied", numbered.seq, type(event).__name__, getattr(event, "order_id", None))

    def _stand(self, boot_id: str, down: LogPosition | None, *, kept: bool, born: bool) -> None:
        book = self.book
        standing = judge(down, log_id=book.down_log_id, seq=book.down_seq, acked=book.down_acked)
        book.online, book.boot_id = True, boot_id
        if standing is Standing.BEHIND and down is not None:
            book.down_acked = down.seq
        if kept and standing is not Standing.NEVER_BEGUN:
            return
        young = self.kernel.ms - self._begun_ms < YOUNG_MS
        if standing is Standing.NEVER_BEGUN or (standing is Standing.UNKNOWN and not young):
            self.begin_down_log()
        if born or standing is not Standing.IN_STEP:
            self.rewind()

    def begin_down_log(self) -> None:
        """A new log, its first entry a snapshot."""
        log_id = self.kernel.random_bytes(16).hex()
        self.transact(lambda: self.book.snapshot(log_id, self.clock.civil_ms()))
        self._begun_ms = self.kernel.ms
        self.kernel.note("down_log_begun", log_id)
