"""Thousands of payments against the sandbox provider at its worst, in virtual time, and both sides' books afterwards.

python -m benchmarks.hostile_payments --payments 10000 --seed 1 [--json out.json]

Every message comes five times, half of the copies up to three days late, a fifth of the messages never; strangers send
forged ones; a twentieth of all calls has no answer, done or not; a fifth of the refunds is refused for now. People pay
late, after having declined, or not at all, and staff press twice. When all is quiet the ledger, our rows and the
provider's must agree to the last unit. The same seed does the same.
"""

import argparse
import heapq
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Engine, create_engine, text

from app.db.engine import transaction
from app.db.migrate import upgrade_schema
from app.demo.child import Child
from app.demo.ports import free_port
from app.demo.postgres import EmbeddedPostgres
from app.domain.basket import BasketLine
from app.domain.errors import DomainError
from app.domain.refunding import RefundCause
from app.payments.provider import Unavailable, WebhookForged
from app.payments.sandbox import SandboxProvider
from app.payments.sandbox_faults import NO_FAULTS, SandboxFaults
from app.settings import Settings
from app.use_cases.audit.money import refunds_never_exceed_captures, the_ledger_balances
from app.use_cases.audit.rule import Moment
from app.use_cases.money.decide_refund import decide_refund
from app.use_cases.money.hear_webhook import hear_webhook
from app.use_cases.money.poll_payments import poll_payments
from app.use_cases.money.reconcile import reconcile, reconcile_due
from app.use_cases.money.send_refunds import send_refunds
from app.use_cases.money.start_payment import start_payment
from app.use_cases.ordering.open_runs import open_runs
from app.use_cases.ordering.place_order import place_order
from app.use_cases.ordering.release_holds import release_holds
from locker_protocol.clock import Clock
from locker_protocol.ids import RandomBytes, random_id
from tests.use_cases.cast import NOW, RETURN_URL, SITE, Shop, add_people, open_shop

log = structlog.get_logger("hostile_payments")

DAY = timedelta(days=1)
PEOPLE_COME_FOR = 2 * DAY
QUIET_WITHIN = 6 * DAY
TICK, SLOW_TICK = timedelta(minutes=2), timedelta(minutes=15)
ORDERS_A_RUN = 60
FAULTS = SandboxFaults(
    copies=5, lost=0.2, late=0.5, late_s=round((3 * DAY).total_seconds()), forged=0.3, unknown=0.05, refund_fails=0.2
)

ProviderOf = Callable[[Engine, Clock, Settings, RandomBytes], SandboxProvider]

