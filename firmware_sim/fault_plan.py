"""When which fault of a fault file comes and goes. Pure: time is milliseconds since it was read, chance is seeded.

It decides moments and places. It never switches anything.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, TypeVar

import msgspec

from firmware_sim.fault_board import fraction, seeded_bytes
from firmware_sim.faults import Fault
from locker_protocol.ids import RandomBytes

T = TypeVar("T")

# Instead of a number or a name: every one, or one by chance, another each time.
Choice = Literal["all", "any"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One `[[fault]]` of a file: from `at_s`, or again and again about once in `every_s`, for `for_s` (or for ever)."""

    locker: str
    door: int | Choice | None
    fault: Fault
    at_s: float = 0.0
    for_s: float | None = None
    every_s: float | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """Switch one fault at one locker now."""

    locker: str
    fault: Fault
    line: int
    on: bool = True


class FaultPlan:
    """Gives turns in the order of their times. The same seed, file and lockers give the same turns."""

    def __init__(self, planned: Sequence[Planned], doors: Mapping[str, Sequence[int]], seed: str) -> None:
        self._doors = doors
        self._random = seeded_bytes(seed)
        self._order = count()
        self._waiting: list[tuple[float, int, Planned | Turn]] = []
        for each in planned:
            self._put(each.at_s * 1000 + self._pause_ms(each), each)

    def due(self, elapsed_ms: float) -> list[Turn]:
        """Everything whose time has come."""
        turns = list[Turn]()
        while self._waiting and self._waiting[0][0] <= elapsed_ms:
            at_ms, _, first = heapq.heappop(self._waiting)
            turns += [first] if isinstance(first, Turn) else self._begin(first, at_ms)
        return turns

    def next_ms(self) -> float | None:
        """When `due` has something to say again."""
        return self._waiting[0][0] if self._waiting else None

    def _begin(self, planned: Planned, at_ms: float) -> list[Turn]:
        ends_ms = at_ms if planned.for_s is None else at_ms + planned.for_s * 1000
        turns = [Turn(locker, fault, planned.line) for locker, fault in self._places(planned)]
        if planned.for_s is not None:
            for turn in turns:
                self._put(ends_ms, replace(turn, on=False))
        if planned.every_s is not None:
            self._put(ends_ms + self._pause_ms(planned), planned)
        return turns

    def _places(self, planned: Planned) -> list[tuple[str, Fault]]:
        lockers = self._choose(planned.locker, list(self._doors))
        return [
            (locker, msgspec.structs.replace(planned.fault, door=door))
            for locker in lockers
            for door in ([None] if planned.door is None else self._choose(planned.door, list(self._doors[locker])))
        ]

    def _choose(self, wanted: T | Choice, known: list[T]) -> list[T]:
        if wanted == "all":
            return known
        if wanted == "any" and known:
            return [known[int.from_bytes(self._random(8)) % len(known)]]
        return [each for each in known if each == wanted]

    def _pause_ms(self, planned: Planned) -> float:
        """Random moments, none of which knows of the one before (exponential)."""
        return 0.0 if planned.every_s is None else _pause_ms(planned.every_s, self._random)

    def _put(self, at_ms: float, what: Planned | Turn) -> None:
        heapq.heappush(self._waiting, (at_ms, next(self._order), what))


def _pause_ms(mean_s: float, random: RandomBytes) -> float:
    return -math.log(1 - fraction(random)) * mean_s * 1000
