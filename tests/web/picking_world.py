"""Two households' orders on one run, paid by a real payment: greens, meat by weight, berries and frozen goods."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select, text, update

from app.db import tables as t
from app.domain.basket import BasketLine, Substitution
from app.domain.roles import Role
from app.use_cases.ordering.place_order import place_order
from locker_protocol.ids import random_id
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, pay

SCALE = "SZ-0417"
SIMILAR_ORDER = {"pak-choi": 2, "pork-belly": 1, "strawberries": 1, "frozen-dumplings": 1}
REFUND_ORDER = {"pak-choi": 1, "minced-pork": 1}


@contextmanager
def packing_day(engine: Engine, folder: Path) -> Iterator[Day]:
    """A working day with these two orders instead of its own; the first is `day.order_id`'s owner's."""
    with day_at(engine, folder) as day:
        with engine.begin() as conn:
            conn.execute(update(t.parcel).values(state="draft"))
            conn.execute(update(t.customer_order).values(state="released"))
            conn.execute(insert(t.scale).values(id=SCALE, verified_until=date(2027, 6, 30)))
        buy(day, SIMILAR_ORDER, Substitution.SIMILAR)
        buy(day, REFUND_ORDER, Substitution.REFUND)
        yield day


def buy(day: Day, wanted: dict[str, int], substitution: Substitution) -> str:
    """Place an order and let its payment arrive."""
    with day.engine.begin() as conn:
        placed = place_order(
            conn,
            person_id=day.people[Role.RESIDENT],
            window_id=day.window_id,
            lines=[BasketLine(product_id, quantity) for product_id, quantity in wanted.items()],
            idempotency_key=random_id(),
            low_door=False,
            substitution=substitution,
            now=NOW,
        )
        pay(conn, placed.order_id)
        payment = {"id": random_id(), "order_id": placed.order_id, "provider": "sandbox", "provider_ref": random_id()}
        money = {"amount_minor": placed.total_minor, "currency": "CNY", "made_at": NOW, "state": "captured"}
        conn.execute(insert(t.payment).values(**payment, **money))
    return placed.order_id


def order_with(day: Day, substitution: Substitution) -> Any:
    """The order of the one kind or the other."""
    with day.engine.begin() as conn:
        found = t.customer_order.c.substitution == substitution.value
        live = t.customer_order.c.state != "released"
        return conn.execute(select(t.customer_order).where(found, live)).one()


def totes(day: Day, order_id: str) -> dict[str, Any]:
    """An order's parcels by their zone."""
    with day.engine.begin() as conn:
        rows = conn.execute(select(t.parcel).where(t.parcel.c.order_id == order_id))
        return {row.zone: row for row in rows}


def line_of(day: Day, order_id: str, product_id: str) -> Any:
    with day.engine.begin() as conn:
        mine = (t.order_line.c.order_id == order_id, t.order_line.c.product_id == product_id)
        return conn.execute(select(t.order_line).where(*mine)).one()


def everything(day: Day) -> dict[str, list[Any]]:
    """All rows of what packing may change."""
    with day.engine.begin() as conn:
        names = ("order_line", "parcel", "customer_order", "weighing", "photo", "refund", "run_stock", "notification")
        return {name: sorted(conn.execute(text(f"SELECT * FROM {name}")).all(), key=repr) for name in names}  # noqa: S608  our own names
