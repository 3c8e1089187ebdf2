"""Many people want what is left at the same instant: does anybody ever get what another has?

Each trial makes a run of its own with a random shape (little stock, few places, few doors), lets random buyers order at
once, some by the same key several times, and then pay, give up, pay too late and order again while holds end. What
everybody was told is compared with what stands in the database, and every rule of `caibox audit` is run.

python -m benchmarks.races --trials 1000 --seed 7 [--json OUT]
"""

import argparse
import json
import logging
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Connection, Engine, text

from app.db.engine import make_engine, transaction
from app.demo.seed import seed
from app.domain.basket import BasketLine, SoldOut
from app.domain.errors import DomainError
from app.payments.sandbox import SandboxProvider
from app.settings import Settings, settings_from
from app.use_cases.audit.audit import audit
from app.use_cases.audit.rule import Moment
from app.use_cases.evening.call_off_run import call_off_run
from app.use_cases.money.settle_payment import settle_payment
from app.use_cases.money.start_payment import start_payment
from app.use_cases.ordering.give_up_order import give_up_order
from app.use_cases.ordering.place_order import PlacedOrder, place_order
from app.use_cases.ordering.release_holds import release_holds
from benchmarks.checkout import running_postgres
from locker_protocol.clock import Now

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
AT_ONCE = 16
PEOPLE = 60
GOODS = ("tomatoes", "fresh-milk", "frozen-dumplings", "potatoes", "bananas")
# The hold is ten minutes, and ten more from where payment begins.
PAYING, HOLDS_END, EXTENDED_END, LONG_AFTER = (timedelta(minutes=minutes) for minutes in (5, 12, 16, 90))
EMPTY = "TRUNCATE customer_order, idempotent_request, load_run, payment_webhook, sandbox_charge, outbox CASCADE"


class StandingClock:
    """The sandbox provider's clock."""

    def now(self) -> Now:
        """Always the same instant."""
        return Now(round(NOW.timestamp() * 1000), 0)


@dataclass(frozen=True, slots=True)
class World:
    """What all trials share."""

    engine: Engine
    settings: Settings
    provider: SandboxProvider
    people: Sequence[str]
    threads: ThreadPoolExecutor


@dataclass(slots=True)
class Buyer:
    """One person with one basket, who sends it `copies` times under one key, and what they were answered."""

    person: str
    key: str
    lines: Sequence[BasketLine]
    copies: int
    then: str  # pay, pay_twice, pay_late, give_up, leave
    answers: list[object] = field(default_factory=list)

    @property
    def placed(self) -> PlacedOrder | None:
        """Their order, if they have one."""
        return next((answer for answer in self.answers if isinstance(answer, PlacedOrder)), None)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a run has, and who wants it."""

    stock: dict[str, int]
    places: int
    doors: int  # of each counter, at most
    called_off: bool


@dataclass(slots=True)
class Told:
    """What all trials came to."""

    trials: int = 0
    orders: int = 0
    answers: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    oversold: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    stuck_holds: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    audit: list[str] = field(default_factory=list)

    def violations(self) -> int:
        """Everything that should not have happened."""
        return sum(len(each) for each in (self.oversold, self.duplicates, self.stuck_holds, self.failures, self.audit))

    def as_json(self) -> dict[str, object]:
        """Counts, and the first few of what went wrong."""
        wrong = ("oversold", "duplicates", "stuck_holds", "failures", "audit")
        return {
            "trials": self.trials,
            "orders": self.orders,
            "answers": self.answers,
            "refusals": dict(self.refusals.most_common()),
            "ended": dict(self.ended.most_common()),
            **{name: len(getattr(self, name)) for name in wrong},
            "violations": self.violations(),
            "violated": [line for name in wrong for line in getattr(self, name)[:5]],
        }


def run_trials(engine: Engine, *, trials: int, seed_: int) -> Told:
    """Run so many trials on a database that holds the demo's goods and people (`furnish`)."""
    told = Told()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        world = _world(engine, threads)
        with suppress(KeyboardInterrupt):  # then the trials so far are what there is
            for number in range(trials):
                _trial(world, Random(f"{seed_}:{number}"), number, told)
    return told


