"""Days of ordering, loading and collecting at all sites of a running stack, many hands at once.

Decides what happens when: baskets become orders as far as the lockers' runs take them, what does not fit waits for a
later run, and at the end time goes on until every order has ended. Everything goes over HTTP and through the virtual
lockers; the only hand on the stack is the demo's clock.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby

from app.replay.agenda import Agenda, at_once
from app.replay.chance import chance
from app.replay.client import Client, Json, Refused, sign_in
from app.replay.everything import Everything
from app.replay.extras import Wants
from app.replay.goods import Goods
from app.replay.patience import NeverHappened, until
from app.replay.residents import FINAL, Comes, Habits, Neighbourhood, Placed, collect, habits_of, pay, place
from app.replay.staff import Crew, Visited, pack, visit
from app.replay.wishes import Wish
from locker_protocol.ids import random_id

Row = dict[str, Json]

PICKER, DRIVER = "picker@caibox.example", "driver@caibox.example"
DRIVERS = 2
# Loading is under way by then at every run of the demo, the moved ones too.
LOADS_BEFORE_WINDOW = timedelta(minutes=20)
ENOUGH_WINDOWS_SEEN = timedelta(minutes=2)
# So many fresh baskets in a day that fit no run with room left: the day is as full as it gets.
MOST_MISSES = 24
# A wish that no run takes for so many days is told and left out. Frozen doors are few, so some wait for weeks.
MOST_DAYS = 60
LAST_DAYS = 4
# A resident's session lives 30 days.
SIGNED_IN_FOR_DAYS = 10
FULL = frozenset({"window_full"})
NOT_THIS_RUN = frozenset({"run_full", "sold_out", "keeps_too_short", "order_cycle_closed"})
NEVER_FITS = frozenset({"too_large_for_lockers", "product_unavailable", "live_goods", "quantity_absurd"})


@dataclass(slots=True)
class Waiting:
    """A wish, and on how many days nothing took it."""

    wish: Wish
    days: int = 0


@dataclass(slots=True)
class Windows:
    """A day's windows that may still take orders, and which zones their runs have no doors left in."""

    rows: list[Row]
    full: set[int] = field(default_factory=set)
    short: set[tuple[int, str]] = field(default_factory=set)

    def for_wish(self, zones: frozenset[str], first: int) -> list[Row]:
        """Windows worth asking, beginning somewhere else each time."""
        open_rows = [row for row in self.rows if row["id"] not in self.full]
        worth = [row for row in open_rows if not any((row["run_no"], zone) in self.short for zone in zones)]
        at = first % len(worth) if worth else 0
        return worth[at:] + worth[:at]

    @property
    def all_full(self) -> bool:
        """Nobody can order for this day any more."""
        return len(self.full) == len(self.rows)


