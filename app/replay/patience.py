"""What people do when something does not answer: wait a little, and do the same again, for a while.

Decides how long somebody goes on. It never decides that something worked.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from locker_protocol.clock import Clock, RealClock

T = TypeVar("T")

PATIENCE_S = 90.0
SHORTEST_PAUSE_S = 0.06
LONGEST_PAUSE_S = 0.6


class NeverHappened(Exception):
    """Something did not come about; the text says what."""


async def tries(what: str, *, patience_s: float = PATIENCE_S, clock: Clock | None = None) -> AsyncIterator[int]:
    """Count tries with growing pauses between them. Raises NeverHappened when patience ends."""
    reading = clock or RealClock()
    end_ms = reading.now().monotonic_ms + patience_s * 1000
    pause_s = SHORTEST_PAUSE_S
    attempt = 0
    while True:
        yield attempt
        if reading.now().monotonic_ms > end_ms:
            raise NeverHappened(f"{what} did not come about in {patience_s:g} s")
        await asyncio.sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, pause_s * 1.4)
        attempt += 1


async def until(happened: Callable[[], Awaitable[bool]], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Look until something is so. Raises NeverHappened."""
    async for _ in tries(what, patience_s=patience_s):
        if await happened():
            return
