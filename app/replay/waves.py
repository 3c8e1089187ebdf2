"""Orders in waves that fit the lockers: order for one run, pack, go ahead to its window, load, collect, and again.

Everything goes over HTTP and through the virtual lockers; the only hand on the stack is the demo's clock.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, groupby
from urllib.parse import urljoin

import aiohttp

from app.replay.client import Client, Json, Refused, pay, sign_in
from locker_protocol.clock import Clock
from locker_protocol.ids import random_id

# One line each, so that every zone is used: they need a door of their own zone.
SMALL_BASKETS: tuple[tuple[str, int], ...] = (
    ("tomatoes", 1),
    ("fresh-milk", 1),
    ("potatoes", 1),
    ("soft-tofu", 1),
    ("frozen-dumplings", 1),
    ("eggs-10", 1),
)
Row = dict[str, Json]

DOES_NOT_FIT = frozenset({"window_full", "run_full", "sold_out", "keeps_too_short"})
PATIENCE_S = 15.0
GLANCE_S = 0.01


class NeverHappened(Exception):
    """Something did not come about in `PATIENCE_S`; the text says what."""


@dataclass(slots=True)
class Figures:
    """What came of it. Milliseconds from scan to unlock as the locker measured, and to open doors as seen outside."""

    orders: int = 0
    paid: int = 0
    loaded: int = 0
    collected: int = 0
    scan_to_unlock_ms: list[int] = field(default_factory=list)
    scan_to_open_seen_ms: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class People:
    """Who does what. Staff sessions end after twelve civil hours, so staff sign in anew for each visit."""

    nobody: Client
    resident: Client
    picker: str
    driver: str


@dataclass(frozen=True, slots=True)
class Stage:
    """The running stack as it publishes itself."""

    people: People
    locker_pages: dict[str, str]
    locker_of_door: dict[tuple[str, int], str]
    clock: Clock


@asynccontextmanager
async def stage_at(url: str, clock: Clock, *, resident: str, picker: str, driver: str) -> AsyncIterator[Stage]:
    """Find out what a demo stack publishes, and sign the resident in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        nobody = Client(http, url)
        pages: dict[str, str] = (await nobody.get("/api/demo"))["locker_pages"]
        sites = {locker["id"]: site["id"] for site in await nobody.get("/api/sites") for locker in site["lockers"]}
        locker_of_door = {
            (sites[plan["locker_id"]], door["door"]): plan["locker_id"]
            for plan in await nobody.get(urljoin(next(iter(pages.values())), "/api/lockers"))
            for door in plan["doors"]
        }
        people = People(nobody, await sign_in(nobody, resident), picker, driver)
        yield Stage(people, pages, locker_of_door, clock)


async def run_waves(stage: Stage, *, orders: int, baskets: Sequence[tuple[str, int]] = SMALL_BASKETS) -> Figures:
    """Drive `orders` orders, one after another, to their end. Raises Refused or NeverHappened."""
    figures, wishes = Figures(), cycle(baskets)
    while figures.collected < orders:
        windows = await _next_day(stage)
        placed = {window["id"]: await _order_for(stage, window, wishes, orders, figures) for window in windows}
        for run_no, own in groupby(windows, key=lambda window: window["run_no"]):
            await _visit(stage, run_no, list(own), placed, figures)
    return figures


async def _next_day(stage: Stage) -> list[Row]:
    """The windows of the next day that can still be ordered for, at all sites, in the order of their runs."""
    found: list[Row] = []

    async def offered() -> bool:
        found[:] = [
            {**window, "site_id": site["id"]}
            for site in await stage.people.nobody.get("/api/sites")
            for window in await stage.people.nobody.get(f"/api/sites/{site['id']}/windows")
            if window["places_left"] > 0
        ]
        return bool(found)

    await _until(offered, "something can be ordered for")
    day = min(window["local_date"] for window in found)
    first = {window["run_no"]: window["opens_at"] for window in reversed(found)}
    day_windows = [window for window in found if window["local_date"] == day]
    return sorted(day_windows, key=lambda window: (first[window["run_no"]], window["run_no"], window["id"]))


async def _order_for(
    stage: Stage, window: Row, wishes: "cycle[tuple[str, int]]", orders: int, figures: Figures
) -> list[str]:
    """Order until nothing more is wanted, or nothing of the kind fits any more."""
    placed: list[str] = []
    refused = 0
    while figures.orders < orders and len(placed) < window["places_left"] and refused < len(SMALL_BASKETS):
        product_id, quantity = next(wishes)
        basket = {"window_id": window["id"], "lines": [{"product_id": product_id, "quantity": quantity}]}
        try:
            order = await stage.people.resident.post("/api/orders", basket, Idempotency_Key=random_id())
        except Refused as refusal:
            if refusal.code not in DOES_NOT_FIT:
                raise
            refused += 1
            continue
        refused = 0
        placed.append(order["id"])
        figures.orders += 1
        await pay(stage.people.resident, order["id"])
        await _reaches(stage, order["id"], "paid")
        figures.paid += 1
    return placed


async def _visit(
    stage: Stage, run_no: int, windows: Sequence[Row], placed: Mapping[int, Sequence[str]], figures: Figures
) -> None:
    """Pack a run, go ahead to its first window, load it, and collect everything."""
    await _pack(stage, run_no)
    await _go_to(stage, windows[0]["opens_at"])
    await _load_all(stage, windows[0], figures)
    for window in windows:
        for order_id in placed[window["id"]]:
            await _collect(stage, window["site_id"], order_id, figures)


