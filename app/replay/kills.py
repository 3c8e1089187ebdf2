"""Which process of the stack dies when: one after another in turn, each in the middle of something people do.

Decides moments by counting what people begin, so that the same seed kills at the same kind of moment. Killing itself is
the caller's; a process that has not had time to come back is not killed again.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.replay.chance import chance, shuffled
from locker_protocol.clock import Clock

PHASES = ("ordering", "paying", "loading", "collecting")
PAUSE_MS = 8_000


@dataclass(frozen=True, slots=True)
class Planned:
    """A process dies when so many of a phase have begun."""

    process: str
    phase: str
    after: int


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that died: `at_s` seconds after the start, in the middle of `phase` number `number`."""

    process: str
    phase: str
    number: int
    at_s: float


def plan_kills(seed: int, *, kills: int, orders: int, processes: Sequence[str]) -> list[Planned]:
    """Spread kills over the orders: processes in turn in an order of the seed's, phases too."""
    order = shuffled(seed, processes, "processes")
    planned = []
    for at in range(kills):
        share = (at + 0.2 + 0.6 * chance(seed, "moment", at)) / kills
        # Not every order reaches every phase, so the last moments are not left to the last orders.
        after = max(1, round(share * orders * 0.85))
        phase = shuffled(seed, PHASES, "phases", at // len(PHASES))[at % len(PHASES)]
        planned.append(Planned(order[at % len(order)], phase, after))
    return planned


@dataclass(slots=True)
class Killer:
    """Hears what people begin, and kills when a moment has come. `kill` ends a process at once."""

    planned: list[Planned]
    clock: Clock
    kill: Callable[[str], None]
    done: list[Kill] = field(default_factory=list)
    _begun: Counter[str] = field(default_factory=Counter)
    _began_ms: int = 0
    _last_ms: int = 0

    def __post_init__(self) -> None:
        self._began_ms = self.clock.now().monotonic_ms
        self._last_ms = self._began_ms - PAUSE_MS

    def moment(self, phase: str) -> None:
        """Somebody begins something."""
        self._begun[phase] += 1
        now_ms = self.clock.now().monotonic_ms
        if now_ms - self._last_ms < PAUSE_MS:
            return
        due = next((each for each in self.planned if each.phase == phase and self._begun[phase] >= each.after), None)
        if due is None:
            return
        self.planned.remove(due)
        self._last_ms = now_ms
        self.done.append(Kill(due.process, phase, self._begun[phase], round((now_ms - self._began_ms) / 1000, 1)))
        self.kill(due.process)

    def by_process(self) -> Mapping[str, int]:
        """How often each process died."""
        return Counter(kill.process for kill in self.done)

    def lately(self, within_ms: int) -> bool:
        """Whether something died a moment ago."""
        return bool(self.done) and self.clock.now().monotonic_ms - self._last_ms < within_ms
