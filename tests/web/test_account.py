"""Signing in by code, as a browser does it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.db import tables as t
from app.domain.roles import Role
from tests.web.staff_world import Day, day_at

PHONE = "138 1234 5678"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def sent_code(day: Day) -> str:
    with day.engine.connect() as conn:
        newest = select(t.notification.c.body).order_by(t.notification.c.made_at.desc(), t.notification.c.id.desc())
        body = conn.execute(newest.limit(1)).scalar_one()
    found = re.search(r"\b\d{6}\b", body)
    assert found is not None
    return found[0]


def token_of(client: Any) -> str:
    with client.session_transaction() as session:
        return str(session.get("token", ""))


def test_a_newcomer_signs_in_and_comes_back_to_where_they_were(day: Day) -> None:
    client = day.client()
    client.post("/en/sites", data={"site_id": day.site_id})
    client.post("/en/basket/items", data={"product_id": "tomatoes", "quantity": "2"})
    assert client.post("/en/sign-in", data={"contact": PHONE, "next": "/en/basket"}).status_code == 303
    assert PHONE in client.get("/en/sign-in/code").text
    answer = client.post("/en/sign-in/code", data={"code": sent_code(day)})
    assert answer.headers["Location"] == "/en/basket"
    assert token_of(client)
    assert "Order and pay" in client.get("/en/basket").text
    with day.engine.connect() as conn:
        newcomer = conn.execute(select(t.person).where(t.person.c.phone == "+8613812345678")).one()
    assert newcomer.site_id == day.site_id


@pytest.mark.parametrize("contact", ["", "12", "not a number", "a@b", "x" * 3000])
def test_an_address_nobody_can_read_is_asked_for_again_with_what_was_typed(day: Day, contact: str) -> None:
    answer = day.client().post("/zh-hans/sign-in", data={"contact": contact})
    assert answer.status_code == 422
    assert "请填 11 位手机号或邮箱地址" in answer.text
    assert f'value="{contact}"' in answer.text
    assert "data-focus" in answer.text


def test_a_wrong_code_counts_and_is_asked_for_again(day: Day) -> None:
    client = day.client()
    client.post("/en/sign-in", data={"contact": PHONE})
    wrong = "000000" if sent_code(day) != "000000" else "111111"
    answer = client.post("/en/sign-in/code", data={"code": wrong})
    assert answer.status_code == 422
    assert "4 tries are left" in answer.text
    assert token_of(client) == ""
    with day.engine.connect() as conn:
        assert conn.execute(select(func.max(t.sign_in_code.c.tries))).scalar_one() == 1


def test_after_five_wrong_tries_even_the_right_code_is_over(day: Day) -> None:
    client = day.client()
    client.post("/en/sign-in", data={"contact": PHONE})
    right = sent_code(day)
    for _ in range(5):
        client.post("/en/sign-in/code", data={"code": "x"})
    answer = client.post("/en/sign-in/code", data={"code": right})
    assert "used up or too old" in answer.text
    assert token_of(client) == ""


def test_a_sixth_code_within_an_hour_is_not_sent(day: Day) -> None:
    client = day.client()
    for _ in range(5):
        client.post("/en/sign-in", data={"contact": PHONE})
    answer = client.post("/en/sign-in", data={"contact": PHONE})
    assert answer.status_code == 429
    assert "Five codes were sent" in answer.text


def test_a_code_does_not_sign_in_another_browser(day: Day) -> None:
    day.client().post("/en/sign-in", data={"contact": PHONE})
    stranger = day.client()
    answer = stranger.post("/en/sign-in/code", data={"code": sent_code(day)})
    assert answer.headers["Location"] == "/en/sign-in"
    assert token_of(stranger) == ""


@pytest.mark.parametrize("target", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example"])
def test_signing_in_leads_nowhere_but_to_us(day: Day, target: str) -> None:
    client = day.client()
    client.post("/en/sign-in", data={"contact": PHONE, "next": target})
    assert client.post("/en/sign-in/code", data={"code": sent_code(day)}).headers["Location"] == "/en/"


def test_signing_out_ends_the_session_everywhere(day: Day) -> None:
    client = day.client(Role.RESIDENT)
    token = token_of(client)
    client.post("/en/sign-out")
    copy = day.client()
    with copy.session_transaction() as session:
        session["token"] = token
    assert copy.get("/en/orders").status_code == 302
    assert token_of(client) == ""


def test_signing_out_is_no_link(day: Day) -> None:
    assert day.client(Role.RESIDENT).get("/en/sign-out").status_code == 405
