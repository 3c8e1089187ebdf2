"""The world of `world.py` on a real store: what is not in its file is gone with the process."""

from collections.abc import Iterable
from pathlib import Path

from locker_gateway.inputs import EventsRead, Input, MinutesRead
from locker_gateway.outputs import Output, ReadEvents, ReadMinutes
from locker_gateway.site import restore
from locker_gateway.state import Site
from locker_gateway.store import Store
from tests.gateway.world import World, records_of


class StoredWorld(World):
    """Commits go to a SQLite file; a crash opens it again."""

    def __init__(self, folder: Path, *, told: bool = True) -> None:
        self.path = folder / "gateway.sqlite"
        self.store = self.opened()
        super().__init__(told=told)

    def opened(self) -> Store:
        """The store, opened as a process does."""
        return Store(self.path)

    def commit(self, outputs: Iterable[Output]) -> None:
        """Write to the file first."""
        records = records_of(outputs := list(outputs))
        if records:
            self.store.commit(records)
        super().commit(outputs)

    def perform(self, outputs: Iterable[Output]) -> None:
        """Reads come from the file."""
        for output in outputs:
            if isinstance(output, ReadEvents):
                self.give(EventsRead(output, self.store.read_events(output.first, output.limit)))
            elif isinstance(output, ReadMinutes):
                self.give(MinutesRead(output, self.store.read_minutes(output)))
            else:
                super().perform([output])

    def together(self, inputs: Iterable[Input]) -> list[Output]:
        """Step through inputs that waited together, commit once, then perform: as the shell does it in a flood."""
        outputs = [output for given in inputs for output in self.decide(given)]
        self.commit(outputs)
        self.perform(outputs)
        return outputs

    def crash(self) -> None:
        """Lose the process; what follows knows the file alone."""
        self.store.close()
        self.store = self.opened()
        super().crash()

    def rows(self) -> dict[str, int]:
        """How many rows each table of the file holds."""
        return {
            table: self.store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names
            for table in ("record", "event_log", "audit", "zone_minute")
        }

    def size(self) -> int:
        """Bytes on the disk, the write-ahead log included."""
        return sum(each.stat().st_size for each in self.path.parent.glob(f"{self.path.name}*"))

    def _restored(self) -> Site:
        return restore(self.config, self.store.records())
