"""What people will do at which civil time, and the clock that goes ahead to it.

Decides the order of appointments: nobody's is skipped when time goes on. It never lets time run back.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.replay.client import Client, Refused

Action = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Agenda:
    """Appointments by civil time. `hands` is how many people act at once."""

    nobody: Client
    hands: int
    _waiting: list[tuple[datetime, int, Action]] = field(default_factory=list)
    _count: int = 0

    def add(self, moment: datetime, action: Action) -> None:
        """Let somebody do something at a time."""
        self._count += 1
        heapq.heappush(self._waiting, (moment, self._count, action))

    async def go_to(self, moment: datetime) -> None:
        """Let time go ahead; whoever has an appointment on the way keeps it, all of one time at once."""
        while self._waiting and self._waiting[0][0] <= moment:
            first = self._waiting[0][0]
            await self.jump(first)
            now = []
            while self._waiting and self._waiting[0][0] <= first:
                now.append(heapq.heappop(self._waiting)[2])
            await at_once(self.hands, now)
        await self.jump(moment)

    async def keep_all(self) -> None:
        """Go on until nobody has an appointment."""
        while self._waiting:
            await self.go_to(self._waiting[0][0])

    async def jump(self, moment: datetime) -> None:
        """Set the demo's clock ahead, unless it is there."""
        while await self.now() < moment:
            try:
                await self.nobody.post("/api/v1/demo/clock", {"to": moment.isoformat()})
            except Refused as refusal:
                if refusal.code != "no_such_jump":  # a try whose answer was lost has done it
                    raise

    async def now(self) -> datetime:
        """The demo's civil time."""
        return datetime.fromisoformat((await self.nobody.get("/api/v1/demo"))["clock"]["civil"])


async def at_once(hands: int, actions: Sequence[Action]) -> None:
    """Do all of them, at most so many at the same time."""
    free = asyncio.Semaphore(hands)

    async def one(action: Action) -> None:
        async with free:
            await action()

    await asyncio.gather(*(one(action) for action in actions))
