"""The cast of these tests: a small wall, a few goods, one evening run, and people; and short names for what they do.

Doors: chilled 3 S + 1 M + 1 L, cool 2 S, ambient 1 L, frozen 2 S. The run loads on 24 November 14:00 in Suzhou; orders
end the evening before at 23:00.
"""

import base64
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, Engine, insert, text

from app.db import tables
from app.db.engine import transaction
from app.domain.basket import BasketLine
from app.domain.calendar import Calendar, DayTime, RunRule, WindowRule
from app.payments.provider import WebhookEvent
from app.payments.sandbox import SandboxProvider
from app.settings import Settings, settings_from
from app.use_cases.money.record_webhook import record_webhook
from app.use_cases.money.send_refunds import send_refunds
from app.use_cases.money.settle_payment import settle_payment
from app.use_cases.money.start_payment import start_payment
from app.use_cases.ordering.open_runs import open_runs
from app.use_cases.ordering.place_order import PlacedOrder, place_order
from app.use_cases.packing.pack_parcel import pack_parcel
from locker_protocol.clock import Now
from locker_protocol.codec import decode
from locker_protocol.site_entries import Entry
from locker_protocol.vocabulary import SizeClass, Zone

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
LOAD_FROM = datetime(2026, 11, 24, 6, tzinfo=UTC)
ORDER_BY = datetime(2026, 11, 23, 15, tzinfo=UTC)
REMOVAL_FROM = datetime(2026, 11, 25, 5, 30, tzinfo=UTC)
SITE, OTHER_SITE = "osmanthus", "sunny"
ALICE, BOB, PICKER = "a" * 32, "b" * 32, "c" * 32
RETURN_URL = "http://127.0.0.1:8000/en/orders/x"

VOLUMES = {SizeClass.S: 18_000, SizeClass.M: 21_000, SizeClass.L: 27_000}
WALL = (
    *[(Zone.CHILLED, SizeClass(size)) for size in "SSSML"],
    *[(Zone.COOL, SizeClass.S)] * 2,
    (Zone.AMBIENT, SizeClass.L),
    *[(Zone.FROZEN, SizeClass.S)] * 2,
)

# id: zone, tolerates, litres, price, cap, life, flags, stock a run
GOODS: Mapping[str, tuple[Zone, dict[str, int], float, int, int | None, int, list[str], int]] = {
    "milk": (Zone.CHILLED, {}, 1.2, 1380, None, 168, [], 99),
    "pak-choi": (Zone.CHILLED, {"cool": 2}, 3.0, 390, None, 72, [], 99),
    "pork": (Zone.CHILLED, {}, 0.8, 1980, 2178, 48, ["seal_apart"], 99),
    "tomatoes": (Zone.COOL, {"chilled": 6}, 1.2, 590, None, 144, [], 10),
    "bananas": (Zone.COOL, {}, 2.5, 590, None, 96, [], 99),
    "potatoes": (Zone.AMBIENT, {"cool": -1, "chilled": -1}, 1.3, 360, None, 336, [], 99),
    "dumplings": (Zone.FROZEN, {}, 1.8, 1690, None, 8760, [], 99),
    "oysters": (Zone.CHILLED, {}, 1.0, 3900, None, 4, [], 99),
    "crabs": (Zone.CHILLED, {}, 3.0, 12800, None, 24, ["live"], 99),
    "canoe": (Zone.AMBIENT, {}, 26.0, 99900, None, 9999, [], 99),
}

# Sold in portions of 500 g.
WEIGHED = ("potatoes", "pak-choi")


class SetClock:
    """A clock that stands where a test put it."""

    def __init__(self) -> None:
        self.civil = NOW

    def now(self) -> Now:
        return Now(round(self.civil.timestamp() * 1000), 0)


