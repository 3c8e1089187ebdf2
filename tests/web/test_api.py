"""The API on a real database: a resident's way, staff's, and every kind of nonsense answered with a stable code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from app.db import tables as t
from app.domain.roles import Role
from app.web.api.schemas import MOST_LINES
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, ask, day_at, load, pack_all

KEY = {"Idempotency-Key": "a key of mine"}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def count(day: Day, table: Any) -> int:
    with day.engine.begin() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def sent_code(day: Day, contact: str) -> str:
    """The six digits of the message that went to this address."""
    with day.engine.begin() as conn:
        query = select(t.notification.c.subject, t.notification.c.body).where(t.notification.c.contact == contact)
        found = re.search(r"\d{3} ?\d{3}", " ".join(conn.execute(query).one()))
    assert found is not None
    return found[0]


def wanted(day: Day, **more: Any) -> dict[str, Any]:
    with day.engine.begin() as conn:
        product_id = conn.execute(select(t.order_line.c.product_id).limit(1)).scalar_one()
    return {"window_id": day.window_id, "lines": [{"product_id": product_id, "quantity": 1}], **more}


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_code_from_a_message_gives_a_session_that_ends_when_told(day: Day) -> None:
    client = day.client()
    asked = client.post("/api/v1/sign-in-codes", json={"contact": "new@example.org"})
    assert asked.status_code == 201
    code = sent_code(day, "new@example.org")
    session = client.post("/api/v1/sessions", json={"request_id": asked.json["request_id"], "code": code})
    assert session.status_code == 201
    bearer = {"Authorization": f"Bearer {session.json['token']}"}
    assert client.get("/api/v1/orders", headers=bearer).json == {"items": [], "next": None}
    assert client.delete("/api/v1/sessions/current", headers=bearer).status_code == 204
    assert client.get("/api/v1/orders", headers=bearer).status_code == 401


def test_wrong_codes_count_and_end_the_request(day: Day) -> None:
    client = day.client()
    request_id = client.post("/api/v1/sign-in-codes", json={"contact": "13800000055"}).json["request_id"]
    answers = [
        client.post("/api/v1/sessions", json={"request_id": request_id, "code": "not it"}).json["code"]
        for _ in range(6)
    ]
    assert answers == ["code_wrong"] * 5 + ["code_over"]


def test_a_cookie_is_no_session_here(day: Day) -> None:
    assert day.client(Role.RESIDENT).get("/api/v1/orders").status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer \u00ff\u00fe", "bearer " + "0" * 32])
def test_a_token_that_is_none_is_refused(day: Day, header: str) -> None:
    answer = day.client().get("/api/v1/orders", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json["code"] == "sign_in_needed"


def test_form_tokens_are_asked_of_pages_only(day: Day) -> None:
    day.app.config["WTF_CSRF_ENABLED"] = True
    assert day.client(Role.PICKER).post(f"/en/picking/parcels/{day.parcels[0]}").status_code == 400
    assert day.client().post("/api/v1/sign-in-codes", json={"contact": "a@example.org"}).status_code == 201


# --- reading ----------------------------------------------------------------------------------------------------------


def test_sites_windows_and_products_are_for_everybody(day: Day) -> None:
    client = day.client()
    sites = client.get("/api/v1/sites").json["items"]
    assert [len(site["lockers"]) for site in sites] == [2, 1]
    assert sites[0]["lockers"][0]["doors"] == 24
    windows = client.get(f"/api/v1/sites/{day.site_id}/windows").json["items"]
    assert windows[0]["id"] == day.window_id
    assert windows[0]["opens_at"].endswith("+00:00")
    assert len(client.get("/api/v1/products").json["items"]) == count(day, t.product)


def test_a_window_of_a_closed_run_is_not_offered(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.load_run).values(order_by=NOW))
    assert day.client().get(f"/api/v1/sites/{day.site_id}/windows").json["items"] == []


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_order_is_placed_once_however_often_it_is_sent(day: Day) -> None:
    client, before = day.client(), count(day, t.customer_order)
    answers = [
        client.post("/api/v1/orders", json=wanted(day), headers=day.bearer(Role.RESIDENT) | KEY) for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert answers[0].json["state"] == "awaiting_payment"
    assert count(day, t.customer_order) == before + 1


def test_a_key_used_for_something_else_is_refused(day: Day) -> None:
    client, headers = day.client(), day.bearer(Role.RESIDENT) | KEY
    client.post("/api/v1/orders", json=wanted(day), headers=headers)
    other = client.post("/api/v1/orders", json=wanted(day, low_door=True), headers=headers)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    other = client.post("/api/v1/orders", json=wanted(day, substitution="similar"), headers=headers)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", [None, "", "short", "x" * 200, "caf\u00e9 caf\u00e9"])
def test_a_key_must_be_there_and_readable(day: Day, key: str | None) -> None:
    headers = day.bearer(Role.RESIDENT) | ({} if key is None else {"Idempotency-Key": key})
    before = count(day, t.customer_order)
    answer = day.client().post("/api/v1/orders", json=wanted(day), headers=headers)
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_invalid")
    assert count(day, t.customer_order) == before


def test_doors_are_told_once_loaded(day: Day) -> None:
    headers = day.bearer(Role.RESIDENT)
    with day.engine.begin() as conn:
        pack_all(conn, day.order_id)
        load(conn, day.parcels[0], 12)
    order = day.client().get(f"/api/v1/orders/{day.order_id}", headers=headers).json
    assert [parcel["door"] for parcel in order["parcels"]] == [12] + [None] * (len(day.parcels) - 1)
    assert {line["parcel_ref"] for line in order["lines"]} == {parcel["ref"] for parcel in order["parcels"]}
    listed = day.client().get("/api/v1/orders", headers=headers).json["items"]
    assert [one["id"] for one in listed] == [day.order_id]


@pytest.mark.parametrize("what", ["", "/code"])
def test_somebody_elses_order_is_answered_like_none_at_all(day: Day, what: str) -> None:
    stranger = {"Authorization": f"Bearer {day.other}"}
    theirs = day.client().get(f"/api/v1/orders/{day.order_id}{what}", headers=stranger)
    nobodys = day.client().get(f"/api/v1/orders/{'0' * 32}{what}", headers=stranger)
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json == nobodys.json


def test_somebody_elses_order_cannot_be_paid(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="awaiting_payment"))
    answer = day.client().post(
        f"/api/v1/orders/{day.order_id}/payment", headers={"Authorization": f"Bearer {day.other}"}
    )
    assert answer.status_code == 404
    assert count(day, t.payment) == 0


def test_paying_leads_to_the_providers_page(day: Day) -> None:
    headers = day.bearer(Role.RESIDENT)
    order = day.client().post("/api/v1/orders", json=wanted(day), headers=headers | KEY).json
    answer = day.client().post(f"/api/v1/orders/{order['id']}/payment", headers=headers)
    assert answer.status_code == 201
    assert answer.json["pay_url"].startswith("http")


def test_the_code_is_shown_once_there_is_one(day: Day) -> None:
    headers, url = day.bearer(Role.RESIDENT), f"/api/v1/orders/{day.order_id}/code"
    assert day.client().get(url, headers=headers).json["code"] == "no_live_code"
    picker = day.bearer(Role.PICKER)
    for parcel_id in day.parcels:
        assert day.client().post(f"/api/v1/parcels/{parcel_id}/packed", headers=picker).status_code == 204
    code = day.client().get(url, headers=headers).json
    assert code["qr_text"].startswith("L1")
    assert len(code["typed_code"].replace(" ", "")) == 8


# --- nonsense ---------------------------------------------------------------------------------------------------------

LINE = {"product_id": "x", "quantity": 1}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"window_id": None}, "window_id"),
        ({"window_id": "1"}, "window_id"),
        ({"window_id": 1.0}, "window_id"),
        ({"window_id": True}, "window_id"),
        ({"window_id": -1}, "window_id"),
        ({"window_id": 2**31}, "window_id"),
        ({"lines": []}, "lines"),
        ({"lines": {}}, "lines"),
        ({"lines": "x"}, "lines"),
        ({"lines": [LINE] * (MOST_LINES + 1)}, "lines"),
        ({"lines": [None]}, "lines.0"),
        ({"lines": [LINE, {**LINE, "quantity": 0}]}, "lines.1.quantity"),
        ({"lines": [{**LINE, "quantity": -3}]}, "lines.0.quantity"),
        ({"lines": [{**LINE, "quantity": 10**40}]}, "lines.0.quantity"),
        ({"lines": [{**LINE, "quantity": "2"}]}, "lines.0.quantity"),
        ({"lines": [{**LINE, "product_id": ""}]}, "lines.0.product_id"),
        ({"lines": [{**LINE, "product_id": "a\x00b"}]}, "lines.0.product_id"),
        ({"lines": [{**LINE, "product_id": "\ud800"}]}, "lines.0.product_id"),
        ({"lines": [{**LINE, "product_id": "x" * 5000}]}, "lines.0.product_id"),
        ({"lines": [{**LINE, "price_minor": 1}]}, "lines.0.price_minor"),
        ({"low_door": "yes"}, "low_door"),
        ({"substitution": "gold"}, "substitution"),
        ({"substitution": None}, "substitution"),
        ({"total_minor": 1}, "total_minor"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_ordered(day: Day, change: dict[str, Any], field: str) -> None:
    before = count(day, t.customer_order)
    answer = day.client().post("/api/v1/orders", json=wanted(day) | change, headers=day.bearer(Role.RESIDENT) | KEY)
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert (answer.json["code"], answer.json["field"]) == ("invalid_field", field)
    assert count(day, t.customer_order) == before
    assert count(day, t.idempotent_request) == before


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe{}", b"[" * 100_000, b'{"window_id": NaN}', b'{"window_id": ' + b"9" * 6000 + b"}"],
)
def test_what_is_not_json_is_said(day: Day, body: bytes) -> None:
    answer = day.client().post(
        "/api/v1/orders", data=body, content_type="application/json", headers=day.bearer(Role.RESIDENT) | KEY
    )
    assert (answer.status_code, answer.json["code"]) == (400, "not_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"words"'])
def test_json_that_is_no_object_is_said(day: Day, body: bytes) -> None:
    answer = day.client().post("/api/v1/sign-in-codes", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_field")


def test_a_form_is_not_json(day: Day) -> None:
    assert (
        day.client().post("/api/v1/sign-in-codes", data={"contact": "a@example.org"}).json["code"]
        == "unsupported_media_type"
    )


def test_a_huge_body_is_refused(day: Day) -> None:
    answer = day.client().post("/api/v1/sign-in-codes", json={"contact": "x" * 600_000})
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_the_sentence_is_in_the_askers_language(day: Day) -> None:
    says = {
        language: day.client()
        .post("/api/v1/sign-in-codes", json={}, headers={"Accept-Language": language})
        .json["detail"]
        for language in ("en", "zh-CN")
    }
    assert "this is missing" in says["en"]
    assert "缺这一项" in says["zh-CN"]


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/orders/%00", "/api/v1/orders/%ff", "/api/v1/orders/" + "9" * 4000]
)
def test_an_address_that_leads_nowhere_is_a_problem_too(day: Day, path: str) -> None:
    answer = day.client().get(path, headers=day.bearer(Role.RESIDENT))
    assert answer.status_code in {400, 404}
    assert answer.mimetype == "application/problem+json"


def test_a_wrong_method_says_which_are_right(day: Day) -> None:
    answer = day.client().put("/api/v1/orders")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


# --- staff ------------------------------------------------------------------------------------------------------------


def test_a_runs_parcels_come_with_their_labels(day: Day) -> None:
    found = day.client().get(f"/api/v1/runs/{day.run_no}/parcels", headers=day.bearer(Role.PICKER)).json["items"]
    assert [one["id"] for one in found] == day.parcels
    assert found[0]["label"] == f"P1-1-{day.run_no}-{found[0]['ref']}"
    assert day.client().get("/api/v1/runs/999/parcels", headers=day.bearer(Role.PICKER)).status_code == 404


def test_a_door_is_asked_for_and_its_answer_read(day: Day) -> None:
    operator = day.bearer(Role.OPERATOR)
    url = f"/api/v1/sites/{day.site_id}/doors/7/open"
    asked = day.client().post(url, json={"reason": "code is wet"}, headers=operator)
    assert asked.status_code == 202
    command = f"/api/v1/commands/{asked.json['command_id']}"
    assert day.client().get(command, headers=operator).json["state"] == "waiting"
    with day.engine.begin() as conn:
        conn.execute(update(t.remote_command).values(answered_at=NOW, answered_doors=[7]))
    answered = day.client().get(command, headers=operator).json
    assert (answered["state"], answered["door"], answered["refusal"]) == ("opened", 7, None)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 201}, {"reason": 7}, {"reason": "abc"}])
def test_without_a_reason_nothing_is_asked(day: Day, body: dict[str, Any]) -> None:
    url = f"/api/v1/sites/{day.site_id}/doors/7/open"
    answer = day.client().post(url, json=body, headers=day.bearer(Role.OPERATOR))
    assert answer.status_code in {400, 422}
    assert count(day, t.remote_command) == 0


def test_a_driver_reads_only_their_own_commands(day: Day) -> None:
    with day.engine.begin() as conn:
        asked = {
            role: ask(conn, gateway_id="gw-1", person_id=day.people[role], label="P1-1-1-AAAAAAA0")
            for role in (Role.DRIVER, Role.ADMIN)
        }
    driver = day.bearer(Role.DRIVER)
    assert day.client().get(f"/api/v1/commands/{asked[Role.DRIVER]}", headers=driver).status_code == 200
    assert day.client().get(f"/api/v1/commands/{asked[Role.ADMIN]}", headers=driver).status_code == 404
    operator = day.bearer(Role.OPERATOR)
    assert day.client().get(f"/api/v1/commands/{asked[Role.ADMIN]}", headers=operator).status_code == 200


@pytest.mark.parametrize("label", ["", "hello", "P1-1-1-ZZZZZZZZ"])
def test_a_label_of_nothing_is_refused(day: Day, label: str) -> None:
    url = f"/api/v1/sites/{day.site_id}/loads"
    answer = day.client().post(url, json={"label": label}, headers=day.bearer(Role.DRIVER))
    assert answer.status_code in {400, 409, 422}
    assert count(day, t.remote_command) == 0


def test_an_unpaid_orders_bags_are_nobodys_work(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.parcel).values(state="draft"))
    assert day.client().get(f"/api/v1/runs/{day.run_no}/parcels", headers=day.bearer(Role.PICKER)).json["items"] == []