def furnish(engine: Engine) -> None:
    """Write the demo's sites and goods into an empty database, and people enough."""
    with transaction(engine) as conn:
        seed(conn, gateway_keys={"osmanthus": bytes(32), "sunny": bytes(32)}, now=NOW)
        conn.execute(
            text("INSERT INTO person (id, mail, created_at) SELECT 'racer-' || n, n || '@x.example', :now FROM"
                 " generate_series(1, :people) n"),
            {"now": NOW, "people": PEOPLE},
        )  # fmt: skip


def _world(engine: Engine, threads: ThreadPoolExecutor) -> World:
    settings = settings_from(
        {
            "DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "CAIBOX_UPLINK_URL": "mqtt://127.0.0.1:1",
            "CAIBOX_SECRET_KEY": "not a secret",
            "CAIBOX_SIGNING_KEYS": "1:" + "c3M" * 14 + "c=",
            "CAIBOX_SANDBOX_SECRET": "not a secret",
        }
    )
    people = [f"racer-{number}" for number in range(1, PEOPLE + 1)]
    return World(engine, settings, SandboxProvider(engine, StandingClock(), settings), people, threads)


def _trial(world: World, random: Random, number: int, told: Told) -> None:
    shape = _shape(random)
    with transaction(world.engine) as conn:
        window = _open_run(conn, shape, random)
    first = _buyers(random, world.people[:40], f"{number}-first")
    second = _buyers(random, world.people[40:], f"{number}-second")
    _at_once(world, random, told, _placing(world, first, window, NOW))
    began = _begin(world, told, [buyer for buyer in first if buyer.placed and buyer.then.startswith("pay")])
    paying = _paying(world, first, began, late=False)
    if shape.called_off:  # somebody has paid by then, however the threads take turns
        _at_once(world, random, told, [paying.pop()] if paying else [])
    later: list[Doing] = [
        *_placing(world, second, window, NOW + HOLDS_END),
        *paying,
        *(partial(_give_up, world, buyer) for buyer in first if buyer.then == "give_up" and buyer.placed),
        *[partial(_release, world, NOW + HOLDS_END)] * 3,
    ]
    if shape.called_off:
        later.append(partial(_call_off, world, window))
    _at_once(world, random, told, later)
    ends: list[Doing] = [*_paying(world, first, began, late=True), *[partial(_release, world, NOW + EXTENDED_END)] * 3]
    _at_once(world, random, told, ends)
    while _release(world, NOW + LONG_AFTER):
        pass
    _judge(world, shape, [*first, *second], told)


def _shape(random: Random) -> Shape:
    scarce = random.choice(("stock", "places", "doors", "all"))
    few, many = partial(random.randint, 1, 12), partial(random.randint, 60, 99)
    return Shape(
        {product: few() if scarce in ("stock", "all") else many() for product in GOODS},
        few() if scarce in ("places", "all") else many(),
        few() if scarce in ("doors", "all") else many(),
        random.random() < 0.1,
    )


