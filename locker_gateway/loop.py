"""The one thread that runs the core: take inputs, step, commit, act. Nothing leaves before its record is durable."""

from collections.abc import Callable
from queue import Empty, Queue
from threading import Event

from locker_gateway.cold import sending
from locker_gateway.inputs import AuditGrown, BusMessage, EventsRead, Input, MinutesRead, StoreMeasured, Tick
from locker_gateway.metrics import Metrics
from locker_gateway.outputs import Output, Publish, ReadEvents, ReadMinutes, Record, Said
from locker_gateway.site import step
from locker_gateway.state import Site
from locker_gateway.store import Store
from locker_protocol.audit_chain import Head
from locker_protocol.clock import Clock
from locker_protocol.ids import RandomBytes, random_bytes

TICK_MS = 200
MEASURE_EVERY_MS = 60_000
# Inputs that wait are stepped together and share one commit: a flood costs one fsync for so many, not one each.
MAX_TOGETHER = 32

Send = Callable[[Publish], bool]
Say = Callable[[Said], None]


class Loop:
    """Runs a site until it is told to stop."""

    def __init__(
        self,
        site: Site,
        store: Store,
        *,
        clock: Clock,
        inbox: Queue[Input],
        send: Send,
        say: Say,
        metrics: Metrics,
        random: RandomBytes = random_bytes,
    ) -> None:
        self._site = site
        self._store = store
        self._clock = clock
        self._inbox = inbox
        self._send = send
        self._say = say
        self._metrics = metrics
        self._random = random
        self._tick_ms = 0
        self._told_head: Head | None = None
        self._measure_ms = 0

    def run(self, stopping: Event) -> None:
        """Run until `stopping` is set. Raises StoreFailed."""
        while not stopping.is_set():
            self.turn(self._take())

    def turn(self, inputs: list[Input]) -> None:
        """Step through inputs, commit once, then perform their effects in order. Raises StoreFailed."""
        outputs: list[Output] = []
        for given in inputs:
            outputs += step(self._site, given, now=self._clock.now(), random=self._random)
        records = [each for each in outputs if isinstance(each, Record)]
        if records:
            with self._metrics.commit.time():
                self._store.commit(records)
        more = [found for each in outputs if (found := self._perform(each)) is not None]
        if self._told_head != self._store.audit_head:
            self._told_head = self._store.audit_head
            more.append(AuditGrown(*self._told_head))
        self._note(inputs, outputs)
        if more:
            self.turn(more)

    def _take(self) -> list[Input]:
        """Wait for an input, at most until the next tick, and take those that wait with it."""
        wait_ms = self._tick_ms - self._clock.now().monotonic_ms
        taken: list[Input] = []
        try:
            taken.append(self._inbox.get(timeout=max(0, wait_ms) / 1000))
            while len(taken) < MAX_TOGETHER:
                taken.append(self._inbox.get_nowait())
        except Empty:
            pass  # nothing more waits; the tick below may be due
        now_ms = self._clock.now().monotonic_ms
        if now_ms >= self._tick_ms:
            self._tick_ms = now_ms + TICK_MS
            taken.append(Tick())
        if now_ms >= self._measure_ms:
            self._measure_ms = now_ms + MEASURE_EVERY_MS
            taken.append(StoreMeasured(self._measured()))
        return taken

    def _measured(self) -> float:
        share = self._store.used_share()
        self._metrics.store_share.set(share)
        return share

    def _perform(self, output: Output) -> Input | None:
        match output:
            case Publish():
                self._send(output)
            case ReadEvents():
                return EventsRead(output, self._store.read_events(output.first, output.limit))
            case ReadMinutes():
                return MinutesRead(output, self._store.read_minutes(output))
            case Said():
                self._say(output)
            case _:
                pass
        return None

    def _note(self, inputs: list[Input], outputs: list[Output]) -> None:
        for output in outputs:
            self._metrics.note(output)
        self._metrics.queued.set(self._site.up.seq - self._site.mark)
        self._metrics.minutes_queued.set(sending.queued(self._site))
        self._metrics.quarantined.set(len(self._site.quarantines.rows))
        if any(isinstance(output, Publish) and output.unlocks for output in outputs):
            first_ms = min((each.received_ms for each in inputs if isinstance(each, BusMessage)), default=None)
            if first_ms is not None:
                self._metrics.scan_to_unlock.observe((self._clock.now().monotonic_ms - first_ms) / 1000)
