"""How many SQL statements a paid order takes, from the tap on “order” until its doors are planned and all are told.

BEGIN and COMMIT are not counted, NOTIFYs are. The sandbox provider shares our database, as no real one would; what it
keeps for itself is counted apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from sqlalchemy import Engine, event

from app.domain.roles import Role
from app.payments.sandbox import SandboxProvider
from tests.web.staff_world import Day, day_at

MOST = 15
BASKET = ("tomatoes", "cucumbers", "fresh-milk", "frozen-dumplings")


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@contextmanager
def statements(day: Day) -> Iterator[list[str]]:
    """What is asked of the database; a statement for many rows at once counts once, as it is sent once."""
    engine, sent = day.app.extensions["caibox"].engine, list[str]()

    def note(statement: str) -> None:
        if statement != "BEGIN" and "sandbox_charge" not in statement:
            sent.append(" ".join(statement.split()))

    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *rest: Any, **more: Any) -> Self:
            note(query)
            return super().execute(query, *rest, **more)

        def executemany(self, query: Any, *rest: Any, **more: Any) -> None:
            note(query)
            super().executemany(query, *rest, **more)

    def let_it_note(driver: Any, *_rest: object) -> None:
        driver.cursor_factory = Noting

    event.listen(engine, "checkout", let_it_note)
    try:
        yield sent
    finally:
        event.remove(engine, "checkout", let_it_note)


def capture(day: Day, client: Any, sent: list[str]) -> None:
    """The person pays on the provider's page, and the provider tells us."""
    provider = day.app.extensions["caibox"].provider
    assert isinstance(provider, SandboxProvider)
    with day.engine.begin() as conn:
        ref = conn.exec_driver_sql("SELECT ref FROM sandbox_charge").scalar_one()
    assert provider.decide(ref, paid=True)
    body, headers = provider.webhook(ref)
    assert client.post("/webhooks/sandbox", data=body, headers=headers).status_code == 204
    with day.engine.begin() as conn:
        paid = conn.exec_driver_sql(
            "SELECT o.state, o.id, count(*) FILTER (WHERE p.state = 'planned' AND p.planned_doors <> '{}') AS planned,"
            " count(*) AS parcels FROM customer_order o JOIN parcel p ON p.order_id = o.id"
            " JOIN payment ON payment.order_id = o.id GROUP BY o.id"
        ).one()
        told = conn.exec_driver_sql(
            "SELECT (SELECT count(*) FROM notification WHERE order_id = %(id)s),"
            " (SELECT count(*) FROM outbox WHERE order_id = %(id)s),"
            " (SELECT count(*) FROM ledger_entry WHERE order_id = %(id)s)",
            {"id": paid.id},
        ).one()
    assert (paid.state, paid.planned) == ("paid", paid.parcels)
    assert tuple(told) == (1, 1, 2)
    assert sent[-1].startswith("SELECT pg_notify")


def test_an_order_in_the_shop_is_paid_in_few_statements(day: Day) -> None:
    client = day.client(Role.RESIDENT)
    client.post("/en/sites", data={"site_id": day.site_id})
    for product in BASKET:
        client.post("/en/basket/items", data={"product_id": product, "quantity": "2"})
    with statements(day) as sent:
        form = {"window_id": str(day.window_id), "idempotency_key": "one try of this"}
        answer = client.post("/en/basket", data=form)
        assert "/sandbox/pay/" in answer.headers["Location"]
        capture(day, client, sent)
    assert 5 < len(sent) <= MOST, "\n".join(sent)


def test_a_guests_first_order_is_paid_in_few_statements(day: Day) -> None:
    client = day.client()
    client.post("/en/sites", data={"site_id": day.site_id})
    for product in BASKET:
        client.post("/en/basket/items", data={"product_id": product, "quantity": "2"})
    client.get("/en/basket")
    with statements(day) as sent:
        form = {"window_id": str(day.window_id), "idempotency_key": "one try of this", "contact": "13800000042"}
        answer = client.post("/en/basket", data=form)
        assert "/sandbox/pay/" in answer.headers["Location"]
        capture(day, client, sent)
    assert 5 < len(sent) <= MOST, "\n".join(sent)


def test_an_order_by_the_api_is_paid_in_few_statements(day: Day) -> None:
    client, mine = day.app.test_client(), day.bearer(Role.RESIDENT)
    wish = {
        "window_id": day.window_id,
        "lines": [{"product_id": product, "quantity": 2} for product in BASKET],
    }
    with statements(day) as sent:
        placed = client.post("/api/v1/orders", json=wish, headers={**mine, "Idempotency-Key": "one try of this"})
        assert placed.status_code == 201
        begun = client.post(f"/api/v1/orders/{placed.json['id']}/payment", headers=mine)  # type: ignore[index]
        assert begun.status_code == 201
        capture(day, client, sent)
    assert 5 < len(sent) <= MOST, "\n".join(sent)
