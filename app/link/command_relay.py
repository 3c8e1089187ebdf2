"""Sends each gateway what it has to know, in order, until it says that it has it.

Decides what is on its way: at most `WINDOW` entries a gateway, and back to the last acknowledged one after 2 s of
real time without progress. The outbox is the truth; what this process remembers may be lost at any moment and only
costs a repeat. Never sends to a gateway that is away, and never reads an entry.
"""

import threading
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine

from app.db.engine import transaction
from app.link import metrics
from app.link.busy import postponed
from app.link.down_log import Lag, backlog, batches_after, lagging, number_entries
from app.link.uplink import Uplink
from locker_protocol.clock import Clock
from locker_protocol.uplink_messages import RESEND_AFTER_MS

WINDOW = 256
POLL_S = 1.0
# While something is on its way, look this often whether its 2 s are over.
WATCH_S = 0.25


@dataclass(frozen=True, slots=True)
class Flight:
    """What is on its way to one gateway: entries after `acked` through `through`; no progress since `since_ms`."""

    log_id: str
    acked: int
    through: int
    since_ms: int


def proceed(flight: Flight | None, lag: Lag, now_ms: int) -> Flight:
    """Where to go on sending: after `through`. A gateway that went back, or is silent for 2 s, gets all of it again."""
    if flight is None or flight.log_id != lag.log_id or lag.acked < flight.acked:
        return Flight(lag.log_id, lag.acked, lag.acked, now_ms)
    if lag.acked > flight.acked:
        return Flight(lag.log_id, lag.acked, max(flight.through, lag.acked), now_ms)
    if flight.through > flight.acked and now_ms - flight.since_ms >= RESEND_AFTER_MS:
        return replace(flight, through=flight.acked, since_ms=now_ms)
    return flight


class CommandRelay:
    """The relay of one shard. One process at a time runs it (`shard_lock`)."""

    def __init__(self, *, engine: Engine, shard: str, uplink: Uplink, clock: Clock) -> None:
        self._engine = engine
        self._shard = shard
        self._uplink = uplink
        self._clock = clock
        self._flights: dict[str, Flight] = {}
        self._rewound: set[str] = set()
        self._lock = threading.Lock()
        self.wake = threading.Event()
        self.turned_ms = clock.now().monotonic_ms

    def rewind(self, gateway_id: str) -> None:
        """Send this gateway everything unacknowledged again, now; from any thread."""
        with self._lock:
            self._rewound.add(gateway_id)
        self.wake.set()

    def run(self, stop: threading.Event) -> None:
        """Number and send until told to stop; wakes when told so, and each second."""
        while not stop.is_set():
            self.wake.clear()
            self.turned_ms = self._clock.now().monotonic_ms
            with postponed("relay"):
                self.turn(self.turned_ms)
            self.wake.wait(WATCH_S if self._flights else POLL_S)

    def turn(self, now_ms: int) -> None:
        """Number what was committed, then send what may be on its way."""
        self._forget_rewound()
        with transaction(self._engine) as conn:
            number_entries(conn, self._shard)
        with transaction(self._engine) as conn:
            behind = lagging(conn, self._shard)
            self._flights = {lag.gateway_id: self._send(conn, lag, now_ms) for lag in behind}
            metrics.OUTBOX_BACKLOG.set(backlog(conn, self._shard))

    def _forget_rewound(self) -> None:
        with self._lock:
            for gateway_id in self._rewound:
                self._flights.pop(gateway_id, None)
            self._rewound.clear()

    def _send(self, conn: Connection, lag: Lag, now_ms: int) -> Flight:
        before = self._flights.get(lag.gateway_id)
        flight = proceed(before, lag, now_ms)
        if before is not None and flight.through < before.through:
            metrics.RESENDS.inc()
        room = WINDOW - (flight.through - flight.acked)
        if room <= 0 or flight.through >= lag.last:
            return flight
        for batch in batches_after(conn, lag, flight.through, room):
            if not self._uplink.send(lag.gateway_id, batch):
                break
            metrics.ENTRIES_SENT.inc(len(batch.entries))
            flight = replace(flight, through=batch.entries[-1].seq)
        return flight