async def _reaches(stage: Stage, order_id: str, state: str) -> None:
    async def there() -> bool:
        order: Row = await stage.people.resident.get(f"/api/orders/{order_id}")
        return bool(order["state"] == state)

    await _until(there, f"order {order_id} is {state}")


async def _pack(stage: Stage, run_no: int) -> None:
    picker = await sign_in(stage.people.nobody, stage.people.picker)
    for parcel in await picker.get(f"/api/runs/{run_no}/parcels"):
        if parcel["state"] == "planned":
            await picker.post(f"/api/parcels/{parcel['id']}/packed")


async def _go_to(stage: Stage, moment: str) -> None:
    reading = (await stage.people.nobody.get("/api/demo"))["clock"]
    if datetime.fromisoformat(reading["civil"]) < datetime.fromisoformat(moment):
        later = datetime.fromisoformat(moment) + timedelta(minutes=1)
        await stage.people.nobody.post("/api/demo/clock", {"to": later.isoformat()})


async def _load_all(stage: Stage, window: Row, figures: Figures) -> None:
    driver = await sign_in(stage.people.nobody, stage.people.driver)
    for parcel in await driver.get(f"/api/runs/{window['run_no']}/parcels"):
        if parcel["state"] == "packed":
            await _load(stage, driver, window["site_id"], parcel)
            figures.loaded += 1


async def _load(stage: Stage, driver: Client, site_id: str, parcel: Row) -> None:
    asked = await driver.post(f"/api/sites/{site_id}/loads", {"label": parcel["label"]})
    command = await _answer(driver, asked["command_id"])
    if command["state"] != "opened":
        raise Refused(409, str(command["refusal"]), f"loading {parcel['ref']}")
    door = command["door"]
    locker = stage.locker_of_door[site_id, door]
    await _door_is_open(stage, locker, [door])
    await _hand(stage, locker, door, "put")
    await _hand(stage, locker, door, "shut")
    await _until(lambda: _is_loaded(stage, parcel), f"parcel {parcel['ref']} is loaded")


async def _is_loaded(stage: Stage, parcel: Row) -> bool:
    order = await stage.people.resident.get(f"/api/orders/{parcel['order_id']}")
    return any(found["ref"] == parcel["ref"] and found["state"] == "loaded" for found in order["parcels"])


async def _answer(driver: Client, command_id: str) -> Row:
    found: Row = {}

    async def answered() -> bool:
        found.update(await driver.get(f"/api/commands/{command_id}"))
        return bool(found["state"] != "waiting")

    await _until(answered, f"command {command_id} is answered")
    return found


async def _collect(stage: Stage, site_id: str, order_id: str, figures: Figures) -> None:
    await _reaches(stage, order_id, "ready")
    order = await stage.people.resident.get(f"/api/orders/{order_id}")
    code = await stage.people.resident.get(f"/api/orders/{order_id}/code")
    doors = [parcel["door"] for parcel in order["parcels"]]
    by_locker: dict[str, list[int]] = {}
    for door in doors:
        by_locker.setdefault(stage.locker_of_door[site_id, door], []).append(door)
    first = next(iter(by_locker))
    before_ms = stage.clock.now().monotonic_ms
    await _post_locker(stage, first, "scan", {"text": code["qr_text"]})
    for locker, own in by_locker.items():
        await _door_is_open(stage, locker, own)
    figures.scan_to_open_seen_ms.append(stage.clock.now().monotonic_ms - before_ms)
    figures.scan_to_unlock_ms.append((await _locker(stage, first))["scan_to_unlock_ms"])
    for locker, own in by_locker.items():
        for door in own:
            await _hand(stage, locker, door, "take")
            await _hand(stage, locker, door, "shut")
    await _reaches(stage, order_id, "collected")
    figures.collected += 1


# --- at the locker ----------------------------------------------------------------------------------------------------


async def _locker(stage: Stage, locker: str) -> Row:
    found: Row = await Client(stage.people.nobody.http, _page(stage, locker)).get("state")
    return found


async def _post_locker(stage: Stage, locker: str, path: str, body: object) -> None:
    await Client(stage.people.nobody.http, _page(stage, locker)).post(path, body)


def _page(stage: Stage, locker: str) -> str:
    address = stage.locker_pages[locker]
    return address.removesuffix(f"/{locker}").rstrip("/") + f"/api/{locker}/"


async def _hand(stage: Stage, locker: str, door: int, action: str) -> None:
    await _post_locker(stage, locker, f"doors/{door}", {"action": action})


async def _door_is_open(stage: Stage, locker: str, doors: list[int]) -> None:
    async def open_now() -> bool:
        states = {door["door"]: door["contact"] for door in (await _locker(stage, locker))["doors"]}
        return all(states[door] == "open" for door in doors)

    await _until(open_now, f"doors {doors} of {locker} are open")


async def _until(happened: Callable[[], Awaitable[bool]], what: str) -> None:
    async def wait() -> None:
        while not await happened():  # noqa: ASYNC110 - over HTTP there is nothing to await but another look
            await asyncio.sleep(GLANCE_S)

    try:
        await asyncio.wait_for(wait(), PATIENCE_S)
    except TimeoutError as error:
        raise NeverHappened(what) from error
