"""Putting products on sale by the API: many at once, each field checked with its index, all or none."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

MELON: dict[str, Any] = {
    "id": "hami-melon",
    "category_id": "fruit",
    "name_zh": "哈密瓜",
    "name_en": "Hami melon",
    "unit_zh": "个",
    "unit_en": "each",
    "origin_zh": "新疆",
    "origin_en": "Xinjiang",
    "price_minor": 1990,
    "unit_price_minor": 995,
    "unit_price_per": "kg",
    "tax_code": "vat-exempt",
    "food_class": "cool_sensitive",
    "zone": "cool",
    "tolerates": {"ambient": 24, "chilled": -1},
    "life_h": 120,
    "volume_ml": 4000,
    "longest_mm": 240,
    "weight_g": 2000,
    "flags": ["smells"],
    "stock_a_run": 30,
}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def put(day: Day, *products: Any, role: Role = Role.OPERATOR) -> Any:
    return day.client().post("/api/v1/products", json={"products": list(products)}, headers=day.bearer(role))


def everything(day: Day) -> list[Any]:
    with day.engine.begin() as conn:
        tables = (t.product, t.run_stock, t.change)
        return [sorted(conn.execute(table.select()).all(), key=repr) for table in tables]


def stock(day: Day, product_id: str) -> dict[int, int]:
    with day.engine.begin() as conn:
        rows = conn.execute(
            select(t.run_stock.c.run_no, t.run_stock.c.total).where(t.run_stock.c.product_id == product_id)
        )
        return {row.run_no: row.total for row in rows}


def test_a_new_product_is_on_sale_in_every_run_that_takes_orders(day: Day) -> None:
    with day.engine.begin() as conn:
        runs = set(conn.execute(select(t.load_run.c.run_no)).scalars())
        late = max(runs)
        conn.execute(update(t.load_run).where(t.load_run.c.run_no == late).values(order_by=NOW - timedelta(days=1)))
    assert put(day, MELON).json == {"added": 1, "known": 0}
    assert stock(day, "hami-melon") == dict.fromkeys(runs - {late}, 30)
    listed = {each["id"]: each for each in day.client().get("/api/v1/products").json["items"]}
    assert listed["hami-melon"]["name"] == {"zh": "哈密瓜", "en": "Hami melon"}


def test_a_known_product_changes_for_new_orders_only_and_keeps_its_place_and_stock(day: Day) -> None:
    put(day, MELON)
    with day.engine.begin() as conn:
        place = conn.execute(select(t.product.c.position).where(t.product.c.id == "hami-melon")).scalar_one()
        lines = conn.execute(select(t.order_line)).all()
    answer = put(day, {**MELON, "price_minor": 2190, "stock_a_run": 12})
    assert answer.json == {"added": 0, "known": 1}
    with day.engine.begin() as conn:
        row = conn.execute(select(t.product).where(t.product.c.id == "hami-melon")).one()
        changes = conn.execute(select(t.change).order_by(t.change.c.field)).all()
        assert conn.execute(select(t.order_line)).all() == lines
    assert (row.price_minor, row.position) == (2190, place)
    assert [(one.field, one.before, one.after) for one in changes] == [
        ("price_minor", "1990", "2190"),
        ("stock_a_run", "30", "12"),
    ]
    assert {one.person_id for one in changes} == {day.people[Role.OPERATOR]}
    assert set(stock(day, "hami-melon").values()) == {30}


def test_live_or_inactive_goods_come_on_sale_nowhere(day: Day) -> None:
    put(day, {**MELON, "flags": ["live"]}, {**MELON, "id": "later", "active": False})
    assert stock(day, "hami-melon") == stock(day, "later") == {}


def test_five_hundred_products_go_at_once_and_not_one_more(day: Day) -> None:
    long = {**MELON, "name_zh": "瓜" * 80, "search": "瓜" * 200, "origin_zh": "瓜" * 80}
    many = [{**long, "id": f"melon-{number}"} for number in range(501)]
    before = everything(day)
    refused = put(day, *many)
    assert (refused.status_code, refused.json["field"]) == (400, "products")
    assert everything(day) == before
    assert put(day, *many[:500]).json == {"added": 500, "known": 0}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"price_minor": 0}, "price_minor"),
        ({"price_minor": "12"}, "price_minor"),
        ({"price_minor": None}, "price_minor"),
        ({"cap_minor": 1989}, "cap_minor"),
        ({"cap_minor": 1990}, "net_g"),
        ({"net_g": 0}, "net_g"),
        ({"unit_price_per": None}, "unit_price_minor"),
        ({"unit_price_per": "斤"}, "unit_price_per"),
        ({"unit_zh": "1 市斤"}, "unit_zh"),
        ({"zone": "warm"}, "zone"),
        ({"food_class": 7}, "food_class"),
        ({"tolerates": {"cool": 3}}, "tolerates"),
        ({"tolerates": {"ambient": 0}}, "tolerates"),
        ({"tolerates": {"ambient": True}}, "tolerates"),
        ({"tolerates": ["ambient"]}, "tolerates"),
        ({"flags": ["tasty"]}, "flags.0"),
        ({"id": "a b"}, "id"),
        ({"name_zh": ""}, "name_zh"),
        ({"name_zh": "\x00"}, "name_zh"),
        ({"search": "gua\x00"}, "search"),
        ({"colour": "green"}, "colour"),
        ({"life_h": 0}, "life_h"),
        ({"stock_a_run": -1}, "stock_a_run"),
    ],
)
def test_what_is_wrong_is_named_by_its_index_and_nothing_is_written(
    day: Day, wrong: dict[str, Any], field: str
) -> None:
    before = everything(day)
    answer = put(day, {**MELON, "id": "good"}, {**MELON, **wrong})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_field")
    assert answer.json["field"] == f"products.1.{field}"
    assert everything(day) == before


def test_a_missing_field_an_unknown_category_and_a_twin_are_refused(day: Day) -> None:
    before = everything(day)
    missing = {name: value for name, value in MELON.items() if name != "zone"}
    assert put(day, missing).json["field"] == "products.0.zone"
    unknown = put(day, {**MELON, "category_id": "toys"})
    assert (unknown.status_code, unknown.json["code"]) == (422, "unknown_category")
    assert unknown.json["field"] == "products.0.category_id"
    twin = put(day, MELON, MELON)
    assert (twin.json["code"], twin.json["field"]) == ("product_twice", "products.1.id")
    assert put(day).json["field"] == "products"
    assert everything(day) == before


def test_only_operators_put_products_on_sale(day: Day) -> None:
    before = everything(day)
    assert put(day, MELON, role=Role.PICKER).status_code == 403
    assert everything(day) == before
    assert put(day, MELON, role=Role.ADMIN).status_code == 200
