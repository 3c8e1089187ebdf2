"""Virtual time: one queue, one source of chance, one log whose hash tells whether two runs were the same.

It decides in which order things happen. It never reads a clock; a thousand virtual years cost what happens in them.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from heapq import heappop, heappush
from typing import TypeVar

# A process sleeps for what it yields, in milliseconds.
Process = Iterator[int]
Act = Callable[[], None]

TRAIL = 6_000

T = TypeVar("T")


class Violation(Exception):
    """An invariant does not hold. `about` names the orders, doors and parcels concerned."""

    def __init__(self, invariant: str, what: str, *about: object) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
        self.what = what
        self.about = about


class Kernel:
    """The queue of what is to happen, and what happened."""

    def __init__(self, seed: int) -> None:
        self.ms = 0
        self.rng = random.Random(seed)
        self.events = 0
        self.trail: deque[tuple[int, str, tuple[object, ...]]] = deque(maxlen=TRAIL)
        self._queue: list[tuple[int, int, Act]] = []
        self._count = 0
        self._hash = blake2b(digest_size=12)

    def after(self, delay_ms: int, act: Act) -> None:
        """Do something later; what was asked for first comes first."""
        self._count += 1
        heappush(self._queue, (self.ms + max(0, delay_ms), self._count, act))

    def spawn(self, process: Process, delay_ms: int = 0) -> None:
        """Let a person or a fault live its life."""
        self.after(delay_ms, partial(self._go_on, process))

    def run(self, until_ms: int) -> None:
        """Let time pass."""
        queue = self._queue
        while queue and queue[0][0] <= until_ms:
            self.ms, _, act = heappop(queue)
            self.events += 1
            act()
        self.ms = until_ms

    def note(self, what: str, *about: object, data: bytes = b"") -> None:
        """Write one line of the log; `data` (a message, records) goes into the hash alone."""
        self.trail.append((self.ms, what, about))
        self._hash.update(f"{self.ms} {what} {about}".encode())
        self._hash.update(data)

    def digest(self) -> str:
        """Twelve bytes that are the same only for the same run."""
        return self._hash.hexdigest()

    def trail_about(self, *subjects: object, most: int = 50) -> list[str]:
        """The last lines that name one of these; all lines where none is named."""
        wanted = set(subjects)
        lines = [
            line
            for line in self.trail
            if not wanted or any(each in wanted for each in line[2] if not isinstance(each, list))
        ]
        return [f"{ms:>9} ms  {what:<24} {' '.join(map(str, about))}" for ms, what, about in lines[-most:]]

    # --- chance

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.rng.random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """One of these."""
        return choices[int(self.rng.random() * len(choices))]

    def random_bytes(self, count: int) -> bytes:
        """What the programs take for the machine's secure source."""
        return self.rng.randbytes(count)

    def _go_on(self, process: Process) -> None:
        delay_ms = next(process, None)
        if delay_ms is not None:
            self.after(delay_ms, partial(self._go_on, process))
