"""What operators' programs see and change: only from the newest state, never what a rule refuses, and nobody's name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, place

TERMS = {"price_minor": 777, "unit_price_minor": None, "cap_minor": None, "stock_a_run": 5, "active": True}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def product(day: Day) -> str:
    with day.engine.connect() as conn:
        counted = select(t.product.c.id).where(t.product.c.cap_minor.is_(None)).order_by(t.product.c.id)
        return str(conn.execute(counted).scalars().first())


def get(day: Day, path: str, role: Role = Role.OPERATOR, **headers: str) -> Any:
    return day.client().get(f"/api/v1{path}", headers=day.bearer(role) | headers)


def put(day: Day, path: str, body: Mapping[str, Any], *, tag: str | None, role: Role = Role.OPERATOR) -> Any:
    match = {"If-Match": tag} if tag is not None else {}
    return day.client().put(f"/api/v1{path}", json=body, headers=day.bearer(role) | match)


def price(day: Day, product_id: str) -> int:
    with day.engine.connect() as conn:
        return int(conn.execute(select(t.product.c.price_minor).where(t.product.c.id == product_id)).scalar_one())


def test_terms_are_changed_from_the_state_that_was_read_and_only_once(day: Day) -> None:
    path = f"/products/{product(day)}/terms"
    read = get(day, path)
    first = put(day, path, TERMS, tag=read.headers["ETag"])
    assert (first.status_code, first.json["price_minor"]) == (200, 777)
    assert first.headers["ETag"] == get(day, path).headers["ETag"]
    late = put(day, path, TERMS | {"price_minor": 888}, tag=read.headers["ETag"])
    assert (late.status_code, late.json["code"]) == (412, "changed_meanwhile")
    assert price(day, product(day)) == 777


def test_a_change_that_does_not_say_of_what_is_refused(day: Day) -> None:
    before = price(day, product(day))
    answer = put(day, f"/products/{product(day)}/terms", TERMS, tag=None)
    assert (answer.status_code, answer.json["code"]) == (428, "if_match_needed")
    assert price(day, product(day)) == before


def test_stock_is_set_from_the_state_that_was_read_and_never_below_what_is_ordered(day: Day) -> None:
    with day.engine.connect() as conn:
        product_id = conn.execute(select(t.order_line.c.product_id)).scalars().first()
    path = f"/runs/{day.run_no}/stock/{product_id}"
    tag = get(day, path).headers["ETag"]
    assert put(day, path, {"total": 0}, tag=tag).json["code"] == "stock_below_taken"
    assert put(day, path, {"total": 50}, tag=tag).json["total"] == 50
    assert put(day, path, {"total": 60}, tag=tag).status_code == 412
    assert get(day, path).json["total"] == 50
    assert {"product_id", "total", "taken"} == set(get(day, f"/runs/{day.run_no}/stock").json["items"][0])


def test_a_role_is_given_from_the_state_that_was_read(day: Day) -> None:
    path = f"/people/{day.people[Role.PICKER]}"
    tag = get(day, path, Role.ADMIN).headers["ETag"]
    assert put(day, f"{path}/role", {"role": "driver"}, tag=tag, role=Role.ADMIN).json["role"] == "driver"
    assert put(day, f"{path}/role", {"role": "picker"}, tag=tag, role=Role.ADMIN).status_code == 412
    assert get(day, path, Role.ADMIN).json["role"] == "driver"


def test_lists_of_the_office_tell_no_resident(day: Day) -> None:
    texts = [get(day, path).text for path in ("/office/orders", f"/office/orders/{day.order_id}", "/refunds", "/runs")]
    assert day.order_id in texts[0]
    assert not any(day.people[Role.RESIDENT] in text for text in texts)
    assert {each["role"] for each in get(day, "/people", Role.ADMIN).json["items"]} == {*Role} - {Role.RESIDENT}


def test_the_doors_of_a_site_are_shown_as_last_told(day: Day) -> None:
    with day.engine.begin() as conn:
        opened = update(t.compartment).where(t.compartment.c.site_id == day.site_id, t.compartment.c.door == 7)
        conn.execute(opened.values(door_state="open", door_changed_at=NOW))
    found = get(day, f"/sites/{day.site_id}/doors").json
    assert next(each["state"] for each in found["doors"] if each["door"] == 7) == "open"
    assert found["online"] is True
    assert get(day, "/sites/nowhere/doors").status_code == 404


def basket(day: Day) -> dict[str, Any]:
    with day.engine.connect() as conn:
        lines = conn.execute(select(t.order_line).where(t.order_line.c.order_id == day.order_id)).all()
    return {
        "window_id": day.window_id,
        "lines": [{"product_id": each, "quantity": 1} for each in sorted({line.product_id for line in lines})],
    }


def everything(day: Day) -> list[int]:
    tables = (t.customer_order, t.parcel, t.order_line, t.history, t.idempotent_request, t.capacity_hold)
    with day.engine.connect() as conn:
        taken = select(func.sum(t.run_stock.c.taken)), select(func.sum(t.run_capacity.c.taken))
        return [conn.execute(query).scalar_one() for query in taken] + [
            conn.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        ]


def test_a_quote_says_what_checkout_then_says_and_holds_nothing(day: Day) -> None:
    before, headers = everything(day), day.bearer(Role.RESIDENT)
    quoted = day.client().post("/api/v1/quotes", json=basket(day), headers=headers)
    assert quoted.status_code == 200
    assert everything(day) == before
    placed = day.client().post(
        "/api/v1/orders", json=basket(day), headers=headers | {"Idempotency-Key": "a key of mine"}
    )
    assert quoted.json["total_minor"] == placed.json["total_minor"]
    assert [each["size"] for each in quoted.json["parcels"]] == [each["size"] for each in placed.json["parcels"]]


def test_a_quote_is_refused_as_checkout_is(day: Day) -> None:
    before = everything(day)
    wish = basket(day)
    wish["lines"][0]["quantity"] = 99
    with day.engine.begin() as conn:
        conn.execute(update(t.run_stock).values(total=t.run_stock.c.taken + 1))
    answer = day.client().post("/api/v1/quotes", json=wish, headers=day.bearer(Role.RESIDENT))
    assert (answer.status_code, answer.json["code"]) == (409, "sold_out")
    assert everything(day) == before


def test_an_order_that_is_not_paid_can_be_given_up_and_a_paid_one_cannot(day: Day) -> None:
    with day.engine.begin() as conn:
        unpaid = place(conn, person_id=day.people[Role.RESIDENT], window_id=day.window_id, products=1)
    headers = day.bearer(Role.RESIDENT)
    assert day.client().post(f"/api/v1/orders/{unpaid}/giving-up", headers=headers).status_code == 204
    paid = day.client().post(f"/api/v1/orders/{day.order_id}/giving-up", headers=headers)
    assert (paid.status_code, paid.json["code"]) == (409, "illegal_move")
    assert get(day, f"/orders/{unpaid}", Role.RESIDENT).json["state"] == "released"
    assert get(day, f"/orders/{day.order_id}", Role.RESIDENT).json["state"] == "paid"


def test_a_refund_by_a_program_needs_a_reason_and_money_that_came(day: Day) -> None:
    url, headers = f"/api/v1/office/orders/{day.order_id}/refunds", day.bearer(Role.OPERATOR)
    wish: dict[str, Any] = {"lines": [{"line_no": 1, "amount_minor": 1}], "reason": "x"}
    assert day.client().post(url, json=wish, headers=headers).json["code"] == "reason_needed"
    never_paid = day.client().post(url, json=wish | {"reason": "it was bruised"}, headers=headers)
    assert (never_paid.status_code, never_paid.json["code"]) == (409, "nothing_to_refund")
    twice = day.client().post(url, json=wish | {"lines": wish["lines"] * 2}, headers=headers)
    assert (twice.status_code, twice.json["errors"][0]["pointer"]) == (400, "/lines")
    assert get(day, f"/refunds?order_id={day.order_id}").json["items"] == []
