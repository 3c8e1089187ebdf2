"""Pickers and drivers: they pack a run, take out what was left, wipe doors, load, and leave.

Several drivers load at once at a site; they share one list and never ask who has what. Whatever is cut off is asked
again. Decides how staff work, never which door opens.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from app.replay.client import Client, Json, Refused
from app.replay.patience import NeverHappened, tries, until
from app.replay.steel import Steel
from app.replay.wall import Wall

T = TypeVar("T")
Row = dict[str, Json]

LOADED_WITHIN_S = 60.0
ANSWERED_WITHIN_S = 15.0
OPEN_WITHIN_S = 8.0
DOORS_AT_ONCE = 8
# A locker that is silent for a while has no free doors either, so the bag is tried again after the others.
TRIES_FOR_A_DOOR = 4
# A zone that was too warm is measured again when it had time to cool; so long a site takes to tell it.
READINGS_COME_S = 6.5
MEASURED_AGAIN = timedelta(minutes=2, seconds=5)
IN_THE_VAN = "packed"


@dataclass(frozen=True, slots=True)
class Crew:
    """Who works: the lockers they stand before, whom they tell what they begin, and how they let time pass."""

    wall: Wall
    moment: Callable[[str], None]
    pass_time: Callable[[timedelta], Awaitable[None]]

    @property
    def steel(self) -> Steel:
        """What is physically true."""
        return self.wall.steel


@dataclass(slots=True)
class Visited:
    """What a visit came to."""

    loaded: int = 0
    removed: int = 0
    checked: int = 0
    not_loaded: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


async def pack(crew: Crew, pickers: Sequence[Client], run_no: int) -> int:
    """Pack every bag of a run, all pickers at once; how many there were."""
    waiting = [
        each["id"] for each in await pickers[0].all(f"/api/v1/runs/{run_no}/parcels") if each["state"] == "planned"
    ]
    await _share(pickers, waiting, lambda picker, parcel_id: _pack(crew, picker, parcel_id))
    return len(waiting)


async def _pack(crew: Crew, picker: Client, parcel_id: str) -> None:
    crew.moment("packing")
    with _refused_for("illegal_move"):  # it was packed by a try whose answer was lost
        await picker.post(f"/api/v1/parcels/{parcel_id}/packed")


async def visit(crew: Crew, drivers: Sequence[Client], site_id: str, run_no: int) -> Visited:
    """A whole visit of a site for a run: begin, sweep, check, load, leave."""
    done = Visited()
    begun = await _begin(drivers, site_id)
    if begun:
        await _sweep(crew, drivers, site_id, done)
        await _check(crew, drivers, site_id, done)
        await _measure(crew, drivers[0], site_id, begun)
    await _load_all(crew, drivers, site_id, run_no, done)
    if begun:
        count = {"crates_back": done.removed, "ice_packs_back": 0, "note": ""}
        left = await _end(drivers[0], begun, count)
        done.not_loaded = left["not_loaded"]
    return done


async def _begin(drivers: Sequence[Client], site_id: str) -> str:
    """All drivers begin; the second joins the first. The visit's id."""
    try:
        begun = [await driver.post(f"/api/v1/sites/{site_id}/visits") for driver in drivers]
    except Refused as refusal:
        if refusal.status not in {404, 405}:
            raise
        return ""
    return str(begun[0]["visit_id"])


async def _measure(crew: Crew, driver: Client, site_id: str, visit_id: str) -> None:
    """Until no zone is known to be too warm: let the time pass that must lie between, wait for readings, judge again.

    A zone nobody has a fresh reading of is judged by its first one, when a bag is to be loaded there.
    """
    async for _ in tries(f"every zone of {site_id} may be loaded"):
        gate = (await driver.get(f"/api/v1/sites/{site_id}/visit"))["gate"]
        if all(zone["open"] or zone["product_c"] is None for zones in gate.values() for zone in zones.values()):
            return
        await crew.pass_time(MEASURED_AGAIN)
        await asyncio.sleep(READINGS_COME_S)
        with suppress(Refused):  # the other site's driver let time pass too, and it was judged meanwhile
            await driver.post(f"/api/v1/visits/{visit_id}/gate")


async def _end(driver: Client, visit_id: str, count: Row) -> Row:
    try:
        left: Row = await driver.post(f"/api/v1/visits/{visit_id}/end", count)
    except Refused as refusal:
        if refusal.status not in {404, 409}:
            raise
        return {"not_loaded": []}  # a try whose answer was lost ended it
    return left


# --- doors opened by number -------------------------------------------------------------------------------------------


async def _sweep(crew: Crew, drivers: Sequence[Client], site_id: str, done: Visited) -> None:
    """Take out what nobody collected, until nothing is left to take."""
    async for _ in tries(f"{site_id} is swept", patience_s=LOADED_WITHIN_S):
        due = (await drivers[0].get(f"/api/v1/sites/{site_id}/visit"))["to_remove"]
        if not due:
            return
        await _share(drivers, due, lambda driver, parcel: _take_out(crew, driver, site_id, parcel, done))


async def _take_out(crew: Crew, driver: Client, site_id: str, parcel: Row, done: Visited) -> None:
    door = parcel["door"]
    crew.moment("removing")
    with crew.steel.expects(site_id, [door]):
        await _open(crew, driver, site_id, [door], "remove")
        if not _all_open(crew, site_id, [door]):
            return
        await crew.wall.hand(site_id, door, "take")
        if crew.steel.take(site_id, door, [parcel["ref"]]) is not None:
            done.removed += 1
        await crew.wall.shut(site_id, door)


