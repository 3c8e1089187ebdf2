"""Residents: they order, pay, come to the lockers and take their bags. Each has their own way of doing so.

Decides who does what by the seed alone. What they ask twice, they ask with the same key or the same code.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.replay.chance import chance, pick
from app.replay.client import Client, Json, Refused, decide_payment
from app.replay.extras import Wants
from app.replay.patience import PATIENCE_S, NeverHappened, until
from app.replay.steel import Steel
from app.replay.wall import Wall
from app.replay.wishes import Wish
from locker_protocol.clock import Clock

Row = dict[str, Json]

FINAL = frozenset({"collected", "refunded", "released"})
AT_THE_DOOR_S = 90.0
ANSWER_WITHIN_S = 4.0
LATE_AFTER_EVENING = timedelta(hours=10, minutes=30)
LATE_AFTER_BREAKFAST = timedelta(hours=1, minutes=30)


class Pays(StrEnum):
    """How somebody pays."""

    AT_ONCE = "at_once"
    DECLINED_FIRST = "declined_first"
    NEVER = "never"


class Comes(StrEnum):
    """When somebody collects."""

    IN_TIME = "in_time"
    LATE = "late"
    NEVER = "never"


class Shows(StrEnum):
    """What somebody shows the locker."""

    QR = "qr"
    TYPED = "typed"
    WRONG_FIRST = "wrong_first"


@dataclass(frozen=True, slots=True)
class Habits:
    """What somebody will do with one order."""

    pays: Pays
    comes: Comes
    shows: Shows
    forgets_a_bag: bool


PAYS: Mapping[Pays, float] = {Pays.DECLINED_FIRST: 0.03, Pays.NEVER: 0.03, Pays.AT_ONCE: 0.94}
COMES: Mapping[Comes, float] = {Comes.LATE: 0.05, Comes.NEVER: 0.03, Comes.IN_TIME: 0.92}
SHOWS: Mapping[Shows, float] = {Shows.TYPED: 0.12, Shows.WRONG_FIRST: 0.02, Shows.QR: 0.86}
FORGETS_A_BAG = 0.03


def habits_of(seed: int, wish: Wish) -> Habits:
    """Draw what the person with this wish will do."""
    return Habits(
        pick(seed, PAYS, "pays", wish.name),
        pick(seed, COMES, "comes", wish.name),
        pick(seed, SHOWS, "shows", wish.name),
        chance(seed, "forgets", wish.name) < FORGETS_A_BAG,
    )


@dataclass(slots=True)
class Placed:
    """An order somebody has, and what is known of it. `pressed`: its owner paid at the provider's page; `paid` is what
    they saw of it. `neighbour` is their place in the street.
    """

    order_id: str
    person: Client
    site_id: str
    window: Row
    habits: Habits
    paid: bool = False
    state: str = "awaiting_payment"
    parcels: Sequence[Row] = ()
    total_minor: int = 0
    name: str = ""
    pieces: Mapping[str, int] = field(default_factory=dict)
    neighbour: int = 0
    wants: Wants = field(default_factory=Wants)
    pressed: bool = False

    async def look(self) -> Row:
        """Ask how it stands."""
        order: Row = await self.person.get(f"/api/v1/orders/{self.order_id}")
        self.state, self.parcels, self.total_minor = order["state"], order["parcels"], order["total_minor"]
        return order

    def comes_at(self) -> datetime:
        """When its owner comes to the lockers."""
        opens, closes = (datetime.fromisoformat(self.window[name]) for name in ("opens_at", "closes_at"))
        if self.habits.comes is Comes.IN_TIME:
            return opens + timedelta(minutes=1)
        return closes + (LATE_AFTER_BREAKFAST if self.window["kind"] == "breakfast" else LATE_AFTER_EVENING)


@dataclass(slots=True)
class Times:
    """What was measured, in milliseconds."""

    checkout_ms: list[int] = field(default_factory=list)
    scan_to_unlock_ms: list[int] = field(default_factory=list)
    scan_to_open_ms: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What residents need: the lockers, a clock to measure with, and somebody to tell what they are about to do."""

    wall: Wall
    clock: Clock
    times: Times
    moment: Callable[[str], None]
    paid_within_s: float = PATIENCE_S

    @property
    def steel(self) -> Steel:
        """What is physically true."""
        return self.wall.steel


