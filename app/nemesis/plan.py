"""Which fault happens to whom, in which order and for how long: all from a seed. Pure.

Decides that every kind has its turn before one comes again, and every target of a kind before it is hurt again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.replay.chance import chance, shuffled


class Kind(StrEnum):
    """What can happen."""

    KILL = "kill"
    STOP = "stop"
    DELAY = "delay"
    HOLD = "hold"
    LOSE = "lose"
    RESET = "reset"
    HALF_CLOSE = "half_close"
    DISK_FULL = "disk_full"
    CLOCK = "clock"


# Seconds, from and to. What is over at once needs none; a process that was killed is started again by its supervisor.
LASTS: Mapping[Kind, tuple[float, float]] = {
    Kind.KILL: (0, 0),
    Kind.STOP: (1, 7),
    Kind.DELAY: (2, 6),
    Kind.HOLD: (1, 9),
    Kind.LOSE: (1, 9),
    Kind.RESET: (0, 0),
    Kind.HALF_CLOSE: (0, 0),
    Kind.DISK_FULL: (2, 5),
    Kind.CLOCK: (1, 6),
}
# How much: a delay's seconds a piece, a clock's seconds forwards or back. A person's appointments are a minute apart.
# A half that closes is the server's from 0.5 on.
AMOUNTS: Mapping[Kind, tuple[float, float]] = {Kind.DELAY: (0.02, 0.4), Kind.CLOCK: (-50, 50), Kind.HALF_CLOSE: (0, 1)}
REST_S = (0.5, 2.5)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that will happen: `target` is a process, a cable or a gateway; then nothing for `rest_s`."""

    kind: Kind
    target: str
    lasts_s: float
    amount: float
    rest_s: float


def plan_faults(seed: int, *, faults: int, targets: Mapping[Kind, Sequence[str]], pace: float = 1) -> list[Fault]:
    """Plan so many. A kind without targets has no turn. At a higher pace all lasts and rests shorter."""
    kinds = [kind for kind in Kind if targets.get(kind)]
    planned = []
    for number in range(faults):
        turn = number // len(kinds)
        kind = shuffled(seed, kinds, "kinds", turn)[number % len(kinds)]
        whom = shuffled(seed, targets[kind], "targets", kind)[turn % len(targets[kind])]
        lasts_s, rest_s = _between(LASTS[kind], seed, "lasts", number), _between(REST_S, seed, "rest", number)
        amount = _between(AMOUNTS.get(kind, (0, 0)), seed, "much", number)
        planned.append(Fault(kind, whom, round(lasts_s / pace, 2), amount, round(rest_s / pace, 2)))
    return planned


def _between(bounds: tuple[float, float], seed: int, *name: str | int) -> float:
    low, high = bounds
    return round(low + (high - low) * chance(seed, *name), 2)