QUIET = text("""
    SELECT NOT EXISTS (SELECT FROM sandbox_message)
        AND NOT EXISTS (SELECT FROM refund WHERE done_at IS NULL AND failed IS NULL)
        AND NOT EXISTS (SELECT FROM customer_order WHERE state = 'awaiting_payment')
        AND NOT EXISTS (
            SELECT FROM payment p JOIN sandbox_charge c ON c.idempotency_key = p.id
            WHERE p.state = 'open' AND c.state = 'captured'
        )
""")
# Each is a sentence that must have no rows.
WRONG: Mapping[str, str] = {
    "captured there, not once here": (
        "SELECT c.ref FROM sandbox_charge c LEFT JOIN payment p ON p.provider_ref = c.ref AND p.state = 'captured'"
        " AND p.amount_minor = c.amount_minor AND p.currency = c.currency WHERE c.state = 'captured'"
        " GROUP BY c.ref HAVING count(p.id) <> 1"
    ),
    "captured here, not there": (
        "SELECT p.id FROM payment p LEFT JOIN sandbox_charge c ON c.ref = p.provider_ref AND c.state = 'captured'"
        " WHERE p.state = 'captured' AND c.ref IS NULL"
    ),
    "an order paid with more than one payment": (
        "SELECT p.order_id FROM payment p WHERE p.state = 'captured' AND NOT EXISTS (SELECT FROM refund r"
        " WHERE r.payment_id = p.id AND r.cause IN ('late_payment', 'second_payment'))"
        " GROUP BY p.order_id HAVING count(*) > 1"
    ),
    "given back there, not once here": (
        "SELECT s.ref FROM sandbox_refund s LEFT JOIN refund r ON r.provider_ref = s.ref AND r.done_at IS NOT NULL"
        " AND r.amount_minor = s.amount_minor GROUP BY s.ref HAVING count(r.id) <> 1"
    ),
    "given back here, not there": (
        "SELECT r.id FROM refund r LEFT JOIN sandbox_refund s ON s.ref = r.provider_ref"
        " WHERE r.done_at IS NOT NULL AND s.ref IS NULL"
    ),
    "a refund that is not done": "SELECT id FROM refund WHERE done_at IS NULL",
    "a decision that became two refunds": (
        "SELECT order_id FROM refund WHERE cause = 'staff' GROUP BY order_id, cause_key HAVING count(*) > 1"
    ),
    "an order that waits": "SELECT id FROM customer_order WHERE state = 'awaiting_payment'",
    "a difference that waits for a person": "SELECT subject FROM payment_difference WHERE state = 'found'",
    "the books' balance is not the provider's": (
        "SELECT ours FROM (SELECT coalesce(sum(amount_minor), 0) AS ours FROM ledger_entry"
        " WHERE account IN ('provider_clearing', 'refunds')) l, (SELECT coalesce(sum(amount_minor - refunded_minor), 0)"
        " AS theirs FROM sandbox_charge WHERE state = 'captured') c WHERE ours <> theirs"
    ),
    "the ledger's sum": "SELECT s FROM (SELECT sum(amount_minor) AS s FROM ledger_entry) l WHERE s <> 0",
}
FIGURES: Mapping[str, str] = {
    "orders": "SELECT count(*) FROM customer_order",
    "charges": "SELECT count(*) FROM sandbox_charge",
    "captured": "SELECT count(*) FROM payment WHERE state = 'captured'",
    "refunds": "SELECT count(*) FROM refund WHERE done_at IS NOT NULL",
    "late_payments_taken_again": (
        "SELECT count(*) FROM history WHERE subject = 'order' AND from_state = 'released' AND to_state = 'paid'"
    ),
    "late_payments_given_back": "SELECT count(*) FROM refund WHERE cause = 'late_payment'",
    "second_payments_given_back": "SELECT count(*) FROM refund WHERE cause = 'second_payment'",
    "messages_kept": "SELECT count(*) FROM payment_webhook",
    "comparisons": "SELECT count(*) FROM reconciliation",
    "differences_put_right": "SELECT count(*) FROM payment_difference WHERE state = 'healed'",
    "ledger_entries": "SELECT count(*) FROM ledger_entry",
    "captured_minor": "SELECT coalesce(sum(amount_minor), 0)::bigint FROM payment WHERE state = 'captured'",
    "given_back_minor": "SELECT coalesce(sum(amount_minor), 0)::bigint FROM refund WHERE done_at IS NOT NULL",
    "ledger_difference_minor": "SELECT coalesce(sum(amount_minor), 0)::bigint FROM ledger_entry",
}
SLOWEST = text("""
    SELECT coalesce(max(extract(epoch FROM e.at - c.decided_at)), 0) / 60 FROM ledger_entry e
    JOIN payment p ON e.transaction_id = 'capture-' || p.id JOIN sandbox_charge c ON c.ref = p.provider_ref
""")


