"""What goes wrong with clocks: set wrong, running wrong, standing still, dead until the network tells the time."""

from functools import partial
from typing import TYPE_CHECKING

from simulation.clocks import SimClock

if TYPE_CHECKING:
    from simulation.world import World

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BACK_MS = (1_500, 4_000, 8_000, 60_000, 600_000, HOUR_MS)
AHEAD_MS = (*BACK_MS, DAY_MS, 365 * DAY_MS)
SKEW_MS = 600_000


class ClockTrouble:
    """The gateway's clock and the service's; a controller has no calendar."""

    def __init__(self, world: "World") -> None:
        self.world, self.kernel, self.chaos = world, world.kernel, world.chaos

    def begin(self) -> None:
        """Let clocks be wrong from the start."""
        for clock in (self.world.gateway.clock, self.world.service.clock):
            if self.chaos.strikes("clock_drifts"):
                clock.drift = (self.kernel.rng.random() - 0.5) / 500
            if self.chaos.strikes("clock_skewed"):
                clock.off_ms += self.kernel.between(-SKEW_MS, SKEW_MS)

    def strike(self) -> None:
        """One second of faults."""
        clock = self.kernel.pick((self.world.gateway.clock, self.world.service.clock))
        if self.chaos.strikes("clock_stepped_back"):
            self._set(clock.off_ms - self.kernel.pick(BACK_MS), clock)
        if self.chaos.strikes("clock_stepped_ahead"):
            self._set(clock.off_ms + self.kernel.pick(AHEAD_MS), clock)
        if self.chaos.strikes("clock_frozen"):
            self.kernel.note("clock_frozen")
            clock.stand_still()
            self._doubt(clock)
            self.kernel.after(self.kernel.between(5_000, 60_000), clock.go_on)

    def leap_a_day(self) -> None:
        """The gateway's clock is set a day ahead, and right again soon."""
        clock = self.world.gateway.clock
        self._set(clock.off_ms + DAY_MS, clock, lasts_ms=self.kernel.between(500, 3_000))

    def set_for_a_moment(self) -> None:
        """The gateway's clock is set wrong by minutes, and right again soon."""
        clock = self.world.gateway.clock
        off_ms = self.kernel.pick((-1_200_000, -90_000, 90_000, 1_200_000))
        self._set(clock.off_ms + off_ms, clock, lasts_ms=self.kernel.between(500, 8_000))

    def die(self, clock: SimClock) -> None:
        """Its battery is empty: the machine believes that it is 1970 until the network tells."""
        self._set(-clock.true_ms(), clock)

    def _set(self, off_ms: int, clock: SimClock, *, lasts_ms: int | None = None) -> None:
        before, clock.off_ms = clock.off_ms, off_ms
        self._doubt(clock)
        self.kernel.note("clock_set", off_ms)
        lasts_ms = self.kernel.between(5_000, 60_000) if lasts_ms is None else lasts_ms
        self.kernel.after(lasts_ms, partial(setattr, clock, "off_ms", before))

    def _doubt(self, clock: SimClock) -> None:
        """From now on the gateway's minutes may be others than the true ones."""
        self.world.oracle.cold.doubted |= clock is self.world.gateway.clock
