"""Staff who look at food that is kept shut: they measure it, release what is good or discard all; or do not come."""

from functools import partial
from typing import TYPE_CHECKING

from app.domain.quarantine_state import QuarantineState
from simulation.kernel import Process

if TYPE_CHECKING:
    from simulation.cold_book import Quarantine
    from simulation.world import World


class Inspectors:
    """Whoever is told of a quarantine."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos
        self.service, self.hands = world.service, world.hands

    def inspector(self) -> Process:
        """Look at what is kept shut, now and then."""
        while not self.world.closed:
            yield 2_000
            rows = self.service.book.cold.quarantines.values()
            waiting = [each for each in rows if each.state is QuarantineState.OPEN]
            if waiting and self.chaos.strikes("food_inspected"):
                row = self.kernel.pick(waiting)
                door = self.service.book.parcels[row.parcel_id].door
                if door is not None:
                    self.hands.look(door)
                    yield self.kernel.between(1_000, 12_000)
                    self._decide(row, door)

    def _decide(self, row: "Quarantine", door: int) -> None:
        book, now = self.service.book, self.service.clock.civil_ms()
        stays = self._still_good(row, door) if not self.kernel.chance(0.3) else []
        self.service.try_(partial(book.cold.inspect, book, row.parcel_id, stays, now))
        self.chaos.happened("food_released" if stays else "food_discarded")

    def _still_good(self, row: "Quarantine", door: int) -> list[str]:
        """What is not condemned, and is as cold as it has to be in the hand of who looks."""
        fridge = self.world.lobby.controllers[door].fridge
        fridge.advance()
        now_c, policy = fridge.food[fridge.minute], self.world.policy
        rules = {name: policy.of(name) for name in self.world.manifests[row.parcel_id].food_classes}
        warm = {
            name
            for name, each in rules.items()
            if each and any(line.side == "above" and now_c > line.limit_c for line in each.quarantine)
        }
        left = set(row.kept or rules) - row.condemned
        return sorted(left - warm)
