"""The virtual lockers as people stand before them: what one sees of every door, and what one can do.

Each locker tells its state in a stream; nobody asks it again and again. Every door that springs open is told to the
steel's book, whoever had it opened.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urljoin

import aiohttp

from app.replay.client import Client, Json, Refused
from app.replay.steel import Steel

RECONNECT_S = 0.3
NOTICED_WITHIN_S = 5.0
Row = dict[str, Json]


@dataclass(slots=True)
class Wall:
    """Every locker of every site. `pages` are the lockers' addresses by id, `site_of` their sites."""

    client: Client
    steel: Steel
    pages: Mapping[str, str]
    site_of: Mapping[str, str]
    locker_of: dict[tuple[str, int], str] = field(default_factory=dict)
    _states: dict[str, Row] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _scanners: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def learn_doors(self) -> None:
        """Ask where each door is."""
        for plan in await self.client.get(urljoin(next(iter(self.pages.values())), "/api/lockers")):
            for door in plan["doors"]:
                self.locker_of[self.site_of[plan["locker_id"]], door["door"]] = plan["locker_id"]

    async def watch(self) -> None:
        """Follow every locker until cancelled."""
        await asyncio.gather(*(self._follow(locker) for locker in self.pages))

    def state(self, locker: str) -> Row:
        """What was last seen of a locker; nothing before the first look."""
        return self._states.get(locker, {})

    def scanner(self, locker: str) -> asyncio.Lock:
        """One person at a time holds a code before it."""
        return self._scanners.setdefault(locker, asyncio.Lock())

    def open_doors(self, site_id: str, doors: Iterable[int]) -> list[int]:
        """Which of these stand open, and their sensor has noticed."""
        return [door for door in doors if self._contact(site_id, door) == "open"]

    async def shut(self, site_id: str, door: int) -> None:
        """Shut a door, and see that it is."""
        await self.hand(site_id, door, "shut")
        await self.until(lambda: self._contact(site_id, door) != "open", within_s=NOTICED_WITHIN_S)

    async def until(self, happened: Callable[[], bool], *, within_s: float) -> bool:
        """Wait for something to be seen; False when it was not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not happened():
                    self._changed.clear()
                    await self._changed.wait()
                return True
        return happened()

    async def scan(self, locker: str, text: str) -> None:
        """Hold a code before the scanner."""
        await self._post(locker, "scan", {"text": text})

    async def type(self, locker: str, digits: str) -> None:
        """Type digits and confirm them."""
        await self._post(locker, "keys", {"digits": digits})

    async def hand(self, site_id: str, door: int, action: str) -> bool:
        """Put, take or shut; False when the door does not let one."""
        locker = self.locker_of[site_id, door]
        try:
            await self._post(locker, f"doors/{door}", {"action": action})
        except Refused as refusal:
            if refusal.status != 409:
                raise
            return False
        return True

    async def _post(self, locker: str, path: str, body: object) -> Row:
        answer: Row = await self.client.post(self._api(locker) + path, body)
        return answer

    def _api(self, locker: str) -> str:
        return self.pages[locker].removesuffix(f"/{locker}").rstrip("/") + f"/api/{locker}/"

    def _contact(self, site_id: str, door: int) -> str:
        state = self._states.get(self.locker_of[site_id, door])
        return "" if state is None else next(each["contact"] for each in state["doors"] if each["door"] == door)

    async def _follow(self, locker: str) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._read_stream(locker)
            await asyncio.sleep(RECONNECT_S)

    async def _read_stream(self, locker: str) -> None:
        endless = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=40)
        async with self.client.http.get(self._api(locker) + "events", timeout=endless) as stream:
            async for line in stream.content:
                if line.startswith(b"data: "):
                    self._see(locker, json.loads(line[6:]))

    def _see(self, locker: str, state: Row) -> None:
        before = self._states.get(locker)
        was_open = {each["door"] for each in before["doors"] if each["state"] == "open"} if before else set()
        self._states[locker] = state
        for each in state["doors"]:
            if before is not None and each["state"] == "open" and each["door"] not in was_open:
                self.steel.opened(self.site_of[locker], each["door"])
        self._changed.set()
