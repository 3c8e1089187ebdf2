"""All that days have beside ordering, paying and collecting: second thoughts, claims, lots, recalls, books.

Decides when in a day each of it happens, and waits for what comes late where the payment provider is hostile. At the
end nothing may be open: no payment somebody made, no change, no claim, no refund, no message to another program.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial

from app.replay.agenda import Agenda, at_once
from app.replay.browser import Browser, sign_in_browser
from app.replay.by_hand import ByHand
from app.replay.chance import chance
from app.replay.client import Client, Refused, sign_in
from app.replay.complaints import Answers, Said, complain
from app.replay.extras import Cancels, Claims, Edits, Extras, Wants
from app.replay.goods import Goods
from app.replay.listener import Listener
from app.replay.office import Office
from app.replay.patience import NeverHappened, until
from app.replay.residents import FINAL, Placed, Row
from app.replay.second_thoughts import SecondThoughts

OPERATOR, PICKER = "operator@caibox.example", "picker@caibox.example"
# A session of staff lives twelve hours.
SIGNED_IN_FOR = timedelta(hours=10)
# The worker asks about unclear payments every five seconds, those of a minute ago and older.
POLLED_AFTER, POLLED_WITHIN_S = timedelta(seconds=70), 7.0
MOST_POLLS = 14
# On the other days the hold of an order whose payment's word was lost ends before anybody asks the provider.
LOOKS_AGAIN = 0.85
CHANGED_LATER = 0.5
BAD_GOODS, SAYS_SO = 0.06, 0.7
RECALLS = 0.2
HOUR = timedelta(hours=1)
MOST_HOURS = 26
UNPAID = frozenset({"awaiting_payment", "released"})
Guarded = Callable[[str, Coroutine[None, None, object]], Awaitable[None]]
Reconcile = Callable[[], Awaitable[str]]


@dataclass(slots=True)
class Everything:
    """`reconcile` compares a day by command, where the stack is one's own; it returns what it found that it may not."""

    nobody: Client
    agenda: Agenda
    extras: Extras
    goods: Goods
    listener: Listener
    deeds: Counter[str]
    reconcile: Reconcile | None = None
    browsers: list[Browser] = field(default_factory=list)
    windows: list[Row] = field(default_factory=list)
    thoughts: SecondThoughts = field(init=False)
    office: Office = field(init=False)
    answers: Answers = field(init=False)
    by_hand: ByHand = field(init=False)
    _operator: Browser | None = None
    _signed_in_at: datetime | None = None
    _stage: str = ""
    _bad_goods: str = ""
    _later: list[Placed] = field(default_factory=list)
    _evenings: int = 0

    def __post_init__(self) -> None:
        self.thoughts = SecondThoughts(lambda placed: self.browsers[placed.neighbour].tab(), self.deeds)
        self.office = Office(self._operators_tab, self.goods, self.deeds)
        self.answers = Answers(self._operators_tab, self.deeds, self.extras.seed)
        self.by_hand = ByHand(self.extras, self.goods, self.deeds)

    async def begin(self, url: str) -> None:
        """Be told of what happens, at this address."""
        await self.listener.register(await sign_in(self.nobody, OPERATOR), url)

    async def sign_in(self, neighbours: Sequence[str]) -> None:
        """Let everybody open a browser."""
        self.browsers[:] = [await sign_in_browser(self.nobody, contact) for contact in neighbours]

    # --- after an order ---------------------------------------------------------------------------------------------

    async def after_paying(self, placed: Placed, guarded: Guarded) -> Placed | None:
        """Whatever its owner does at once; another order, where they ordered the same again."""
        if not placed.paid:
            return None
        self.deeds["similar" if placed.wants.similar else "refund_if_short"] += 1
        if placed.wants.cancels is Cancels.OPEN:
            await guarded(f"cancelling {placed.order_id}", self.thoughts.cancel(placed, Cancels.OPEN))
        elif placed.wants.edits is not Edits.NO and chance(self.extras.seed, "later", placed.name) < CHANGED_LATER:
            self._later.append(placed)
        elif placed.wants.edits is not Edits.NO:
            await guarded(f"changing {placed.order_id}", self.thoughts.edit(placed))
        if placed.wants.reads:
            await guarded(f"reading of {placed.order_id}", self.thoughts.read(placed))
        again: list[Placed] = []
        if placed.wants.orders_again:
            await guarded(f"ordering {placed.order_id} again", self._again(placed, again))
        return again[0] if again else None

    async def _again(self, placed: Placed, made: list[Placed]) -> None:
        day, site = placed.window["local_date"], placed.site_id
        here = [each for each in self.windows if (each["local_date"], each["site_id"]) == (day, site)]
        found = await self.thoughts.order_again(placed, [each["id"] for each in here])
        if found is not None:
            window = next(each for each in here if each["id"] == found.window)
            again = Placed(found.order_id, placed.person, placed.site_id, window, placed.habits)
            again.name, again.neighbour, again.pressed = f"{placed.name}-again", placed.neighbour, found.pressed
            again.wants = Wants(claims=placed.wants.claims)
            made.append(again)
            await again.look()

    async def look_again(self, placed: Sequence[Placed], day: int) -> None:
        """After ordering, people look whether their payment has come; on some days nobody does."""
        if chance(self.extras.seed, "looks again", day) < LOOKS_AGAIN:
            await self.settle(placed)

    async def settle(self, placed: Sequence[Placed], *, jumps: bool = True) -> None:
        """Wait until every payment somebody made is known, and what was paid for done; with `jumps` time passes."""
        for _ in range(MOST_POLLS if jumps else 1):
            if await self._all_known(placed):
                return
            if jumps:
                await self.agenda.jump(await self.agenda.now() + POLLED_AFTER)
            with suppress(NeverHappened):
                await until(lambda: self._all_known(placed), "payments are known", patience_s=POLLED_WITHIN_S)

    async def _all_known(self, placed: Sequence[Placed]) -> bool:
        unknown = [each for each in placed if each.pressed and not each.paid]
        await at_once(self.agenda.hands, [each.look for each in unknown])
        edits = [edit for edit in self.thoughts.edits if edit.pressed and not await self.thoughts.settle(edit)]
        known = [_knows(each) for each in unknown]  # each is noted, so none is skipped
        return all(known) and not edits

    # --- a run ------------------------------------------------------------------------------------------------------

    async def before_packing(self, placed: Sequence[Placed], day: date, guarded: Guarded) -> None:
        """Take over the goods of a run and let cancel who does so after the cut-off. `placed`: those of its runs."""
        await self.settle(placed, jumps=False)
        await self._be_there()
        pieces: Counter[str] = Counter()
        for each in placed:
            pieces.update(each.pieces if each.paid else {})
        if placed:
            run_no = min(each.window["run_no"] for each in placed)
            await guarded(f"lots of run {run_no}", self.office.take_over_lots(run_no, day, pieces))
            drawn = chance(self.extras.seed, "recall", run_no)
            recalls = drawn < min(0.9, RECALLS * self.extras.often)
            bad = chance(self.extras.seed, "bad goods", run_no) < BAD_GOODS * self.extras.often
            self._bad_goods = pieces.most_common(1)[0][0] if bad and pieces else ""
            self._stage = ("packed", "loaded", "collected")[run_no % 3] if recalls else ""
        await self._cancel(placed, Cancels.CLOSED, guarded)

    async def pick(self, pickers: Sequence[Client], run_nos: Sequence[int], guarded: Guarded) -> None:
        """Fill some bags line by line."""
        browser = await sign_in_browser(self.nobody, PICKER)
        for run_no in run_nos:
            await guarded(f"picking run {run_no} by hand", self.by_hand.pick_run(pickers, browser, run_no))

    async def after_packing(self, placed: Sequence[Placed], guarded: Guarded) -> None:
        """Cancel what is packed; recall."""
        await self._cancel(placed, Cancels.PACKED, guarded)
        await self._recall_at("packed", guarded)

    async def after_loading(self, guarded: Guarded) -> None:
        """Recall what lies behind its doors."""
        await self._recall_at("loaded", guarded)

    async def instead_of_collecting(self, placed: Placed, guarded: Guarded) -> bool:
        """Cancel what lies behind its doors, where its owner does; False where they come for it."""
        if placed.wants.cancels is not Cancels.READY or placed.state in FINAL:
            return False
        before = self.deeds["cancelled_ready"]
        await guarded(f"cancelling {placed.order_id}", self.thoughts.cancel(placed, Cancels.READY))
        return self.deeds["cancelled_ready"] > before

    async def after_collecting(self, placed: Placed, guarded: Guarded) -> None:
        """Say what was wrong with what came, or read the receipts."""
        if placed.state != "collected":
            return
        about, kind = "", placed.wants.claims
        if self._bad_goods in placed.pieces and chance(self.extras.seed, "says so", placed.name) < SAYS_SO:
            about, kind = self.goods.articles[self._bad_goods].category.title(), Claims.SPOILED
        if kind is not Claims.NO:
            tab = self.browsers[placed.neighbour].tab()
            claim = complain(tab, placed, Said(kind, about), self.deeds, self.extras.seed)
            await guarded(f"a claim about {placed.order_id}", claim)
        if placed.wants.reads:
            await guarded(f"reading of {placed.order_id}", self.thoughts.read(placed))

    async def evening(self, guarded: Guarded) -> None:
        """Answer who waits, change prices, and compare the books; half of those who change an order do it now."""
        await self._be_there()
        await self._recall_at("collected", guarded)
        await guarded("answering claims", self.answers.answer_all())
        self._evenings += 1
        pieces: Counter[str] = Counter()
        for each in self._later:
            pieces.update(each.pieces)
        await guarded("changing prices", self.office.change_prices(pieces, self._evenings))
        await at_once(self.agenda.hands, [partial(self._change_later, each, guarded) for each in self._later])
        self._later.clear()
        await guarded("the day's reconciliation", self._compare())

    async def _change_later(self, placed: Placed, guarded: Guarded) -> None:
        await placed.look()
        if placed.state == "paid":
            await guarded(f"changing {placed.order_id}", self.thoughts.edit(placed))

    async def _compare(self) -> None:
        if self.reconcile is not None:
            found = await self.reconcile()
            if found:
                raise Refused(200, "reconciliation", found)
            self.deeds["days_reconciled"] += 1
        await self.office.differences()

    async def _cancel(self, placed: Sequence[Placed], stage: Cancels, guarded: Guarded) -> None:
        those = [each for each in placed if each.wants.cancels is stage and each.paid and each.state not in FINAL]
        for each in those:
            await guarded(f"cancelling {each.order_id}", self.thoughts.cancel(each, stage))

    async def _recall_at(self, stage: str, guarded: Guarded) -> None:
        if self._stage == stage:
            self._stage = ""
            await guarded("a recall", self.office.recall())

    # --- the end ----------------------------------------------------------------------------------------------------

    async def finish(self, placed: list[Placed]) -> list[str]:
        """Wait until nothing is open, and say what is all the same."""
        await self._be_there()
        await self.settle(placed)
        await self.answers.answer_all()
        operator = await sign_in(self.nobody, OPERATOR)
        for _ in range(MOST_HOURS):
            open_refunds = [each for each in await operator.all("/api/v1/refunds") if each["state"] != "done"]
            waiting = await self.listener.all_arrived(operator)
            differences = await self.office.differences()
            if await self._all_known(placed) and not open_refunds and not waiting and not differences:
                break
            await self.agenda.jump(await self.agenda.now() + HOUR)
            await asyncio.sleep(POLLED_WITHIN_S)
            await self._be_there()
            operator = await sign_in(self.nobody, OPERATOR)
        refunds = await operator.all("/api/v1/refunds")
        self.deeds.update(Counter(f"refunded_{each['cause']}" for each in refunds))
        left = [f"refund {each['refund_no']} is {each['state']}" for each in open_refunds]
        left += [f"{differences} differences of the reconciliation are open"] if differences else []
        left += [f"{waiting} messages to the listener wait"] if waiting else []
        return [*left, *await self._people_wait(placed), *self.listener.judge(placed)]

    async def _people_wait(self, placed: Sequence[Placed]) -> list[str]:
        edits = [edit for edit in self.thoughts.edits if not await self.thoughts.settle(edit)]
        claims = await self.answers.waiting()
        return [
            *(f"order {each.order_id} was paid at the provider and is {each.state}" for each in placed if _lost(each)),
            *(f"the change of order {edit.placed.order_id} still waits" for edit in edits),
            *([f"{claims} claims still wait"] if claims else []),
        ]

    async def end(self) -> None:
        """Be told no more."""
        if self.listener.endpoint_id:
            operator = await sign_in(self.nobody, OPERATOR)
            await operator.delete(f"/api/v1/webhooks/{self.listener.endpoint_id}")

    async def _be_there(self) -> None:
        now = await self.agenda.now()
        if self._signed_in_at is None or now - self._signed_in_at > SIGNED_IN_FOR:
            self._operator, self._signed_in_at = await sign_in_browser(self.nobody, OPERATOR), now

    def _operators_tab(self) -> Browser:
        assert self._operator is not None, "an operator signed in before"
        return self._operator.tab()


def _knows(placed: Placed) -> bool:
    """Note that its payment has come, whatever was done for it."""
    placed.paid = placed.paid or placed.state not in UNPAID
    return placed.paid


def _lost(placed: Placed) -> bool:
    return placed.pressed and placed.state in UNPAID