async def place(
    near: Neighbourhood, person: Client, window: Row, wish: Wish, *, key: str, habits: Habits, wants: Wants
) -> Placed:
    """Order once, whatever happens to the answer. Raises Refused."""
    lines = [{"product_id": sku, "quantity": count} for sku, count in wish.pieces.items()]
    body = {"window_id": window["id"], "lines": lines, "substitution": "similar" if wants.similar else "refund"}
    near.moment("ordering")
    before_ms = near.clock.now().monotonic_ms
    order = await person.post("/api/v1/orders", body, Idempotency_Key=key)
    near.times.checkout_ms.append(near.clock.now().monotonic_ms - before_ms)
    placed = Placed(order["id"], person, window["site_id"], window, habits, name=wish.name, pieces=wish.pieces)
    placed.wants, placed.total_minor = wants, order["total_minor"]
    return placed


async def pay(near: Neighbourhood, placed: Placed) -> None:
    """Pay in this person's way, and see that it is paid. Raises NeverHappened when its word takes too long."""
    if placed.habits.pays is Pays.NEVER:
        return
    person, path = placed.person, f"/api/v1/orders/{placed.order_id}"
    near.moment("paying")
    if placed.habits.pays is Pays.DECLINED_FIRST:
        first = (await person.post(f"{path}/payment"))["pay_url"]
        await decide_payment(person, first, paid=False)
        again = f"order {placed.order_id} can be paid again"
        await until(lambda: _another_page(placed, first), again, patience_s=near.paid_within_s)
    with suppress(_Over):
        await decide_payment(person, (await _start(placed))["pay_url"], paid=True)
    placed.pressed = True
    is_paid = f"order {placed.order_id} is paid"
    await until(lambda: _is(placed, "paid", "packed"), is_paid, patience_s=near.paid_within_s)
    placed.paid = True


class _Over(Exception):
    """It was paid by an earlier try whose answer was lost."""


async def _start(placed: Placed) -> Row:
    try:
        started: Row = await placed.person.post(f"/api/v1/orders/{placed.order_id}/payment")
    except Refused as refusal:
        if refusal.code != "not_to_be_paid":
            raise
        raise _Over from None
    return started


async def _another_page(placed: Placed, first: str) -> bool:
    """Until the provider's word of the refused card has come, paying again leads to the same page."""
    return bool((await _start(placed))["pay_url"] != first)


async def _is(placed: Placed, *states: str) -> bool:
    await placed.look()
    return placed.state in states


# --- at the lockers ---------------------------------------------------------------------------------------------------


async def collect(near: Neighbourhood, placed: Placed, *, at_a_door_s: float = 0) -> None:
    """Go to the lockers, open, take everything, shut; not before all bags are in one's hands. Raises NeverHappened."""
    await placed.look()
    if placed.state in FINAL or placed.state == "expiring":
        return
    await until(lambda: _is(placed, "ready", "expiring", *FINAL), f"order {placed.order_id} is ready")
    if placed.state != "ready":
        return
    doors = [parcel["door"] for parcel in placed.parcels if parcel["state"] == "loaded"]
    code = await placed.person.get(f"/api/v1/orders/{placed.order_id}/code")
    with near.steel.expects(placed.site_id, doors):
        near.moment("collecting")
        await _Visit(near, placed, doors, code, at_a_door_s).run()
        if placed.habits.forgets_a_bag and placed.state == "ready":
            await _Visit(near, placed, doors, code).look_again()
    await until(lambda: _is(placed, "expiring", *FINAL), f"order {placed.order_id} is collected")


