"""Each machine's own two clocks: civil time that is off, drifts and is set; monotonic time from an arbitrary start."""

from locker_protocol.clock import Now
from simulation.kernel import Kernel

# The true civil time at which every run begins.
EPOCH_MS = 1_800_000_000_000


class SimClock:
    """One machine's clocks. `off_ms` is how far its civil time is from the truth."""

    def __init__(self, kernel: Kernel, *, off_ms: int = 0, drift: float = 0.0) -> None:
        self._kernel = kernel
        self._base_ms = kernel.between(1_000, 10_000_000)
        self.off_ms = off_ms
        self.drift = drift
        self.leapt_ms = 0
        self._stands_at_ms: int | None = None

    def now(self) -> Now:
        """Read both clocks."""
        return Now(self.civil_ms(), self._kernel.ms + self._base_ms)

    def civil_ms(self) -> int:
        """Civil time as this machine believes it to be."""
        if self._stands_at_ms is not None:
            return self._stands_at_ms
        return self.true_ms() + self.off_ms + int(self._kernel.ms * self.drift)

    def true_ms(self) -> int:
        """Civil time as it is."""
        return EPOCH_MS + self._kernel.ms + self.leapt_ms

    @property
    def stands(self) -> bool:
        """True while civil time does not go on."""
        return self._stands_at_ms is not None

    def stand_still(self) -> None:
        """Civil time stops until `go_on`."""
        self._stands_at_ms = self.civil_ms()

    def go_on(self) -> None:
        """Civil time is what it would have been."""
        self._stands_at_ms = None

    def restart(self) -> None:
        """The machine was started again: monotonic time begins anew."""
        self._base_ms = self._kernel.between(1_000, 10_000_000)

    def local_ms(self, monotonic_ms: int) -> int:
        """How long from now until this machine's monotonic clock reads so."""
        return monotonic_ms - self._kernel.ms - self._base_ms
