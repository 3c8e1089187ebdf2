"""`caibox replay`: real baskets through a running stack, its own or the one at an address; figures as JSON.

Decides what a replay needs before it begins, and says in a sentence what it lacks. What happens to an order is
`town.py`'s.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import aiohttp

from app.demo.brokers import BrokerKind
from app.demo.stack import FORESEEN
from app.demo.supervisor import StopRequestedError
from app.nemesis.nemesis import Nemesis
from app.nemesis.plan import plan_faults
from app.reconciling import run_reconcile
from app.replay.agenda import Agenda
from app.replay.baskets import FileUnreadableError, Malformed, read_baskets
from app.replay.client import Client, Json, Refused, Silence, sign_in
from app.replay.everything import Everything
from app.replay.extras import Extras
from app.replay.goods import Goods, read_goods
from app.replay.kills import Killer, plan_kills
from app.replay.listener import Listener, listening
from app.replay.patience import NeverHappened, tries
from app.replay.report import Report
from app.replay.residents import Neighbourhood, Times
from app.replay.rush import Rush, rush, widen_windows
from app.replay.stage import Stage, stage_of
from app.replay.steel import Steel
from app.replay.town import Town
from app.replay.wall import Wall
from app.replay.wishes import Wish, wishes_of
from locker_protocol.clock import Clock, RealClock

OPERATOR = "operator@caibox.example"
DOMAIN = "demo.caibox.example"
PRODUCTS_FILE = "products.csv"
ROWS_TOLD = 20
PRODUCTS_AT_ONCE = 100
REQUEST_S = 15.0
QUIET = timedelta(seconds=61)
QUIET_WITHIN_S = 60.0
MOVEMENTS = re.compile(r"UTC: (\d+) movements")
REFUNDS_GO_AGAIN = timedelta(minutes=20)
# Of the invariants, what each finding says in the report.
EXAMPLES = 5
HELD, BROKEN, UNUSABLE = 0, 1, 2
# How the sandbox provider fails with `--everything`, and how long somebody waits for its word before they go on.
HOSTILE = "copies=2,lost=0.08,late=0.25,late_s=1200,forged=0.1,unknown=0.04,refund_fails=0.1"
LOOKED_FOR_S = 4.0
RECONCILED_AGAIN = 8
Say = Callable[[str], object]


class NoDemoThere(Exception):
    """There is no demo stack at the address; the text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command was asked for."""

    baskets: Path
    orders: int
    products: Path | None = None
    url: str | None = None
    json_path: Path | None = None
    kills: int = 0
    faults: int = 0
    pace: float = 1
    seed: int = 1
    hands: int = 12
    broker: BrokerKind = "nats"
    everything: bool = False
    often: float = 1


@dataclass(slots=True)
class Rows:
    """Rows that were skipped; the first few are told as they are met."""

    say: Say
    count: int = 0

    def tell(self, malformed: Malformed) -> None:
        """Note one."""
        self.count += 1
        if self.count <= ROWS_TOLD:
            self.say(f"Skipped {malformed}.")


def run_rush(wanted: Wanted, *, say: Say) -> int:
    """Let forty people come to a stack of our own, and write how long they waited; 0 when all got their bags."""
    rows = Rows(say)
    try:
        goods = read_goods(wanted.products or wanted.baskets.with_name(PRODUCTS_FILE), rows.tell)
        wishes = read_wishes(wanted.baskets, goods, rows, Counter())
        with stage_of(None, wanted.broker, say) as stage:
            assert stage.stack is not None, "a rush has a stack of its own"
            widen_windows(stage.stack.env["DATABASE_URL"])
            came = asyncio.run(_rush(stage, wanted, goods, wishes, say))
    except (FileUnreadableError, *FORESEEN) as problem:
        say(str(problem))
        return UNUSABLE
    except (StopRequestedError, asyncio.CancelledError):
        say("Stopped.")
        return UNUSABLE
    say(json.dumps(came.as_json()))
    if wanted.json_path is not None:
        wanted.json_path.write_text(json.dumps(came.as_json(), indent=1) + "\n", encoding="utf-8")
    return BROKEN if came.violations else HELD


async def _rush(stage: Stage, wanted: Wanted, goods: Goods, wishes: Iterator[Wish], say: Say) -> Rush:
    async with _town(stage, wanted, goods, wishes, Killer([], RealClock(), stage.kill), say) as town:
        return await rush(town)


def run_replay(wanted: Wanted, *, say: Say) -> int:
    """Replay, print and write what came of it; the exit code is 0 only when everything held."""
    rows, report = Rows(say), Report(wanted.orders, wanted.seed, wanted.hands)
    try:
        goods = read_goods(wanted.products or wanted.baskets.with_name(PRODUCTS_FILE), rows.tell)
        wishes = read_wishes(wanted.baskets, goods, rows, report.left_out)
        settings = {"CAIBOX_SANDBOX_FAULTS": HOSTILE} if wanted.everything else {}
        with stage_of(wanted.url, wanted.broker, say, faults=wanted.faults > 0, settings=settings) as stage:
            asyncio.run(_drive(stage, wanted, goods, wishes, report, say))
            stage.keep = not report.held
    except (FileUnreadableError, NoDemoThere, *FORESEEN) as problem:
        say(str(problem))
        return UNUSABLE
    except (StopRequestedError, asyncio.CancelledError):
        say("Stopped.")
        return UNUSABLE
    report.malformed = rows.count
    for line in report.lines():
        say(line)
    if wanted.json_path is not None:
        wanted.json_path.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    return HELD if report.held else BROKEN


def read_wishes(path: Path, goods: Goods, rows: Rows, left_out: Counter[str]) -> Iterator[Wish]:
    """Every wish of a file, read on as it is needed. Raises FileUnreadableError at once for a bad file."""
    baskets = read_baskets(path, goods.sku_of, rows.tell)
    first = next(baskets, None)
    if first is None:
        raise FileUnreadableError(f"{path} holds no basket.")

    def wishes() -> Iterator[Wish]:
        for basket in chain([first], baskets):
            found, beyond = wishes_of(basket, goods)
            left_out.update(each.reason for each in beyond)
            yield from found

    return wishes()


# --- on the stack -----------------------------------------------------------------------------------------------------


async def _drive(stage: Stage, wanted: Wanted, goods: Goods, wishes: Iterator[Wish], report: Report, say: Say) -> None:
    clock = RealClock()
    killer = _killer(stage, wanted, clock)
    async with _town(stage, wanted, goods, wishes, killer, say) as town:
        before_ms = clock.now().monotonic_ms
        try:
            await town.live(wanted.orders)
        except (Refused, NeverHappened) as problem:
            town.violations.append(f"the replay ended early: {problem}")
        finally:
            if isinstance(killer, Nemesis):
                await killer.stop()
        report.seconds = (clock.now().monotonic_ms - before_ms) / 1000
        await _sum_up(town, killer, report)


def _killer(stage: Stage, wanted: Wanted, clock: Clock) -> Killer | Nemesis:
    if stage.hands is not None:
        planned = plan_faults(wanted.seed, faults=wanted.faults, targets=stage.hands.targets(), pace=wanted.pace)
        return Nemesis(planned, clock, stage.hands.do)
    kills = plan_kills(wanted.seed, kills=wanted.kills, orders=wanted.orders, processes=stage.processes)
    return Killer(kills, clock, stage.kill)


@asynccontextmanager
async def _town(
    stage: Stage, wanted: Wanted, goods: Goods, wishes: Iterator[Wish], killer: Killer | Nemesis, say: Say
) -> AsyncIterator[Town]:
    """Everything a replay works with, beside the tasks that watch the stack and the lockers."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    connector = aiohttp.TCPConnector(limit=4 * wanted.hands + 16)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), connector=connector, timeout=timeout) as http:
        silence = Silence()
        nobody = Client(http, stage.url, silence=silence)
        await _answers(nobody)
        wall = await _wall(nobody)
        replaying = asyncio.current_task()
        assert replaying is not None, "this runs in a task"
        tasks = [asyncio.create_task(stage.watch(replaying.cancel)), asyncio.create_task(wall.watch())]
        try:
            await _put_on_sale(nobody, goods, weighed=wanted.everything)
            near = Neighbourhood(wall, killer.clock, Times(), killer.moment)
            if wanted.everything:
                silence.provider_fails, near = True, replace(near, paid_within_s=LOOKED_FOR_S)
            neighbours = [f"neighbour-{number}@{DOMAIN}" for number in range(1, 2 * wanted.hands + 1)]
            agenda = Agenda(nobody, wanted.hands)
            town = Town(near, nobody, agenda, goods, wishes, neighbours, wanted.seed, say)
            async with _with_everything(town, stage, wanted):
                await town.sign_in_residents()
                yield town
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _with_everything(town: Town, stage: Stage, wanted: Wanted) -> AsyncIterator[None]:
    """Everything that people do beside, where it was asked for, and a program that listens to what happens."""
    if not wanted.everything:
        yield
        return
    deeds = Counter[str]()
    listener = Listener(wanted.seed, deeds)
    extras = Extras(wanted.seed, wanted.often)
    reconcile = None if stage.stack is None else partial(_reconcile, stage.stack.env, town.agenda, deeds)
    town.everything = Everything(town.nobody, town.agenda, extras, town.goods, listener, deeds, reconcile)
    async with listening(listener) as url:
        await town.everything.begin(url)
        yield
        await town.everything.end()