@dataclass
class Shop:
    """The order service without its web: an engine, a provider, and the day's verbs."""

    engine: Engine
    settings: Settings
    clock: SetClock
    provider: SandboxProvider
    window_id: int
    late_window_id: int
    run_no: int

    def order(
        self, *wanted: tuple[str, int], person: str = ALICE, key: str | None = None, **changes: Any
    ) -> PlacedOrder:
        """Place an order for the early window."""
        asked: dict[str, Any] = {"window_id": self.window_id, "low_door": False, "now": NOW, **changes}
        lines = [BasketLine(product, quantity) for product, quantity in (wanted or (("milk", 1),))]
        with transaction(self.engine) as conn:
            return place_order(
                conn, person_id=person, lines=lines, idempotency_key=key or f"key-{person}-{self.next()}", **asked
            )

    def next(self) -> int:
        """A number that did not appear before."""
        found: int = self.one("SELECT nextval('order_number')")
        return found

    def start(self, order: PlacedOrder, *, person: str = ALICE, now: datetime = NOW) -> str:
        """Begin to pay; the provider's reference."""
        url = start_payment(
            self.engine, self.provider, order_id=order.order_id, person_id=person, return_url=RETURN_URL, now=now
        )
        return urlsplit(url).path.rsplit("/", 1)[1]

    def settle(self, ref: str, *, now: datetime = NOW) -> None:
        settle_payment(self.engine, self.provider, provider_ref=ref, now=now, settings=self.settings)

    def send_refunds(self, *, now: datetime = NOW) -> int:
        return send_refunds(self.engine, self.provider, now=now)

    def paid(self, *wanted: tuple[str, int], person: str = ALICE, **changes: Any) -> PlacedOrder:
        """Place an order and pay it."""
        order = self.order(*wanted, person=person, **changes)
        ref = self.start(order, person=person)
        self.provider.decide(ref, paid=True)
        self.settle(ref)
        return order

    def packed(self, *wanted: tuple[str, int], person: str = ALICE, **changes: Any) -> PlacedOrder:
        """Place, pay and pack an order."""
        order = self.paid(*wanted, person=person, **changes)
        for parcel in self.parcels(order):
            self.pack(parcel.id)
        return order

    def pack(self, parcel_id: str, *, now: datetime = LOAD_FROM) -> None:
        with transaction(self.engine) as conn:
            pack_parcel(conn, parcel_id=parcel_id, person_id=PICKER, now=now, settings=self.settings)

    def hear(self, ref: str) -> bool:
        """A webhook arrives and is stored."""
        body, headers = self.provider.webhook(ref)
        event: WebhookEvent = self.provider.read_webhook(body, headers)
        with transaction(self.engine) as conn:
            return record_webhook(conn, provider="sandbox", event=event, body=body, now=self.clock.civil)

    def balances(self) -> dict[str, int]:
        """What stands on each account, without those that stand at zero; all together it is nothing."""
        rows = self.rows("SELECT account, sum(amount_minor)::bigint AS s FROM ledger_entry GROUP BY account")
        found = {row.account: int(row.s) for row in rows}
        assert sum(found.values()) == 0
        return {account: amount for account, amount in found.items() if amount}

    def one(self, sql: str, **values: Any) -> Any:
        """A single value."""
        with self.engine.begin() as conn:
            return conn.execute(text(sql), values).scalar_one()

    def rows(self, sql: str, **values: Any) -> Any:
        """Rows, which compare with plain tuples."""
        with self.engine.begin() as conn:
            return conn.execute(text(sql), values).all()

    def run_sql(self, sql: str, **values: Any) -> None:
        with self.engine.begin() as conn:
            conn.execute(text(sql), values)

    def state(self, order: PlacedOrder) -> str:
        found: str = self.one("SELECT state FROM customer_order WHERE id = :id", id=order.order_id)
        return found

    def parcels(self, order: PlacedOrder) -> list[Any]:
        return list(self.rows("SELECT * FROM parcel WHERE order_id = :id ORDER BY ref", id=order.order_id))

    def entries(self) -> list[Entry]:
        """What the gateways are told."""
        return [decode(bytes(row.entry), Entry) for row in self.rows("SELECT entry FROM outbox ORDER BY id")]

    def taken(self) -> dict[str, Any]:
        """Everything that is held of the run."""
        return {
            "stock": dict(self.rows("SELECT product_id, taken FROM run_stock WHERE taken > 0 ORDER BY 1")),
            "doors": {
                (zone, size): taken
                for zone, size, taken in self.rows(
                    "SELECT zone, size_or_larger, taken FROM run_capacity WHERE taken > 0"
                )
            },
            "places": self.one("SELECT sum(orders_taken) FROM pickup_window"),
        }

    def everything(self) -> dict[str, list[Any]]:
        """All rows of all tables, to show that nothing changed."""
        with self.engine.begin() as conn:
            return {
                table.name: sorted(conn.execute(table.select()).all(), key=repr)
                for table in tables.metadata.sorted_tables
            }


def at_once(*doings: Any, workers: int = 16) -> list[Any]:
    """Do all of them in parallel; an exception is a result too."""

    def attempt(doing: Any) -> Any:
        try:
            return doing()
        except Exception as error:  # noqa: BLE001  the test looks at it
            return error

    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(attempt, doings))