def _open_run(conn: Connection, shape: Shape, random: Random) -> int:
    """Empty the books and make one run; returns its window."""
    conn.execute(text(EMPTY))
    times = {
        "order_by": NOW + timedelta(hours=13),
        "load_from": NOW + timedelta(hours=28),
        "load_until": NOW + timedelta(hours=30),
        "removal_from": NOW + timedelta(hours=52),
    }
    run_no = conn.execute(
        text(
            "INSERT INTO load_run (site_id, kind, local_date, order_by, load_from, load_until, removal_from)"
            " VALUES ('osmanthus', 'evening', '2026-11-24', :order_by, :load_from, :load_until, :removal_from)"
            " RETURNING run_no"
        ),
        times,
    ).scalar_one()
    conn.execute(
        text(
            "INSERT INTO run_capacity (run_no, zone, size_or_larger, total)"
            " SELECT :run, c.zone, s.size, least(:doors, count(*) * 9) FROM compartment c"
            " JOIN (VALUES ('S', 1), ('M', 2), ('L', 3), ('XL', 4)) AS s(size, n)"
            " ON s.n <= CASE c.size WHEN 'S' THEN 1 WHEN 'M' THEN 2 WHEN 'L' THEN 3 ELSE 4 END"
            " WHERE c.site_id = 'osmanthus' GROUP BY c.zone, s.size"
        ),
        {"run": run_no, "doors": shape.doors},
    )
    stock = [{"run": run_no, "product": product, "total": total} for product, total in shape.stock.items()]
    random.shuffle(stock)
    conn.execute(text("INSERT INTO run_stock (run_no, product_id, total) VALUES (:run, :product, :total)"), stock)
    window = "INSERT INTO pickup_window (run_no, opens_at, closes_at, order_cap) VALUES (:run, :opens, :closes, :cap)"
    at = {"opens": NOW + timedelta(hours=31), "closes": NOW + timedelta(hours=33), "cap": shape.places}
    found: int = conn.execute(text(f"{window} RETURNING id"), {"run": run_no, **at}).scalar_one()
    return found


def _buyers(random: Random, people: Sequence[str], name: str) -> list[Buyer]:
    wants = random.sample(people, random.randint(4, len(people)))
    ways = ("pay", "pay", "pay_twice", "pay_late", "give_up", "leave")
    return [
        Buyer(person, f"key-{name}-{n}", _basket(random), random.choice((1, 1, 1, 2, 5)), random.choice(ways))
        for n, person in enumerate(wants)
    ]


def _basket(random: Random) -> list[BasketLine]:
    chosen = random.sample(GOODS, random.randint(1, 3))
    return [BasketLine(product, random.randint(1, 4)) for product in chosen]


Doing = Callable[[], object]


def _at_once(world: World, random: Random, told: Told, doings: Sequence[Doing]) -> None:
    shuffled = random.sample(list(doings), len(doings))
    for error in world.threads.map(_attempt, shuffled):
        if isinstance(error, DomainError):
            told.refusals[error.code] += 1
        elif error is not None:
            told.failures.append(f"{type(error).__name__}: {error}"[:1500])


def _attempt(doing: Doing) -> Exception | None:
    try:
        doing()
    except Exception as error:  # noqa: BLE001  a 500 to somebody: it is counted
        return error
    return None


def _placing(world: World, buyers: Sequence[Buyer], window: int, now: datetime) -> list[Doing]:
    return [partial(_place, world, buyer, window, now) for buyer in buyers for _ in range(buyer.copies)]


def _place(world: World, buyer: Buyer, window: int, now: datetime) -> None:
    try:
        with transaction(world.engine) as conn:
            placed = place_order(
                conn,
                person_id=buyer.person,
                window_id=window,
                lines=buyer.lines,
                idempotency_key=buyer.key,
                low_door=False,
                now=now,
            )
    except DomainError as refusal:
        buyer.answers.append(refusal)
        raise
    buyer.answers.append(placed)


def _begin(world: World, told: Told, buyers: Sequence[Buyer]) -> dict[str, str]:
    """All of them begin to pay, twice at once; returns the provider's reference of each."""
    began: dict[str, str] = {}

    def begin(buyer: Buyer) -> None:
        assert buyer.placed is not None
        url = start_payment(
            world.engine,
            world.provider,
            order_id=buyer.placed.order_id,
            person_id=buyer.person,
            return_url="http://127.0.0.1/en/orders/x",
            now=NOW + PAYING,
        )
        ref = urlsplit(url).path.rsplit("/", 1)[1]
        if began.setdefault(buyer.key, ref) != ref:
            told.duplicates.append(f"order {buyer.placed.order_id} has two charges")

    _at_once(world, Random(0), told, [partial(begin, buyer) for buyer in buyers for _ in range(2)])
    return began


