"""Hurts a running stack while people use it: one planned fault after another, each when somebody begins something.

Decides when the next one comes: when the one before is over and has rested, at the next thing anybody does. It never
looks at what a fault does to an order.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from app.nemesis.plan import Fault, Kind
from locker_protocol.clock import Clock


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault that happened: `at_s` seconds after the start, in the middle of `phase` number `number`."""

    kind: Kind
    target: str
    phase: str
    number: int
    at_s: float
    lasted_s: float
    amount: float


class Nemesis:
    """`do` does a fault for as long as it lasts. Use it within a running event loop."""

    def __init__(self, planned: Iterable[Fault], clock: Clock, do: Callable[[Fault], Awaitable[None]]) -> None:
        self.clock = clock
        self.done: list[Happened] = []
        self._planned = deque(planned)
        self._do = do
        self._begun: Counter[str] = Counter()
        self._began_ms = clock.now().monotonic_ms
        self._rests_until_ms = 0
        self._under_way = False
        self._tasks: list[asyncio.Task[None]] = []

    def moment(self, phase: str) -> None:
        """Somebody begins something."""
        self._begun[phase] += 1
        now_ms = self.clock.now().monotonic_ms
        if not self._planned or self._under_way or now_ms < self._rests_until_ms:
            return
        fault = self._planned.popleft()
        at_s = round((now_ms - self._began_ms) / 1000, 1)
        happened = Happened(fault.kind, fault.target, phase, self._begun[phase], at_s, fault.lasts_s, fault.amount)
        self.done.append(happened)
        self._under_way = True
        self._tasks.append(asyncio.create_task(self._run(fault)))

    async def stop(self) -> None:
        """No more faults; what lasts is healed. Raises what a fault could not do."""
        self._planned.clear()
        for task in self._tasks:
            task.cancel()
        for came in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(came, Exception):
                raise came

    async def _run(self, fault: Fault) -> None:
        try:
            await self._do(fault)
        finally:
            self._rests_until_ms = self.clock.now().monotonic_ms + round(1000 * fault.rest_s)
            self._under_way = False
