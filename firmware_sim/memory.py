"""What a controller remembers over power loss: a fold of small records, each written before it is acted upon.

It keeps the outcomes of the last 256 commands, the events the gateway has not received, and which doors were open.
It never reads a clock and never touches a disk; `journal.py` does that.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

import msgspec

from locker_protocol.bus_messages import COMMAND_RING, ControllerEvent, DoorOpened, DoorShut, UnlockOutcome


class MemoryMade(msgspec.Struct, frozen=True, tag=True):
    """First record of a memory, new or compacted."""

    store_id: str
    last_event_no: int = 0
    open_doors: list[int] = []


class CommandKept(msgspec.Struct, frozen=True, tag=True):
    """A command's outcome. For `pulsed` this stands before the lock is energised."""

    command_id: str
    door: int
    outcome: UnlockOutcome


class PulseLapsed(msgspec.Struct, frozen=True, tag=True):
    """The time in which an opening door is put down to its pulse has passed. Losing this record is harmless."""

    door: int


class EventKept(msgspec.Struct, frozen=True, tag=True):
    """An event has its number; `at_ms` is monotonic and means something only within the boot `boot_id`."""

    event_no: int
    boot_id: str
    at_ms: int
    event: ControllerEvent


class EventsForgotten(msgspec.Struct, frozen=True, tag=True):
    """The gateway has everything through `event_no`. Losing this record only sends them again."""

    event_no: int


Record = MemoryMade | CommandKept | PulseLapsed | EventKept | EventsForgotten


@dataclass(slots=True)
class Memory:
    """The fold. `pulsed` names, for each door, the unlock whose opening is still awaited."""

    store_id: str = ""
    last_event_no: int = 0
    outcomes: OrderedDict[str, CommandKept] = field(default_factory=OrderedDict)
    pulsed: dict[int, str] = field(default_factory=dict)
    events: deque[EventKept] = field(default_factory=deque)
    open_doors: set[int] = field(default_factory=set)

    def apply(self, record: Record) -> None:
        """Take one record in, newest last."""
        match record:
            case MemoryMade():
                self._begin(record)
            case CommandKept():
                self._keep_command(record)
            case PulseLapsed(door):
                self.pulsed.pop(door, None)
            case EventKept():
                self._keep_event(record)
            case EventsForgotten(event_no):
                self._forget(event_no)

    def records(self) -> list[Record]:
        """The shortest journal that folds to this memory again."""
        made = MemoryMade(self.store_id, self._event_no_before_queue(), sorted(self._doors_before_queue()))
        lapsed = [PulseLapsed(kept.door) for kept in self.outcomes.values() if kept.door not in self.pulsed]
        return [made, *self.outcomes.values(), *dict.fromkeys(lapsed), *self.events]

    def _begin(self, made: MemoryMade) -> None:
        self.store_id = made.store_id
        self.last_event_no = made.last_event_no
        self.open_doors = set(made.open_doors)

    def _keep_command(self, kept: CommandKept) -> None:
        self.outcomes[kept.command_id] = kept
        while len(self.outcomes) > COMMAND_RING:
            self.outcomes.popitem(last=False)
        if kept.outcome == "pulsed":
            self.pulsed[kept.door] = kept.command_id

    def _keep_event(self, kept: EventKept) -> None:
        self.events.append(kept)
        self.last_event_no = kept.event_no
        match kept.event:
            case DoorOpened(door, command_id):
                self.open_doors.add(door)
                if self.pulsed.get(door) == command_id:
                    self.pulsed.pop(door, None)
            case DoorShut(door):
                self.open_doors.discard(door)

    def _forget(self, event_no: int) -> None:
        while self.events and self.events[0].event_no <= event_no:
            self.events.popleft()

    def _event_no_before_queue(self) -> int:
        return self.events[0].event_no - 1 if self.events else self.last_event_no

    def _doors_before_queue(self) -> set[int]:
        """Undo the queued events, newest first: folding them again must give today's doors."""
        doors = set(self.open_doors)
        for kept in reversed(self.events):
            match kept.event:
                case DoorOpened(door):
                    doors.discard(door)
                case DoorShut(door):
                    doors.add(door)
        return doors


def new_memory(store_id: str) -> Memory:
    """A memory that never held anything."""
    memory = Memory()
    memory.apply(MemoryMade(store_id))
    return memory