def _paying(world: World, buyers: Sequence[Buyer], began: dict[str, str], *, late: bool) -> list[Doing]:
    """Messages of the provider that a charge was captured, twice each where somebody pays twice as it were."""
    chosen = [b for b in buyers if b.key in began and (b.then == "pay_late") == late]
    now = NOW + (EXTENDED_END if late else HOLDS_END)

    def pay(ref: str) -> None:
        world.provider.decide(ref, paid=True)
        settle_payment(world.engine, world.provider, provider_ref=ref, now=now, settings=world.settings)

    return [partial(pay, began[b.key]) for b in chosen for _ in range(3 if b.then == "pay_twice" else 1)]


def _give_up(world: World, buyer: Buyer) -> None:
    assert buyer.placed is not None
    with transaction(world.engine) as conn:
        give_up_order(conn, order_id=buyer.placed.order_id, person_id=buyer.person, now=NOW + PAYING)


def _release(world: World, now: datetime) -> int:
    with transaction(world.engine) as conn:
        return release_holds(conn, now=now, limit=100)


def _call_off(world: World, window: int) -> None:
    with transaction(world.engine) as conn:
        run_no = conn.execute(text("SELECT run_no FROM pickup_window WHERE id = :id"), {"id": window}).scalar_one()
        call_off_run(conn, run_no=run_no, actor="clock", now=NOW + HOLDS_END, settings=world.settings)


def _judge(world: World, shape: Shape, buyers: Sequence[Buyer], told: Told) -> None:
    told.trials += 1
    told.answers += sum(len(buyer.answers) for buyer in buyers)
    for buyer in buyers:
        _judge_answers(buyer, shape, told)
    with transaction(world.engine) as conn:
        states = conn.execute(text("SELECT state, count(*) AS orders FROM customer_order GROUP BY state")).all()
        told.ended.update({row.state: row.orders for row in states})
        told.orders += sum(row.orders for row in states)
        told.duplicates.extend(conn.execute(text(DUPLICATES)).scalars())
        told.oversold.extend(conn.execute(text(OVERSOLD)).scalars())
        told.stuck_holds.extend(conn.execute(text(STUCK)).scalars())
        findings = audit(conn, Moment(NOW + EXTENDED_END))
    told.audit.extend(f"{each.invariant}: {example}" for each in findings for example in each.examples)
    answered = {buyer.placed.order_id for buyer in buyers if buyer.placed}
    if len(answered) != sum(row.orders for row in states):
        told.duplicates.append(f"{sum(row.orders for row in states)} orders, {len(answered)} people were told of one")


def _judge_answers(buyer: Buyer, shape: Shape, told: Told) -> None:
    """Under one key everybody who got an order got the same; a refusal says less is left than was wanted."""
    if len({answer for answer in buyer.answers if isinstance(answer, PlacedOrder)}) > 1:
        told.duplicates.append(f"key {buyer.key} was answered with several orders")
    for answer in buyer.answers:
        if isinstance(answer, SoldOut):
            told.failures.extend(
                f"{short.product_id}: {short.left} left of {shape.stock[short.product_id]}, {short.wanted} wanted"
                for short in answer.shortages
                if not 0 <= short.left < short.wanted
            )


