"""The controller's own clock: the real one, or one that runs a little fast or slow. Civil time is not its business."""

from locker_protocol.clock import Clock, Now


class Crystal:
    """Counts milliseconds at a rate of its own; it never jumps and never goes back when the rate changes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rate = 1.0
        self._real_ms = self._own_ms = float(clock.now().monotonic_ms)

    def now(self) -> Now:
        """Read both clocks; the monotonic one as this crystal counts it."""
        now = self._clock.now()
        return Now(now.civil_ms, int(self._own_ms + (now.monotonic_ms - self._real_ms) * self.rate))

    def run_at(self, rate: float) -> None:
        """Go on from here at `rate` times the real speed."""
        now = self._clock.now()
        self._own_ms += (now.monotonic_ms - self._real_ms) * self.rate
        self._real_ms, self.rate = float(now.monotonic_ms), rate

    def real_s(self, own_ms: int) -> float:
        """Real seconds in which this crystal counts `own_ms`."""
        return own_ms / 1000 / self.rate
