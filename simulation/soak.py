"""Many worlds, one after the other on each core, and what they came to as one report.

A soak of `orders` orders from seed S runs the worlds S, S + 1, … ; whoever wants fresh worlds starts above the last
seed of the report. It decides nothing about a world.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from multiprocessing import get_context
from threading import Thread
from time import perf_counter, sleep

import msgspec

from simulation.chaos import FAULTS
from simulation.world import Outcome, run_world

ORDERS_A_WORLD = 30
# A run this long has had every fault; one that had not proves less than it says.
ALL_FAULTS_FROM = 20_000
WORLDS_AT_ONCE = 4
SHOWN = 3


class Report(msgspec.Struct, frozen=True):
    """The JSON of a soak. `missing`: faults that never struck. `replays`: a command for each violation."""

    orders: int
    events: int
    violations: int
    faults: dict[str, int]
    seconds: float
    seeds: tuple[int, int]
    digest: str
    missing: list[str]
    ended: dict[str, int]
    replays: list[str]

    @property
    def holds(self) -> bool:
        """True when nothing was violated and, in a long run, every fault struck."""
        return self.violations == 0 and (not self.missing or self.orders < ALL_FAULTS_FROM)


class Tally:
    """What the worlds so far came to; a million orders need no more room than a thousand."""

    def __init__(self) -> None:
        self.orders = self.events = 0
        self.bad: list[int] = []
        self._faults, self._ended = Counter(dict.fromkeys(FAULTS, 0)), Counter[str]()
        self._digest = blake2b(digest_size=12)

    def add(self, outcome: Outcome) -> None:
        """Take in the next world; the order of worlds is part of the digest."""
        self.orders += outcome.orders
        self.events += outcome.events
        self._faults.update(outcome.faults)
        self._ended.update(outcome.states)
        self._digest.update(outcome.digest.encode())
        if outcome.violation:
            self.bad.append(outcome.seed)

    def report(self, *, seeds: tuple[int, int], seconds: float) -> Report:
        """Sum up."""
        return Report(
            orders=self.orders,
            events=self.events,
            violations=len(self.bad),
            faults=dict(sorted(self._faults.items())),
            seconds=round(seconds, 2),
            seeds=seeds,
            digest=self._digest.hexdigest(),
            missing=sorted(name for name, count in self._faults.items() if count == 0),
            ended=dict(sorted(self._ended.items())),
            replays=[_replay(seed) for seed in self.bad],
        )


def run_soak(orders: int, seed: int, *, processes: int | None = None, say: Callable[[str], None] = print) -> Report:
    """Simulate at least so many orders; violations are told as they are found."""
    began_s = perf_counter()
    worlds = max(1, -(-orders // ORDERS_A_WORLD))
    tally = Tally()
    for outcome in _outcomes(range(seed, seed + worlds), processes or os.cpu_count() or 1):
        tally.add(outcome)
        if outcome.violation and len(tally.bad) <= SHOWN:
            say(describe(outcome))
    return tally.report(seeds=(seed, seed + worlds - 1), seconds=perf_counter() - began_s)


def describe(outcome: Outcome) -> str:
    """Tell of one world; of a violation everything that leads to it."""
    if outcome.violation is None:
        return f"seed {outcome.seed}: {outcome.orders} orders, {outcome.events} events, {outcome.digest}, no violation"
    lines = [f"seed {outcome.seed}: {outcome.violation}", *outcome.trail, f"again: {_replay(outcome.seed)}"]
    return "\n".join(lines)


def _outcomes(seeds: Sequence[int], processes: int) -> Iterator[Outcome]:
    if processes == 1:
        yield from map(_run, seeds)
        return
    # Fresh processes: a fork of a program with threads can hang.
    here = os.getpid()
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_end_with, initargs=(here,)) as pool:
        yield from pool.map(_run, seeds, chunksize=WORLDS_AT_ONCE)


def _end_with(parent: int) -> None:
    """Let a soak that is killed leave nobody simulating behind it."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _run(seed: int) -> Outcome:
    return run_world(seed, ORDERS_A_WORLD)


def _replay(seed: int) -> str:
    return f"caibox soak --replay {seed}"