async def _reconcile(env: Mapping[str, str], agenda: Agenda, deeds: Counter[str]) -> str:
    """Compare the last day as an operator does by command. What its provider does not answer is asked again."""
    said: list[str] = []
    for _ in range(RECONCILED_AGAIN):
        said.clear()
        code = await asyncio.to_thread(run_reconcile, env, None, say=said.append)
        if code == HELD:
            deeds["movements_compared"] += sum(int(each) for each in MOVEMENTS.findall(said[0]))
            return ""
        if code == BROKEN:  # what heals by a refund sent once more waits for the next try
            await agenda.jump(await agenda.now() + REFUNDS_GO_AGAIN)
        await asyncio.sleep(1)
    return "; ".join(said)


async def _answers(nobody: Client) -> None:
    """Refuse at once an address where no demo answers, rather than ask again and again."""
    try:
        async with nobody.http.get(f"{nobody.base}api/v1/demo") as answer:
            there = answer.status == 200 and "locker_pages" in await answer.json()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        there = False
    if not there:
        raise NoDemoThere(f"No Caibox demo answers at {nobody.base}.")


async def _wall(nobody: Client) -> Wall:
    pages: dict[str, str] = (await nobody.get("/api/v1/demo"))["locker_pages"]
    sites = {locker["id"]: site["id"] for site in await nobody.all("/api/v1/sites") for locker in site["lockers"]}
    wall = Wall(nobody, Steel(), pages, sites)
    await wall.learn_doors()
    return wall


