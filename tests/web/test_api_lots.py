"""Deliveries and recalls by a program."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.db import tables as t
from app.domain.basket import Substitution
from app.domain.roles import Role
from app.use_cases.supply.recall_orders import recall_orders
from tests.web.picking_world import order_with, packing_day, totes
from tests.web.shop_world import NOW
from tests.web.staff_world import Day
from tests.web.test_staff_picking import pick_all, seal

LOT = {"product_id": "pak-choi", "code": "OLD", "received": 2, "expires_on": "2026-11-26", "grower": "Shen"}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with packing_day(db, tmp_path) as made:
        yield made


def ask(day: Day, rest: str, body: Any = None) -> Any:
    send = day.client().get if body is None else day.client().post
    return send(f"/api/v1/lots{rest}", headers=day.bearer(Role.OPERATOR), **({} if body is None else {"json": body}))


def states(day: Day) -> list[str]:
    with day.engine.begin() as conn:
        return list(conn.execute(select(t.lot.c.state).order_by(t.lot.c.code)).scalars())


def test_a_delivery_becomes_lots_once(day: Day) -> None:
    body = {"lots": [LOT, {**LOT, "code": "FRESH", "expires_on": "2026-11-28", "received": 40}]}
    assert (ask(day, "", body).status_code, states(day)) == (201, ["open", "open"])
    again = ask(day, "", body)
    assert (again.status_code, again.json["code"]) == (400, "invalid_field")
    assert {each["pointer"] for each in again.json["errors"]} == {"/lots/0/code", "/lots/1/code"}
    assert {each["code"] for each in ask(day, "").json["items"]} == {"OLD", "FRESH"}
    assert len(states(day)) == 2


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"product_id": "moon-cheese"}, "/lots/0/product_id"),
        ({"expires_on": "soon"}, "/lots/0/expires_on"),
        ({"expires_on": "2020-01-01"}, "/lots/0/expires_on"),
        ({"harvested_at": "2099-01-01 05:00"}, "/lots/0/harvested_at"),
        ({"code": 'A","B'}, None),
    ],
)
def test_a_wrong_lot_is_named_by_its_field_and_nothing_is_taken(
    day: Day, changed: dict[str, str], pointer: str | None
) -> None:
    answer = ask(day, "", {"lots": [{**LOT, **changed}, {**LOT, "code": "GOOD"}]})
    if pointer is None:  # an odd code is a code all the same, and no second column
        assert answer.status_code == 201
        assert 'A","B' in {each["code"] for each in ask(day, "").json["items"]}
        return
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (400, pointer)
    assert states(day) == []


def test_a_lot_is_held_released_and_recalled_with_its_orders(day: Day) -> None:
    ask(day, "", {"lots": [LOT, {**LOT, "code": "FRESH", "received": 40, "expires_on": "2026-11-28"}]})
    picker = day.client(Role.PICKER)
    pick_all(picker, day, Substitution.SIMILAR)
    order = order_with(day, Substitution.SIMILAR)
    for tote in totes(day, order.id).values():
        seal(picker, tote.id)
    lots = {each["code"]: each for each in ask(day, "").json["items"]}
    old = f"/{lots['OLD']['id']}"
    assert ask(day, f"{old}/hold", {"reason": "looks odd"}).status_code == 204
    assert ask(day, f"{old}/release", {"reason": "it is fine"}).status_code == 204
    assert ask(day, f"{old}/release", {"reason": "again"}).json["code"] == "illegal_move"
    shown = ask(day, old).json
    assert [each["id"] for each in shown["orders"]] == [order.id]
    wrong = ask(day, f"{old}/recall", {"orders": 7, "reason": "salmonella"})
    assert (wrong.status_code, wrong.json["code"]) == (409, "recall_count_wrong")
    assert "recalled" not in states(day)

    assert ask(day, f"{old}/recall", {"orders": shown["orders_count"], "reason": "salmonella"}).status_code == 204
    assert recall_orders(day.engine, now=NOW) == 1
    assert ask(day, old).json["orders"][0]["state"] == "expiring"


def test_a_lot_that_is_not_there_is_not_there(day: Day) -> None:
    assert ask(day, "/nothing").status_code == 404
    assert ask(day, "/nothing/hold", {"reason": "looks odd"}).status_code == 404