# What people were promised, counted from their orders and not from the counters that should have stopped it.
LIVE = "o.state IN ('awaiting_payment', 'paid')"
DUPLICATES = """
    SELECT 'order ' || order_id || ' was paid ' || count(*) || ' times' FROM history
    WHERE subject = 'order' AND to_state = 'paid' AND from_state <> 'paid' GROUP BY order_id HAVING count(*) > 1
    UNION ALL
    SELECT 'order ' || order_id || ' has ' || count(*) || ' captures' FROM payment WHERE state = 'captured'
    GROUP BY order_id HAVING count(*) > 1
"""
OVERSOLD = f"""
    SELECT 'stock of ' || s.product_id FROM run_stock s JOIN order_line l USING (product_id)
    JOIN customer_order o ON o.id = l.order_id AND o.run_no = s.run_no WHERE {LIVE}
    GROUP BY s.run_no, s.product_id HAVING sum(l.quantity) > s.total
    UNION ALL
    SELECT 'window ' || w.id FROM pickup_window w JOIN customer_order o ON o.window_id = w.id WHERE {LIVE}
    GROUP BY w.id HAVING count(*) > w.order_cap
    UNION ALL
    SELECT 'doors ' || c.zone || ' ' || c.size_or_larger FROM run_capacity c
    JOIN capacity_hold h USING (run_no, zone, size_or_larger) JOIN customer_order o ON o.id = h.order_id WHERE {LIVE}
    GROUP BY c.run_no, c.zone, c.size_or_larger HAVING sum(h.count) > c.total
    UNION ALL
    SELECT 'door ' || p.planned_doors[1] || ' is planned for ' || count(*) FROM parcel p
    WHERE p.state = 'planned' AND p.planned_doors <> '{{}}' GROUP BY p.planned_doors[1] HAVING count(*) > 1
"""  # noqa: S608  constants
STUCK = f"""
    SELECT 'order ' || id || ' still waits for money' FROM customer_order WHERE state = 'awaiting_payment'
    UNION ALL
    SELECT 'stock of ' || s.product_id || ': ' || s.taken FROM run_stock s WHERE s.taken <> (
        SELECT coalesce(sum(l.quantity), 0) FROM order_line l JOIN customer_order o ON o.id = l.order_id
        WHERE o.run_no = s.run_no AND l.product_id = s.product_id AND {LIVE}
    )
    UNION ALL
    SELECT 'window ' || w.id || ': ' || w.orders_taken FROM pickup_window w WHERE w.orders_taken <> (
        SELECT count(*) FROM customer_order o WHERE o.window_id = w.id AND {LIVE}
    )
    UNION ALL
    SELECT 'doors ' || c.zone || ' ' || c.size_or_larger || ': ' || c.taken FROM run_capacity c WHERE c.taken <> (
        SELECT coalesce(sum(h.count), 0) FROM capacity_hold h JOIN customer_order o ON o.id = h.order_id
        WHERE h.run_no = c.run_no AND h.zone = c.zone AND h.size_or_larger = c.size_or_larger AND {LIVE}
    )
"""  # noqa: S608


def measure(trials: int, seed_: int) -> dict[str, object]:
    """All trials on a PostgreSQL of their own, as the results keep them."""
    began, measured = time.perf_counter(), commit()
    with (
        tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder,
        running_postgres(Path(folder), durable=False) as url,  # races are lost by locks, not by the disk
    ):
        engine = make_engine(url, pool_size=2 * AT_ONCE)
        furnish(engine)
        told = run_trials(engine, trials=trials, seed_=seed_)
        engine.dispose()
    return {
        "what": f"python -m benchmarks.races --trials {trials} --seed {seed_}",
        "commit": measured,
        "machine": machine(),
        "at_once": AT_ONCE,
        **told.as_json(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def commit() -> str:
    """The commit that was measured."""
    asked = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def machine() -> str:
    """What it ran on: kind and cores, no name."""
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"


def main() -> int:
    """Run, print, write; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found = measure(asked.trials, asked.seed)
    words = json.dumps(found, indent=1)
    print(words)
    if asked.json:
        asked.json.write_text(words + "\n", encoding="utf-8")
    return int(found["violations"] != 0)


if __name__ == "__main__":
    sys.exit(main())