async def _put_on_sale(nobody: Client, goods: Goods, *, weighed: bool) -> None:
    operator = await sign_in(nobody, OPERATOR)
    articles = [article.as_json(weighed=weighed) for article in goods.articles.values()]
    for at in range(0, len(articles), PRODUCTS_AT_ONCE):
        await operator.post("/api/v1/products", {"products": articles[at : at + PRODUCTS_AT_ONCE]})


# --- what came of it --------------------------------------------------------------------------------------------------


async def _sum_up(town: Town, killer: Killer | Nemesis, report: Report) -> None:
    near = town.near
    states = Counter(placed.state for placed in town.placed)
    report.orders, report.paid = len(town.placed), sum(placed.paid for placed in town.placed)
    report.loaded, report.days = town.loaded, town.days
    report.collected, report.refunded, report.released = states["collected"], states["refunded"], states["released"]
    report.checkout_ms, report.scan_to_unlock_ms = near.times.checkout_ms, near.times.scan_to_unlock_ms
    report.scan_to_open_ms = near.times.scan_to_open_ms
    report.left_out.update(town.left_out)
    happened = [asdict(each) for each in killer.done]
    if isinstance(killer, Nemesis):
        report.faults = happened
    else:
        report.kills = happened
    report.unanswered = town.nobody.silence.unanswered
    if town.everything is not None:
        report.deeds = {**town.everything.deeds, "provider_away": town.nobody.silence.provider_away}
    findings = await _audit(town)
    report.audit = {each["invariant"]: each["violations"] for each in findings if each["violations"]}
    report.violations = [*town.violations, *near.steel.violations, *_own_faults(town, killer), *_broken(findings)]
    report.remarks = town.remarks


def _own_faults(town: Town, killer: Killer | Nemesis) -> list[str]:
    """Answers of 500 and more; where processes die, a proxy's or a database's absence is no fault."""
    return [] if killer.done else town.nobody.silence.broken


def _broken(findings: Sequence[Json]) -> list[str]:
    return [
        f"{each['invariant']}: {example}"
        for each in findings
        if each["violations"]
        for example in (each["examples"][:EXAMPLES] or [each["name"]])
    ]


async def _audit(town: Town) -> list[Json]:
    """Audit after a minute's quiet of civil time; what is still on its way gets a real minute."""
    await town.agenda.jump(await town.agenda.now() + QUIET)
    findings: list[Json] = []
    try:
        async for _ in tries("the audit is clean", patience_s=QUIET_WITHIN_S):
            findings = (await town.nobody.get("/api/v1/demo/audit"))["invariants"]
            if not any(each["violations"] for each in findings):
                break
    except NeverHappened:
        pass  # what it found is told
    return findings
