"""How the API answers: lists in parts, tags, forms it does not speak, and every fault of a request at once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, place


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def parts(day: Day, path: str, limit: int, headers: dict[str, str]) -> Iterator[list[dict[str, Any]]]:
    address, _, narrowed = path.partition("?")
    cursor = ""
    while cursor is not None:
        query = [narrowed, f"limit={limit}", f"cursor={cursor}" if cursor else ""]
        found = day.client().get(f"{address}?{'&'.join(filter(None, query))}", headers=headers).json
        cursor = found["next"]
        yield found["items"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/sites", "id"),
        ("/products", "id"),
        ("/sites/{site_id}/windows", "id"),
        ("/runs/{run_no}/parcels", "id"),
        ("/demo/messages?contact=example.org", "subject"),
    ],
)
def test_the_parts_of_a_list_are_the_list(day: Day, path: str, key: str) -> None:
    with day.engine.begin() as conn:
        for number in range(5):
            values = {"contact": "a@example.org", "kind": "code", "language": "en", "subject": str(number), "body": ""}
            conn.execute(insert(t.notification).values(id=f"n{number}", made_at=NOW, next_try_at=NOW, **values))
    url, headers = f"/api/v1{path.format(site_id=day.site_id, run_no=day.run_no)}", day.bearer(Role.PICKER)
    whole = [each[key] for each in day.client().get(url, headers=headers).json["items"]]
    step = max(1, len(whole) // 3)
    given = [each for part in parts(day, url, step, headers) for each in part]
    assert len(whole) > 1
    assert [each[key] for each in given] == whole


def test_an_order_that_comes_meanwhile_neither_repeats_nor_hides_another(day: Day) -> None:
    me, headers = day.people[Role.RESIDENT], day.bearer(Role.RESIDENT)
    with day.engine.begin() as conn:
        mine = [day.order_id, *(place(conn, person_id=me, window_id=day.window_id, products=1) for _ in range(3))]
        for age, order_id in enumerate(reversed(mine)):
            aged = update(t.customer_order).where(t.customer_order.c.id == order_id)
            conn.execute(aged.values(placed_at=NOW - timedelta(hours=age)))
    walk = parts(day, "/api/v1/orders", 2, headers)
    first = next(walk)
    with day.engine.begin() as conn:
        newest = place(conn, person_id=me, window_id=day.window_id, products=1)
        later = update(t.customer_order).where(t.customer_order.c.id == newest)
        conn.execute(later.values(placed_at=NOW + timedelta(hours=1)))
    rest = [each for part in walk for each in part]
    assert [each["id"] for each in first + rest] == list(reversed(mine))


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0.forged", "W10"])
def test_a_made_up_cursor_is_refused(day: Day, cursor: str) -> None:
    answer = day.client().get("/api/v1/products", query_string={"cursor": cursor})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_field")
    assert answer.json["errors"][0]["parameter"] == "cursor"


def test_a_cursor_serves_the_list_that_gave_it_only(day: Day) -> None:
    cursor = day.client().get("/api/v1/products?limit=1").json["next"]
    assert day.client().get("/api/v1/products", query_string={"cursor": cursor}).status_code == 200
    assert day.client().get("/api/v1/sites", query_string={"cursor": cursor}).status_code == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "limit=-1", "limmit=3"])
def test_a_part_of_no_size_is_refused(day: Day, query: str) -> None:
    answer = day.client().get(f"/api/v1/products?{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_field")


def test_who_has_the_newest_state_gets_no_body_until_it_changes(day: Day) -> None:
    url, headers = f"/api/v1/orders/{day.order_id}", day.bearer(Role.RESIDENT)
    first = day.client().get(url, headers=headers)
    again = day.client().get(url, headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="packed"))
    changed = day.client().get(url, headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.json["state"]) == (200, "packed")
    assert changed.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(("accept", "status"), [("text/html", 406), ("application/json", 200), ("*/*", 200)])
def test_the_api_speaks_json_only(day: Day, accept: str, status: int) -> None:
    answer = day.client().get("/api/v1/sites", headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.mimetype == ("application/json" if status == 200 else "application/problem+json")


def test_every_faulty_field_is_named_by_its_pointer(day: Day) -> None:
    body = {"lines": [{"product_id": "a", "quantity": 0}, {"quantity": 1}], "a/b~c": 1}
    headers = day.bearer(Role.RESIDENT) | {"Idempotency-Key": "k"}
    answer = day.client().post("/api/v1/orders", json=body, headers=headers)
    assert answer.status_code == 400
    pointers = {each["pointer"] for each in answer.json["errors"]}
    assert pointers == {"/window_id", "/lines/0/quantity", "/lines/1/product_id", "/a~1b~0c"}
    with day.engine.connect() as conn:
        assert len(conn.execute(select(t.customer_order.c.id)).all()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/v1/nothing", None, 404, "not_found"),
        ("GET", "/api/nothing", None, 404, "not_found"),
        ("PUT", "/api/v1/sites", None, 405, "method_not_allowed"),
        ("POST", "/api/v1/sessions", b"x" * 600_000, 413, "too_large"),
        ("POST", "/api/v1/sessions", b"{", 400, "not_json"),
    ],
)
def test_every_refusal_is_a_problem(
    day: Day, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    answer = day.client().open(path, method=method, data=body, content_type="application/json")
    assert (answer.status_code, answer.mimetype, answer.json["code"]) == (status, "application/problem+json", code)
    assert day.client().get(answer.json["type"]).status_code == 200
