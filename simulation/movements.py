"""Doors that moved: what their controllers wrote down, against what the gateway makes durable of it.

It counts. It never knows where a door stands, for contacts stick and wires are crossed; what no controller saw, no
gateway can know.
"""

from collections import Counter
from typing import TYPE_CHECKING

from locker_protocol.bus_messages import DoorOpened, DoorShut
from locker_protocol.site_events import DoorWasOpened, DoorWasShut
from simulation.kernel import Violation

if TYPE_CHECKING:
    from simulation.world import World


class Movements:
    """Of each door, how often it was seen to open and to shut, and how often that was told."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self._seen: Counter[tuple[int, str]] = Counter()
        self._told: Counter[tuple[int, str]] = Counter()

    def seen(self, event: DoorOpened | DoorShut) -> None:
        """A controller made it durable."""
        self._seen[event.door, "opened" if isinstance(event, DoorOpened) else "shut"] += 1

    def told(self, event: DoorWasOpened | DoorWasShut) -> None:
        """The gateway made it durable. Raises Violation (I7) when that was more often than it was seen.

        What a worn-out memory forgot is read off the doors, and a new store is told again what the old one had.
        """
        what = event.door, "opened" if isinstance(event, DoorWasOpened) else "shut"
        self._told[what] += 1
        forgotten = self.world.controllers[event.controller].worn_out or self.world.disturbed
        if self._told[what] > self._seen[what] and not forgotten:
            raise Violation("I7", f"door {event.door} is told to have {what[1]}, and no contact said so", event.door)