@dataclass(slots=True)
class World:
    """A shop, its provider at its worst, and what people and time do to both. `due` holds what happens when."""

    shop: Shop
    provider: SandboxProvider
    dice: random.Random
    people: list[str]
    runs: list[int]
    counts: Counter[str] = field(default_factory=Counter)
    due: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    told: int = 0

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.shop.clock.civil

    def after(self, seconds: float, doing: Callable[[], None]) -> None:
        """Let something happen later."""
        self.told += 1
        heapq.heappush(self.due, (self.now + timedelta(seconds=seconds), self.told, doing))

    def live_until(self, end: datetime, tick: timedelta) -> None:
        """Let time pass; the worker's duties come around at each tick."""
        while self.now < end:
            turn = self.now + tick
            while self.due and self.due[0][0] <= turn:
                at, _, doing = heapq.heappop(self.due)
                self.shop.clock.civil = max(at, self.now)
                doing()
            self.shop.clock.civil = turn
            self.worker()

    def worker(self) -> None:
        """What `app.deadlines` does about money."""
        asked: dict[str, Any] = {"now": self.now}
        with transaction(self.shop.engine) as conn:
            release_holds(conn, **asked)
        poll_payments(self.shop.engine, self.provider, random=self.dice.randbytes, **asked, settings=self.shop.settings)
        send_refunds(self.shop.engine, self.provider, **asked)
        while self.provider.deliver_due(post=self.hear):
            pass
        if self.now.minute < TICK / timedelta(minutes=1):
            self.counts["differences"] += reconcile_due(
                self.shop.engine, self.provider, random=self.dice.randbytes, **asked, settings=self.shop.settings
            )

    def hear(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """The service's door for messages."""
        try:
            is_new = hear_webhook(
                self.shop.engine,
                self.provider,
                body=body,
                headers=headers,
                now=self.now,
                random=self.dice.randbytes,
                settings=self.shop.settings,
            )
        except WebhookForged:
            self.counts["messages_forged"] += 1
            return False
        self.counts["messages_first" if is_new else "messages_again"] += 1
        return True

    def come(self) -> None:
        """Somebody orders and goes to pay."""
        person = self.dice.choice(self.people)
        with transaction(self.shop.engine) as conn:
            window = conn.execute(
                text("SELECT id FROM pickup_window WHERE run_no = :run ORDER BY id LIMIT 1"),
                {"run": self.dice.choice(self.runs)},
            ).scalar_one()
        goods = self.dice.sample(("milk", "tomatoes", "tomatoes", "bananas", "dumplings", "potatoes"), 2)
        lines = [BasketLine(product, self.dice.choice((1, 1, 2))) for product in sorted(set(goods))]
        try:
            with transaction(self.shop.engine) as conn:
                order = place_order(
                    conn,
                    person_id=person,
                    lines=lines,
                    window_id=window,
                    idempotency_key=random_id(self.dice.randbytes),
                    low_door=False,
                    now=self.now,
                    random=self.dice.randbytes,
                )
        except DomainError as refusal:
            self.counts[f"refused_{refusal.code}"] += 1
            self.after(1, self.come)
            return
        self.pay(order.order_id, person, tries=4)

    def pay(self, order_id: str, person: str, *, tries: int) -> None:
        """Go to the provider's page; without an answer, press again."""
        try:
            url = start_payment(
                self.shop.engine,
                self.provider,
                order_id=order_id,
                person_id=person,
                return_url=RETURN_URL,
                now=self.now,
                random=self.dice.randbytes,
            )
        except Unavailable:
            self.counts["starts_without_answer"] += 1
            if tries:
                self.after(20, lambda: self.pay(order_id, person, tries=tries - 1))
            return
        except DomainError as refusal:
            self.counts[f"not_started_{refusal.code}"] += 1
            return
        self.decide_later(urlsplit(url).path.rsplit("/", 1)[1], order_id, person)

    def decide_later(self, ref: str, order_id: str, person: str) -> None:
        """Most pay soon, some after their hold, some never; who declined pays again, some in two windows at once."""
        what = self.dice.random()
        soon, late = self.dice.uniform(5, 400), self.dice.uniform(1_300, 4_000)
        if what < 0.80:
            self.after(soon, lambda: self.decide(ref, order_id, paid=True))
        elif what < 0.88:
            self.after(late, lambda: self.decide(ref, order_id, paid=True))
        elif what < 0.92:
            self.counts["walked_away"] += 1
        else:
            self.after(soon, lambda: self.decline(ref, order_id, person))

    def decline(self, ref: str, order_id: str, person: str) -> None:
        """Decline, hear of it by polling or message, and begin again."""
        self.decide(ref, order_id, paid=False)
        self.after(90, lambda: self.pay(order_id, person, tries=1))

    def decide(self, ref: str, order_id: str, *, paid: bool) -> None:
        """Press a button on the provider's page; it tells the service."""
        if not self.provider.decide(ref, paid=paid):
            return
        self.provider.send_webhook(ref, post=self.hear)
        if paid and self.dice.random() < 0.3:
            self.after(self.dice.uniform(3_600, 100_000), lambda: self.give_back(order_id))

    def give_back(self, order_id: str) -> None:
        """Staff decide a refund, and press twice."""
        key = random_id(self.dice.randbytes)
        lines = None if self.dice.random() < 0.3 else {1: self.dice.randint(1, 400)}
        for _ in range(2):
            with transaction(self.shop.engine) as conn:
                decide_refund(
                    conn,
                    order_id=order_id,
                    cause=RefundCause.STAFF,
                    cause_key=f"staff:{key}",
                    lines=lines,
                    actor="staff",
                    now=self.now,
                    random=self.dice.randbytes,
                )

    def is_quiet(self) -> bool:
        """Whether nothing is under way."""
        with transaction(self.shop.engine) as conn:
            return not self.due and bool(conn.execute(QUIET).scalar_one())


def run(
    engine: Engine,
    *,
    payments: int,
    seed: int,
    provider_of: ProviderOf | None = None,
    faults: SandboxFaults = FAULTS,
) -> dict[str, Any]:
    """Live through it in an empty database; what is found wrong stands under `violations`."""
    world = _world(engine, payments, seed, provider_of or _sandbox)
    world.provider.switch(faults)
    for _ in range(payments):
        world.after(world.dice.uniform(0, PEOPLE_COME_FOR.total_seconds()), world.come)
    while world.now < NOW + PEOPLE_COME_FOR + timedelta(hours=2):
        world.live_until(world.now + timedelta(hours=1), TICK)
        log.info("an_hour_passed", now=world.now.isoformat(), **world.counts)
    end = world.now + QUIET_WITHIN
    while not world.is_quiet() and world.now < end:
        world.live_until(world.now + timedelta(hours=6), SLOW_TICK)
    world.live_until(world.now + timedelta(hours=26), timedelta(hours=1))
    world.provider.switch(NO_FAULTS)
    last = reconcile(
        engine, world.provider, since=NOW - DAY, until=world.now, now=world.now, settings=world.shop.settings
    )
    return _judged(engine, world, last.found)


def _sandbox(engine: Engine, clock: Clock, settings: Settings, dice: RandomBytes) -> SandboxProvider:
    return SandboxProvider(engine, clock, settings, random=dice)


def _world(engine: Engine, payments: int, seed: int, provider_of: ProviderOf) -> World:
    shop = open_shop(engine)
    dice = random.Random(seed)
    weeks = payments // ORDERS_A_RUN + 2
    with transaction(engine) as conn:
        open_runs(conn, now=NOW, days_ahead=7 * weeks)
        conn.execute(text("UPDATE run_capacity SET total = 10000"))
        conn.execute(text("UPDATE pickup_window SET order_cap = 10000"))
        after = NOW + PEOPLE_COME_FOR + DAY
        runs = conn.execute(
            text("SELECT run_no FROM load_run WHERE site_id = :site AND order_by > :after ORDER BY 1"),
            {"site": SITE, "after": after},
        )
        run_nos = list(runs.scalars())
    people = add_people(engine, 100)
    return World(shop, provider_of(engine, shop.clock, shop.settings, dice.randbytes), dice, people, run_nos)


def _judged(engine: Engine, world: World, found_last: int) -> dict[str, Any]:
    with transaction(engine) as conn:
        wrong = {name: list(conn.execute(text(sql)).scalars())[:5] for name, sql in WRONG.items()}
        moment = Moment(world.now)
        wrong["audit I8"] = list(the_ledger_balances(conn, moment))[:5]
        wrong["audit I9"] = list(refunds_never_exceed_captures(conn, moment))[:5]
        figures = {name: conn.execute(text(sql)).scalar_one() for name, sql in FIGURES.items()}
        slowest = float(conn.execute(SLOWEST).scalar_one())
    if found_last:
        wrong["found by the last comparison, without faults"] = [found_last]
    return {
        "virtual_days": round((world.now - NOW) / DAY, 1),
        **figures,
        **dict(sorted(world.counts.items())),
        "slowest_capture_to_books_min": round(slowest, 1),
        "violations": {name: rows for name, rows in wrong.items() if rows},
    }


@contextmanager
def running_database() -> Iterator[Engine]:
    """A database of its own, empty."""
    with tempfile.TemporaryDirectory(prefix="caibox-hostile-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server runs as somebody else where root may not
        server = EmbeddedPostgres(folder / "data", free_port(), folder / "log", random_id(), random_id(), durable=False)
        server.prepare()
        child = Child(server.command())
        try:
            while not server.command().ready():
                time.sleep(0.05)
            server.make_database()
            upgrade_schema(server.url)
            engine = create_engine(server.url)
            yield engine
            engine.dispose()
        finally:
            child.kill()


def only_hours(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """Write a line an hour of virtual time, and nothing of what the service says of each payment."""
    if event["event"] != "an_hour_passed":
        raise structlog.DropEvent
    return f"{event['now']}: {event['messages_first']} messages heard first"


def main() -> int:
    """Run, print, write; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[only_hours],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    began = time.monotonic()
    with running_database() as engine:
        figures = run(engine, payments=asked.payments, seed=asked.seed)
    figures = {"payments": asked.payments, "seed": asked.seed, **figures, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(figures, indent=1))
    if asked.json is not None:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if figures["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