def open_shop(engine: Engine) -> Shop:
    """Write the cast into an empty database."""
    with engine.begin() as conn:
        _write_sites(conn)
        _write_goods(conn)
        _write_people(conn)
        open_runs(conn, now=NOW, days_ahead=1)
        windows = conn.execute(
            text(
                "SELECT w.id, w.run_no FROM pickup_window w JOIN load_run USING (run_no) WHERE site_id = :s ORDER BY 1"
            ),
            {"s": SITE},
        ).all()
    key = base64.b64encode(b"k" * 32).decode()
    settings = settings_from(
        {
            "DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "CAIBOX_UPLINK_URL": "mqtt://127.0.0.1:1",
            "CAIBOX_SECRET_KEY": "secret",
            "CAIBOX_SIGNING_KEYS": f"1:{key}",
            "CAIBOX_SANDBOX_SECRET": "sandbox",
            "CAIBOX_PUBLIC_URL": "http://127.0.0.1:1",
        }
    )
    clock = SetClock()
    provider = SandboxProvider(engine, clock, settings)
    return Shop(engine, settings, clock, provider, windows[0].id, windows[1].id, windows[0].run_no)


def add_people(engine: Engine, count: int) -> list[str]:
    """More residents."""
    people = [f"{number:032x}" for number in range(1, count + 1)]
    with engine.begin() as conn:
        conn.execute(
            insert(tables.person),
            [{"id": person, "mail": f"{person}@x.example", "created_at": NOW} for person in people],
        )
    return people


def _write_sites(conn: Connection) -> None:
    for number, site_id in enumerate((SITE, OTHER_SITE), start=1):
        names = {"name_zh": "桂花苑" if number == 1 else "阳光里", "name_en": "Osmanthus" if number == 1 else "Sunny"}
        conn.execute(
            insert(tables.site).values(
                id=site_id,
                site_no=number,
                address_zh="",
                address_en="",
                timezone="Asia/Shanghai",
                currency="CNY",
                households=100,
                neighbours=[OTHER_SITE if site_id == SITE else SITE],
                **names,
            )
        )
        locker = {
            "id": f"L{number}",
            "site_id": site_id,
            "position": 0,
            "width_mm": 2000,
            "height_mm": 2100,
            "head": {},
        }
        conn.execute(insert(tables.locker).values(**locker, **names))
        conn.execute(
            insert(tables.gateway).values(id=site_id, site_id=site_id, shard="s0", public_key=bytes([number] * 32))
        )
        conn.execute(
            insert(tables.compartment), [_door(site_id, f"L{number}", door) for door in range(1, len(WALL) + 1)]
        )
        calendar = msgspec.to_builtins(_calendar())
        conn.execute(insert(tables.site_calendar).values(site_id=site_id, calendar=calendar))


def _door(site_id: str, locker_id: str, door: int) -> dict[str, Any]:
    zone, size = WALL[door - 1]
    return {
        "site_id": site_id,
        "door": door,
        "locker_id": locker_id,
        "column_no": list(Zone).index(zone) + 1,
        "row_no": door,
        "zone": zone.value,
        "size": size.value,
        "volume_ml": VOLUMES[size],
        "longest_mm": 450,
        "x_mm": 420 * list(Zone).index(zone),
        "y_mm": 300 * door,
        "width_mm": 400,
        "height_mm": 300,
        "sill_mm": 300 * door,
    }


def _calendar() -> Calendar:
    rule = RunRule(
        kind="evening",
        weekdays=(2,),
        order_by=DayTime(-1, time(23)),
        load_from=time(14),
        load_until=time(16, 15),
        removal_from=DayTime(1, time(13, 30)),
        windows=(WindowRule(time(16, 30), time(18, 30), 50), WindowRule(time(18, 30), time(21, 30), 50)),
    )
    return Calendar("Asia/Shanghai", (rule,))


def _write_goods(conn: Connection) -> None:
    conn.execute(insert(tables.category).values(id="all", position=0, name_zh="全部", name_en="All"))
    rows = [
        {
            "id": sku,
            "category_id": "all",
            "position": 0,
            **dict.fromkeys(("name_zh", "name_en", "unit_zh", "unit_en", "origin_zh", "origin_en"), sku),
            **dict.fromkeys(("picture", "search", "tax_code", "food_class"), ""),
            "price_minor": price,
            "cap_minor": cap,
            "zone": zone.value,
            "tolerates": tolerates,
            "life_h": life,
            "volume_ml": round(litres * 1000),
            "longest_mm": 2000 if sku == "canoe" else 300,
            "weight_g": 500,
            "net_g": 500 if cap or sku in WEIGHED else None,
            "flags": flags,
            "stock_a_run": stock,
        }
        for sku, (zone, tolerates, litres, price, cap, life, flags, stock) in GOODS.items()
    ]
    conn.execute(insert(tables.product), rows)


def _write_people(conn: Connection) -> None:
    rows = [
        {"id": ALICE, "mail": "alice@x.example", "language": "en", "role": "resident"},
        {"id": BOB, "mail": "bob@x.example", "language": "zh", "role": "resident"},
        {"id": PICKER, "mail": "picker@x.example", "language": "zh", "role": "picker"},
    ]
    conn.execute(insert(tables.person), [{**row, "created_at": NOW} for row in rows])