class _Visit:
    """One person before the lockers with one code."""

    def __init__(
        self, near: Neighbourhood, placed: Placed, doors: Sequence[int], code: Row, at_a_door_s: float = 0
    ) -> None:
        self._at_a_door_s = at_a_door_s
        self._near, self._placed, self._doors, self._code = near, placed, list(doors), code
        self._site = placed.site_id
        self._refs = [parcel["ref"] for parcel in placed.parcels]
        self._lockers = list(dict.fromkeys(near.wall.locker_of[self._site, door] for door in doors))
        self._typed_wrong = False

    async def run(self) -> None:
        """Show the code until every bag is out, or its owner reads that nothing is handed out any more."""
        end_ms = self._near.clock.now().monotonic_ms + AT_THE_DOOR_S * 1000
        attempt = 0
        while self._left():
            if self._near.clock.now().monotonic_ms > end_ms:
                raise NeverHappened(f"doors {self._left()} of {self._site} open for order {self._placed.order_id}")
            opened = await self._show(self._lockers[attempt % len(self._lockers)], self._left())
            await asyncio.gather(*(self._empty(door) for door in opened))
            attempt += 1
            if not opened:
                if await _is(self._placed, "expiring", "refunded"):
                    return
                await asyncio.sleep(0.5)

    async def look_again(self) -> None:
        """Come back for a bag left behind: the same code opens the same doors for a while."""
        opened = await self._show(self._lockers[0], self._doors)
        await asyncio.gather(*(self._near.wall.shut(self._site, door) for door in opened))

    def _left(self) -> list[int]:
        bags = self._near.steel.bags
        return [door for door in self._doors if bags.get((self._site, door)) in self._refs]

    async def _show(self, locker: str, doors: Sequence[int]) -> list[int]:
        """Hold the code before a locker, and see which doors open or what it says instead."""
        wall = self._near.wall
        async with wall.scanner(locker):
            shown = wall.state(locker).get("shown", 0)
            before_ms = self._near.clock.now().monotonic_ms
            by_qr = await self._present(locker)
            await wall.until(
                lambda: len(wall.open_doors(self._site, doors)) == len(doors) or _refusal(wall, locker, shown) != "",
                within_s=ANSWER_WITHIN_S,
            )
            opened = wall.open_doors(self._site, doors)
            if by_qr and len(opened) == len(doors):
                self._measure(locker, before_ms)
        return opened

    async def _present(self, locker: str) -> bool:
        """Type or scan; whoever mistyped scans then. True for a scan."""
        typed, shows = self._code["typed_code"], self._placed.habits.shows
        if typed is None or shows is Shows.QR or self._typed_wrong:
            await self._near.wall.scan(locker, self._code["qr_text"])
            return True
        self._typed_wrong = True  # whatever comes of it: the next try is by QR
        if shows is Shows.WRONG_FIRST:
            digits = typed.replace(" ", "")
            typed = digits[:-1] + str((int(digits[-1]) + 1) % 10)
        await self._near.wall.type(locker, typed)
        return False

    def _measure(self, locker: str, before_ms: int) -> None:
        self._near.times.scan_to_open_ms.append(self._near.clock.now().monotonic_ms - before_ms)
        unlocked_ms = self._near.wall.state(locker).get("scan_to_unlock_ms")
        if unlocked_ms is not None:
            self._near.times.scan_to_unlock_ms.append(unlocked_ms)

    async def _empty(self, door: int) -> None:
        wall = self._near.wall
        await asyncio.sleep(self._at_a_door_s)
        await wall.hand(self._site, door, "take")
        self._near.steel.take(self._site, door, self._refs)
        await wall.shut(self._site, door)


def _refusal(wall: Wall, locker: str, shown_before: int) -> str:
    state = wall.state(locker)
    show = state.get("show")
    if show is None or state["shown"] <= shown_before or show["screen"] != "refused":
        return ""
    return str(show["refusal"])
