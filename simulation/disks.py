"""Disks that keep what was synced and nothing else.

The gateway's commits all or nothing, as SQLite does with synchronous=FULL; a controller's journal keeps a beginning of
what was not yet synced. Which records reached a disk is the oracle's evidence.
"""

from collections.abc import Iterable, Sequence

from firmware_sim.journal import read_line, write_line
from firmware_sim.memory import Memory, new_memory
from firmware_sim.memory import Record as Kept
from locker_gateway.inputs import StoredEvent
from locker_gateway.outputs import (
    AppendAudit,
    AppendEvent,
    Delete,
    PruneEvents,
    PruneMinutes,
    Put,
    PutMinutes,
    ReadMinutes,
    Record,
    StoredMinute,
)
from locker_protocol.audit_chain import EMPTY, Row, chained, first_break
from locker_protocol.vocabulary import Zone
from simulation.kernel import Kernel, Violation

COMPACT_ABOVE = 400


class GatewayDisk:
    """What `locker_gateway.store.Store` holds, in dicts."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], bytes] = {}
        self.events: dict[int, StoredEvent] = {}
        self.minutes: dict[tuple[str, int, Zone], bytes] = {}
        self.audit: list[Row] = []
        self.head = EMPTY

    def records(self) -> list[tuple[str, str, bytes]]:
        """All rows, oldest first."""
        return [(kind, key, body) for (kind, key), body in self.rows.items()]

    def write(self, records: Iterable[Record]) -> None:
        """Take one commit."""
        for record in records:
            match record:
                case Put(kind, key, body):
                    self.rows[kind, key] = body
                case Delete(kind, key):
                    self.rows.pop((kind, key), None)
                case AppendEvent(seq, at, _, body):
                    if seq in self.events:
                        raise Violation("I7", f"event {seq} of the up log is written twice", seq)
                    self.events[seq] = StoredEvent(seq, at, body)
                case AppendAudit(at, body):
                    no = self.head[0] + 1
                    self.head = no, chained(self.head[1], no, at, body)
                    self.audit.append((no, at, body, self.head[1]))
                case PutMinutes() | PruneMinutes():
                    self._write_minutes(record)
                case PruneEvents(through_seq, before):
                    gone = [e.seq for e in self.events.values() if e.seq <= through_seq and e.at < before]
                    for seq in gone:
                        del self.events[seq]

    def _write_minutes(self, record: PutMinutes | PruneMinutes) -> None:
        if isinstance(record, PutMinutes):
            self.minutes |= {(record.controller, minute, zone): body for zone, minute, body in record.rows}
            return
        for key in [each for each in self.minutes if each[0] == record.controller and each[1] <= record.through]:
            del self.minutes[key]

    def read_events(self, first: int, limit: int) -> tuple[StoredEvent, ...]:
        """The up log from `first` on."""
        found: list[StoredEvent] = []
        while first in self.events and len(found) < limit:
            found.append(self.events[first])
            first += 1
        return tuple(found)

    def read_minutes(self, asked: ReadMinutes) -> tuple[StoredMinute, ...]:
        """Minutes of temperature, oldest first."""
        found = sorted(
            (minute, zone)
            for controller, minute, zone in self.minutes
            if controller == asked.controller and asked.first <= minute <= asked.last and asked.zone in {None, zone}
        )
        rows = tuple((zone, minute, self.minutes[asked.controller, minute, zone]) for minute, zone in found)
        return rows if asked.limit < 0 else rows[: asked.limit]

    def chain_holds(self) -> bool:
        """True when every audit row is what was chained."""
        return first_break(self.audit, self.head) is None


class JournalDisk:
    """A controller's journal: records appended, some of them synced."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.lines: list[Kept] = new_memory(kernel.random_bytes(16).hex()).records()
        self._synced = len(self.lines)

    def append(self, records: Sequence[Kept], *, synced: bool) -> None:
        """Write records; synced ones, and all before them, stay."""
        self.lines.extend(records)
        if synced:
            self._synced = len(self.lines)

    def compact(self, memory: Memory) -> None:
        """Write the journal anew when it has grown long, as `firmware_sim.journal` does."""
        if len(self.lines) > COMPACT_ABOVE:
            self.lines = memory.records()
            self._synced = len(self.lines)

    def lose_unsynced(self) -> bool:
        """The power failed: of what was not synced a beginning is there, or nothing. True: with a torn last line."""
        kept = self._kernel.between(self._synced, len(self.lines))
        whole = write_line(self.lines[kept]) if kept < len(self.lines) else b""
        torn = whole[: self._kernel.between(0, max(0, len(whole) - 1))]
        del self.lines[kept:]
        if torn and (record := read_line(torn)) is not None:
            self.lines.append(record)
        self._synced = len(self.lines)
        return bool(torn)

    def read(self) -> Memory:
        """Fold what is there."""
        memory = Memory()
        for line in self.lines:
            memory.apply(line)
        return memory