async def _check(crew: Crew, drivers: Sequence[Client], site_id: str, done: Visited) -> None:
    """Wipe every door that was emptied, a few at a time."""
    async for _ in tries(f"the doors of {site_id} are checked", patience_s=LOADED_WITHIN_S):
        dirty = (await drivers[0].get(f"/api/v1/sites/{site_id}/visit"))["to_check"]
        if not dirty:
            return
        few = [dirty[at : at + DOORS_AT_ONCE] for at in range(0, len(dirty), DOORS_AT_ONCE)]
        await _share(drivers, few, lambda driver, doors: _wipe(crew, driver, site_id, doors, done))


async def _wipe(crew: Crew, driver: Client, site_id: str, doors: Sequence[int], done: Visited) -> None:
    crew.moment("checking")
    with crew.steel.expects(site_id, doors):
        await _open(crew, driver, site_id, doors, "check")
        opened = crew.wall.open_doors(site_id, doors)
        await asyncio.gather(*(crew.wall.shut(site_id, door) for door in opened))
        done.checked += len(opened)


async def _open(crew: Crew, driver: Client, site_id: str, doors: Sequence[int], right: str) -> None:
    """Ask a site to open doors, and wait to see them open. A refusal is looked at again with the next list."""
    wish = {"doors": list(doors), "right": right, "reason": "The van's visit"}
    with suppress(Refused):
        asked = await driver.post(f"/api/v1/sites/{site_id}/doors/open", wish)
        command = await _answer(driver, asked["command_id"])
        within_s = OPEN_WITHIN_S if command.get("state") == "opened" else 0.5
        await crew.wall.until(lambda: _all_open(crew, site_id, doors), within_s=within_s)


def _all_open(crew: Crew, site_id: str, doors: Sequence[int]) -> bool:
    return len(crew.wall.open_doors(site_id, doors)) == len(doors)


# --- loading ----------------------------------------------------------------------------------------------------------


async def _load_all(crew: Crew, drivers: Sequence[Client], site_id: str, run_no: int, done: Visited) -> None:
    """Load every bag of the van, until the list says that all are in."""
    before = await _in_the_van(drivers[0], run_no)
    waiting, no_door = before, Counter[str]()
    async for attempt in tries(f"run {run_no} of {site_id} is loaded", patience_s=LOADED_WITHIN_S * 2):
        if attempt % 6 == 0:  # in between only the word of what was just shut is on its way
            await _share(drivers, waiting, lambda driver, parcel: _load(crew, driver, site_id, parcel, no_door))
        waiting = [each for each in await _in_the_van(drivers[0], run_no) if no_door[each["ref"]] < TRIES_FOR_A_DOOR]
        if not waiting:
            break
    left = [each["ref"] for each in await _in_the_van(drivers[0], run_no)]
    done.remarks.extend(f"{ref} found no free door at {site_id}" for ref in left)
    done.loaded = len(before) - len(left)


async def _in_the_van(driver: Client, run_no: int) -> list[Row]:
    return [each for each in await driver.all(f"/api/v1/runs/{run_no}/parcels") if each["state"] == IN_THE_VAN]


async def _load(crew: Crew, driver: Client, site_id: str, parcel: Row, no_door: Counter[str]) -> None:
    """Scan the label, put the bag behind the door that opens, shut it."""
    crew.moment("loading")
    with crew.steel.works_at(site_id), _expected_again(crew, parcel["ref"]):
        async for _ in tries(f"a door opens for {parcel['ref']}", patience_s=LOADED_WITHIN_S):
            command = await _ask_to_load(driver, site_id, parcel)
            if command["state"] == "opened" and await _put(crew, site_id, command["door"], parcel["ref"]):
                return
            if command["refusal"] == "no_free_door":
                no_door[parcel["ref"]] += 1
                return
            if command["refusal"] in {"label_loaded", "label_cancelled"}:
                return


def _expected_again(crew: Crew, ref: str) -> AbstractContextManager[None]:
    """A bag whose loading was cut off stands somewhere already: that door may open again."""
    place = crew.steel.door_of(ref)
    return crew.steel.expects(place[0], [place[1]]) if place else nullcontext()


async def _ask_to_load(driver: Client, site_id: str, parcel: Row) -> Row:
    try:
        asked = await driver.post(f"/api/v1/sites/{site_id}/loads", {"label": parcel["label"]})
    except Refused as refusal:
        return {"state": "refused", "refusal": refusal.code, "door": None}
    return await _answer(driver, asked["command_id"])


async def _put(crew: Crew, site_id: str, door: int, ref: str) -> bool:
    """Put the bag in and shut; False when the door does not stand open."""
    wall = crew.wall
    if not await wall.until(lambda: _all_open(crew, site_id, [door]), within_s=OPEN_WITHIN_S):
        return False
    if crew.steel.door_of(ref) is None and not await wall.hand(site_id, door, "put"):
        return False
    crew.steel.put(site_id, door, ref)
    await wall.shut(site_id, door)
    return True


async def _answer(driver: Client, command_id: str) -> Row:
    found: Row = {}

    async def answered() -> bool:
        found.update(await driver.get(f"/api/v1/commands/{command_id}"))
        return bool(found["state"] != "waiting")

    with suppress(NeverHappened):
        await until(answered, f"command {command_id} is answered", patience_s=ANSWERED_WITHIN_S)
    return found


# --- many hands -------------------------------------------------------------------------------------------------------


async def _share(people: Sequence[Client], work: Sequence[T], do: Callable[[Client, T], Awaitable[None]]) -> None:
    """Everybody takes the next piece of work until nothing is left."""
    left = iter(work)

    async def one(person: Client) -> None:
        for piece in left:
            await do(person, piece)

    await asyncio.gather(*(one(person) for person in people))


@contextmanager
def _refused_for(code: str) -> Iterator[None]:
    try:
        yield
    except Refused as refusal:
        if refusal.code != code:
            raise