@dataclass(slots=True)
class Town:
    """Everything that is under way. `neighbours` are the contacts of those who order in turn.

    `tell` prints a line for the person at the terminal.
    """

    near: Neighbourhood
    nobody: Client
    agenda: Agenda
    goods: Goods
    wishes: Iterator[Wish]
    neighbours: Sequence[str]
    seed: int
    tell: Callable[[str], object]
    everything: Everything | None = None
    residents: list[Client] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    waiting: deque[Waiting] = field(default_factory=deque)
    left_out: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    not_loaded: set[str] = field(default_factory=set)
    loaded: int = 0
    days: int = 0
    name: str = field(default_factory=random_id)
    begun: int = 0
    no_more: bool = False
    habits: Callable[[Wish], Habits] = field(init=False)

    def __post_init__(self) -> None:
        self.habits = partial(habits_of, self.seed)

    async def live(self, orders: int) -> None:
        """Day after day until so many orders were placed, or no basket is left; then until all have ended."""
        today: Windows | None = await self.next_day()
        while today is not None:
            if not self.days:
                await self.order(today, orders)
                await self._settle()
            placed = len(self.placed)
            tomorrow = await self._day(today.rows, orders)
            self.days += 1
            if self.days % SIGNED_IN_FOR_DAYS == 0:
                await self.sign_in_residents()
            self._tell_day(today.rows[0]["local_date"], placed, orders)
            today = tomorrow
        await self._end()
        if self.everything is not None:
            for left in await self.everything.finish(self.placed):
                self._violated(left)

    async def sign_in_residents(self) -> None:
        """Sign everybody in anew, having looked at their orders: none outlives the session it was placed in unseen."""
        await self._unfinished()
        self.residents[:] = [await sign_in(self.nobody, contact) for contact in self.neighbours]
        if self.everything is not None:
            await self.everything.sign_in(self.neighbours)

    # --- a day ------------------------------------------------------------------------------------------------------

    async def next_day(self) -> Windows:
        """The windows of the next day that can still be ordered for, at all sites."""
        found: list[Row] = []

        async def offered() -> bool:
            found[:] = [
                {**window, "site_id": site["id"]}
                for site in await self.nobody.all("/api/v1/sites")
                for window in await self.nobody.all(f"/api/v1/sites/{site['id']}/windows")
                if window["places_left"] > 0
            ]
            return bool(found)

        await until(offered, "something can be ordered for")
        day = min(window["local_date"] for window in found)
        if self.everything is not None:
            self.everything.windows[:] = found
        return Windows([window for window in found if window["local_date"] == day])

    async def order(self, windows: Windows, orders: int) -> None:
        """As many hands as there are order and pay, until enough is ordered or nothing fits any more."""
        tomorrow: list[Waiting] = []
        misses = 0
        today = self.waiting
        self.waiting = deque()

        async def hand() -> None:
            nonlocal misses
            while not windows.all_full and self.begun < orders and misses < MOST_MISSES:
                fresh = not today
                next_one = today.popleft() if today else self._fresh()
                if next_one is None:
                    return
                self.begun += 1
                if not await self._try(windows, next_one.wish):
                    self.begun -= 1
                    misses += fresh
                    tomorrow.append(next_one)

        await asyncio.gather(*(hand() for _ in range(self.agenda.hands)))
        self._keep_for_tomorrow([*tomorrow, *today])

    def _fresh(self) -> Waiting | None:
        wish = next(self.wishes, None)
        self.no_more = wish is None
        return None if wish is None else Waiting(wish)

    def _keep_for_tomorrow(self, waiting: Sequence[Waiting]) -> None:
        for each in waiting:
            each.days += 1
            if each.days > MOST_DAYS:
                self.left_out["no run took it"] += 1
            else:
                self.waiting.append(each)

    async def _try(self, windows: Windows, wish: Wish) -> bool:
        """Place an order in one of the windows and pay it; True when the wish is settled."""
        zones = frozenset(self.goods.articles[sku].kind.zone.value for sku in wish.pieces)
        first = int(chance(self.seed, "window", wish.name) * 1000)
        for window in windows.for_wish(zones, first):
            try:
                placed = await self._place(window, wish)
            except Refused as refusal:
                if self._is_settled(refusal, windows, window, wish):
                    return True
                continue
            await self._pay(placed)
            return True
        return False

    async def _pay(self, placed: Placed) -> None:
        await self.guarded(f"paying order {placed.order_id}", self._pay_or_look_later(placed))
        again = await self.everything.after_paying(placed, self.guarded) if self.everything is not None else None
        if again is not None:
            self.placed.append(again)

    async def _pay_or_look_later(self, placed: Placed) -> None:
        """Where a hostile provider's word is late or lost, it is looked for later."""
        try:
            await pay(self.near, placed)
        except NeverHappened:
            if self.everything is None:
                raise

    async def _settle(self) -> None:
        if self.everything is not None:
            await self.everything.look_again(self.placed, self.days)

    async def _place(self, window: Row, wish: Wish) -> Placed:
        neighbour = int(chance(self.seed, "person", wish.name) * len(self.residents))
        key = f"{self.name}-{wish.name}-{window['id']}"
        wants = self.everything.extras.wants(wish.name) if self.everything is not None else Wants()
        person, habits = self.residents[neighbour], self.habits(wish)
        placed = await place(self.near, person, window, wish, key=key, habits=habits, wants=wants)
        placed.neighbour = neighbour
        self.placed.append(placed)
        return placed

    def _is_settled(self, refusal: Refused, windows: Windows, window: Row, wish: Wish) -> bool:
        """Learn from a refusal; True when no other window could do."""
        if refusal.code in FULL:
            windows.full.add(window["id"])
        elif refusal.code in NOT_THIS_RUN:
            if refusal.code == "run_full" and refusal.facts.get("left") == 0:
                windows.short.add((window["run_no"], refusal.facts["zone"]))
        elif refusal.code in NEVER_FITS:
            self.left_out[refusal.code] += 1
            self.begun -= 1
            return True
        else:
            self._violated(f"ordering {wish.name} was refused: {refusal}")
            self.begun -= 1
            return True
        return False

    async def _day(self, rows: Sequence[Row], orders: int) -> Windows | None:
        """Each run in turn, at all sites at once, while people order for the next day; they come when they come."""
        tomorrow: Windows | None = None
        by_kind = groupby(sorted(rows, key=_loads_at), key=lambda row: _first_loads_at(rows, row))
        for number, (load_at, own) in enumerate(by_kind):
            runs = {row["site_id"]: row["run_no"] for row in own}
            await self.agenda.go_to(load_at)
            if number == 0:
                tomorrow, _ = await asyncio.gather(self._order_ahead(orders), self.load_runs(runs))
                await self._settle()
            else:
                await self.load_runs(runs)
        last = max(datetime.fromisoformat(row["opens_at"]) for row in rows)
        await self.agenda.go_to(last + ENOUGH_WINDOWS_SEEN)
        if self.everything is not None:
            await self.everything.evening(self.guarded)
        return tomorrow

    async def _order_ahead(self, orders: int) -> Windows | None:
        """Order for the next day, unless enough is ordered or no basket is left."""
        if self.begun >= orders or (self.no_more and not self.waiting):
            return None
        windows = await self.next_day()
        await self.order(windows, orders)
        return windows

    async def load_runs(self, runs: Mapping[str, int], *, keep: bool = True) -> None:
        """Pack and load runs by site, and with `keep` note when their people come."""
        crew = Crew(self.near.wall, self.near.moment, self._pass_time)
        mine = [each for each in self.placed if each.window["run_no"] in runs.values()]
        if self.everything is not None and mine:
            day = date.fromisoformat(mine[0].window["local_date"])
            await self.everything.before_packing(mine, day, self.guarded)
        picker, *drivers = await asyncio.gather(
            *(sign_in(self.nobody, contact) for contact in (PICKER, *[DRIVER] * DRIVERS))
        )
        if self.everything is not None:
            await self.everything.pick([picker, picker, picker], list(runs.values()), self.guarded)
        await asyncio.gather(
            *(self.guarded(f"packing run {no}", pack(crew, [picker, picker], no)) for no in runs.values())
        )
        if self.everything is not None:
            await self.everything.after_packing(mine, self.guarded)

        async def one(site_id: str, run_no: int) -> None:
            self._visited(await visit(crew, drivers, site_id, run_no))

        await asyncio.gather(
            *(self.guarded(f"the visit of {site_id} for run {no}", one(site_id, no)) for site_id, no in runs.items())
        )
        if self.everything is not None:
            await self.everything.after_loading(self.guarded)
        for placed in mine if keep else ():
            if placed.paid and placed.habits.comes is not Comes.NEVER and placed.order_id not in self.not_loaded:
                self.agenda.add(placed.comes_at(), self._collecting(placed))

    def _visited(self, visited: Visited) -> None:
        self.loaded += visited.loaded
        self.remarks.extend(visited.remarks)
        self.not_loaded.update(visited.not_loaded)

    def _collecting(self, placed: Placed) -> Callable[[], Coroutine[None, None, None]]:
        return lambda: self._collect(placed)

    async def _collect(self, placed: Placed) -> None:
        if self.everything is not None and await self.everything.instead_of_collecting(placed, self.guarded):
            return
        await self.guarded(f"collecting order {placed.order_id}", collect(self.near, placed))
        if self.everything is not None:
            await self.everything.after_collecting(placed, self.guarded)

    async def _pass_time(self, span: timedelta) -> None:
        await self.agenda.jump(await self.agenda.now() + span)

    async def guarded(self, what: str, doing: Coroutine[None, None, object]) -> None:
        """One person's bad day is told, and everybody else's goes on."""
        try:
            await doing
        except (Refused, NeverHappened) as problem:
            self._violated(f"{what}: {problem}")

    def _violated(self, what: str) -> None:
        """Keep it for the report, and say it at once: the end may be far."""
        self.violations.append(what)
        self.tell(f"Violated: {what}")

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Let time run, with a visit now and then, until every order has ended."""
        await self.agenda.keep_all()
        for _ in range(LAST_DAYS):
            if not await self._unfinished():
                return
            rows = (await self.next_day()).rows
            await self._day(rows, 0)
        for placed in await self._unfinished():
            self._violated(f"order {placed.order_id} is still {placed.state}")

    async def _unfinished(self) -> list[Placed]:
        left = [placed for placed in self.placed if placed.state not in FINAL]
        await at_once(self.agenda.hands, [placed.look for placed in left])
        return [placed for placed in left if placed.state not in FINAL]

    def _tell_day(self, day: str, placed: int, orders: int) -> None:
        states = Counter(each.state for each in self.placed)
        ended = sum(states[state] for state in FINAL)
        self.tell(
            f"{day}: {placed} of {orders} orders placed by the morning, {ended} ended by the evening;"
            f" {len(self.waiting)} baskets wait for a run with room"
        )


def _loads_at(row: Row) -> datetime:
    return datetime.fromisoformat(row["opens_at"]) - LOADS_BEFORE_WINDOW


def _first_loads_at(rows: Sequence[Row], row: Row) -> datetime:
    """A run has several windows; it is loaded before the first."""
    return min(_loads_at(each) for each in rows if each["kind"] == row["kind"])
