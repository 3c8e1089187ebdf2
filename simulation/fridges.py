"""How cold it is behind a locker's doors, in truth, and what its two probes say of it.

One minute a step and much faster than a real cabinet, so that an hour tells what a day would. What the food has is what
the oracle judges by; what a broken probe says only goes into reports. Programs sample once a minute here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from firmware_sim import controller as core
from firmware_sim import sampling
from firmware_sim.signals import Sample, ZoneSample
from locker_protocol.vocabulary import Zone

if TYPE_CHECKING:
    from simulation.controller_node import ControllerNode
    from simulation.lobby import Lobby

MINUTE_MS = 60_000
# A quarter of an hour is sampled when a locker begins, as if it had been running; of a long leap the same.
BEGINS_WITH_MIN = 15
CAUGHT_UP_MS = 20 * MINUTE_MS
# Where the food goes, °C, and in how many minutes most of the way.
GOOD, LEAKING, OPEN, OFF = (2.6, 30), (9.5, 45), (17.0, 45), (28.0, 60)
AIR_MIN = 10
# Values that no probe can mean: nobody may believe them for a minute.
ABSURD = {"probe_silent": None, "probe_magic": 85.0, "probe_out_of_range": -60.0}
LYING = ("probe_stuck", "probe_jumps", "probe_noisy", "probe_drifts", "probes_swapped")
PROBE_FAULTS = (*ABSURD, *LYING)


class Fridge:
    """One locker's cold machine and its one zone. `food`: °C at the beginning of each true minute."""

    def __init__(self, node: "ControllerNode", lobby: "Lobby") -> None:
        self._node, self._lobby = node, lobby
        self.minute = node.clock.true_ms() // MINUTE_MS - BEGINS_WITH_MIN - 1
        self.food: dict[int, float] = {self.minute: GOOD[0]}
        self._air: dict[int, float] = {self.minute: GOOD[0]}
        self.dead = self.leaks = False
        self.probe: str | None = None
        self._probe_since = 0
        self.said_wrongly: dict[int, str] = {}
        self.said_rightly: set[int] = set()

    def mend(self) -> None:
        """Whoever repairs it came."""
        self.dead = self.leaks = False
        self.probe = None

    def break_probe(self, how: str) -> None:
        """From the next sample on it says something else than the food has."""
        self.probe, self._probe_since = how, self.minute

    def advance(self) -> None:
        """Let it cool or warm until now, as things are."""
        now = self._node.clock.true_ms() // MINUTE_MS
        while self.minute < now:
            to_c, within_min = self._way()
            food, air = self.food[self.minute], self._air[self.minute]
            runs = to_c == GOOD[0]
            aim = to_c + ((self.minute % 10) - 4.5) / 5 if runs else to_c
            self.minute += 1
            self.food[self.minute] = food + (to_c - food) / within_min
            self._air[self.minute] = air + (aim - air) / AIR_MIN

    def read(self, at_ms: tuple[int, ...]) -> tuple[Sample, ...]:
        """What the probes say of these true moments."""
        self.advance()
        return tuple((self._say(min(max(each // MINUTE_MS, min(self.food)), self.minute)),) for each in at_ms)

    def _way(self) -> tuple[float, int]:
        if self.dead or (self._node.state is None and self._node.boots):
            return OFF
        if any(door in self._lobby.open for door in self._node.cabinet.doors):
            return OPEN
        return LEAKING if self.leaks else GOOD

    def _say(self, minute: int) -> ZoneSample:
        air, food = self._air[minute], self.food[minute]
        said_air, said_food = self._wrongly(minute, air, food) if self.probe else (air, food)
        if self.probe:
            self.said_wrongly[minute] = self.probe
        else:
            self.said_rightly.add(minute)
        cooling = not self.dead and minute % 10 < 5
        return ZoneSample(Zone.CHILLED, round(said_air, 2), _rounded(said_food), cooling)

    def _wrongly(self, minute: int, air: float, food: float) -> tuple[float, float | None]:
        age = minute - self._probe_since
        match self.probe:
            case "probe_stuck":
                return air, self.food[min(self._probe_since, minute)]
            case "probe_jumps":
                return air, food + 20 * (age % 2)
            case "probe_noisy":
                return air, food + 4 * (age % 3 - 1)
            case "probe_drifts":
                return air, food - 0.1 * max(0, age)
            case "probes_swapped":
                return food, air
            case how:
                return air, ABSURD[how or "probe_silent"]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


@contextmanager
def sampled_each_minute() -> Iterator[None]:
    """Inside, a controller's core samples once a minute, tells each sample at once, and lets long leaps go by."""
    changed = (
        (sampling, "SAMPLE_EVERY_MS", MINUTE_MS),
        (core, "SAMPLE_EVERY_MS", MINUTE_MS),
        (sampling, "TOGETHER", 1),
        (sampling, "CAUGHT_UP_MS", CAUGHT_UP_MS),
    )
    before = [getattr(module, name) for module, name, _ in changed]
    for module, name, value in changed:
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name, _), value in zip(changed, before, strict=True):
            setattr(module, name, value)
