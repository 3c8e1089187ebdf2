"""What a bad network does to the messages of one way: late, twice, or lost, but never out of order, as TCP has it.

It never looks into a message. A connection that is gone takes with it what was still under way.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from firmware_sim.fault_board import FaultBoard

T = TypeVar("T")

# The oldest is lost when a slow network holds more: a broker's queue is no longer.
MAX_UNDER_WAY = 1_000


class Wire(Generic[T]):
    """One way between a controller and its broker."""

    def __init__(self, board: FaultBoard, arrived: Callable[[T], None]) -> None:
        self._board, self._arrived = board, arrived
        self._under_way: deque[tuple[float, T]] = deque(maxlen=MAX_UNDER_WAY)
        self._timer: asyncio.TimerHandle | None = None

    def send(self, message: T) -> None:
        """Put one message on the wire."""
        if self._board.strikes("network_lossy"):
            return
        for _ in range(2 if self._board.strikes("network_repeats") else 1):
            self._carry(message)

    def cut(self) -> None:
        """Lose what is under way."""
        self._under_way.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _carry(self, message: T) -> None:
        slow_ms = self._board.amount("network_slow")
        if slow_ms is None and not self._under_way:
            self._arrived(message)
            return
        self._under_way.append((asyncio.get_running_loop().time() + (slow_ms or 0) / 1000, message))
        if self._timer is None:
            self._wait()

    def _wait(self) -> None:
        due = self._under_way[0][0]
        self._timer = asyncio.get_running_loop().call_at(due, self._deliver)

    def _deliver(self) -> None:
        """Deliver the first; those behind it come in their turn, none before its time."""
        self._timer = None
        if not self._under_way:
            return
        _, message = self._under_way.popleft()
        if self._under_way:
            self._wait()
        self._arrived(message)
