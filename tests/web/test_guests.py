"""A first order without an account, over HTTP: one form, one payment, and the link that opens the order."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.db import tables as t
from app.domain.collect_link import make_collect_link
from app.domain.roles import Role
from app.payments.sandbox import SandboxProvider
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at
from tests.web.test_checkout import filled, form

PHONE = "+8613800000042"
RESIDENTS = "+8613800000000"  # whom the day knows as its resident


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def guest(day: Day) -> Any:
    client = filled(day, day.client())
    client.get("/en/basket")
    return client


def count(day: Day, table: str = "customer_order") -> int:
    with day.engine.connect() as conn:
        return conn.execute(select(func.count()).select_from(t.metadata.tables[table])).scalar_one()


def newest(day: Day) -> Any:
    with day.engine.connect() as conn:
        return conn.execute(select(t.customer_order).where(t.customer_order.c.id != day.order_id)).first()


def order(day: Day, client: Any, **changed: str) -> Any:
    return client.post("/en/basket", data=form(day, **{"contact": "138 0000 0042", **changed}))


def pay(day: Day, client: Any) -> Any:
    """The money arrives, and the provider tells us."""
    provider = day.app.extensions["caibox"].provider
    assert isinstance(provider, SandboxProvider)
    with day.engine.begin() as conn:
        ref = conn.exec_driver_sql("SELECT ref FROM sandbox_charge").scalar_one()
    assert provider.decide(ref, paid=True)
    body, headers = provider.webhook(ref)
    assert client.post("/webhooks/sandbox", data=body, headers=headers).status_code == 204
    return newest(day)


def sign_in(day: Day, client: Any, contact: str) -> None:
    client.post("/en/sign-in", data={"contact": contact})
    with day.engine.connect() as conn:
        query = select(t.notification.c.facts["code"].astext).where(t.notification.c.kind == "sign_in")
        code = conn.execute(query.order_by(t.notification.c.id.desc())).scalars().first()
    assert client.post("/en/sign-in/code", data={"code": code}).status_code == 303


def test_a_first_order_is_one_form_and_one_payment(day: Day, guest: Any) -> None:
    answer = order(day, guest)

    assert (answer.status_code, "/sandbox/pay/" in answer.headers["Location"]) == (303, True)
    made = pay(day, guest)
    assert (made.state, made.guest_contact) == ("paid", PHONE)
    page = guest.get(f"/en/orders/{made.id}").text
    assert f"The link to this order is on its way to {PHONE}" in page
    assert "Sign out" not in page
    assert made.order_no in guest.get("/en/orders").text


def test_the_form_sent_twice_before_an_answer_came_is_one_order(day: Day, guest: Any) -> None:
    with guest.session_transaction() as session:
        before = dict(session)
    first = order(day, guest)
    with guest.session_transaction() as session:
        session.clear()
        session.update(before)
    second = order(day, guest)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert count(day) == 2  # the day began with one


@pytest.mark.parametrize("contact", ["", "12345", "me@", "1" * 500])
def test_a_contact_nobody_can_read_is_asked_for_again_and_nothing_is_lost(day: Day, guest: Any, contact: str) -> None:
    before = count(day, "person")
    answer = order(day, guest, contact=contact, low_door="1")

    assert answer.status_code == 422
    assert "<title>Error: Basket" in answer.text
    assert 'href="#f-contact"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert f'value="{contact[:200]}"' in answer.text
    assert 'name="low_door" value="1" checked' in answer.text
    assert (count(day), count(day, "person"), count(day, "web_session")) == (1, before, len(day.tokens) + 1)
    assert "Tomatoes" in answer.text


def test_a_fourth_order_of_a_day_asks_to_sign_in(day: Day, guest: Any) -> None:
    for number in range(3):
        filled(day, guest)
        assert order(day, guest, idempotency_key=f"try number {number}").status_code == 303
    answer = order(day, filled(day, guest), idempotency_key="try number four")
    assert answer.status_code == 429
    assert "Sign in with a code to order more" in answer.text
    assert count(day) == 4


def test_somebody_elses_number_opens_nothing_of_theirs(day: Day, guest: Any) -> None:
    order(day, guest, contact=RESIDENTS)
    made = pay(day, guest)

    assert newest(day).person_id != day.people[Role.RESIDENT]
    assert guest.get(f"/en/orders/{day.order_id}").status_code == 404
    with day.engine.connect() as conn:
        theirs = conn.execute(select(t.customer_order.c.order_no).where(t.customer_order.c.id == day.order_id)).scalar()
    assert str(theirs) not in guest.get("/en/orders").text
    account = guest.get("/en/account").text
    assert "Confirm" in account
    owner = day.client(Role.RESIDENT)
    assert owner.get(f"/en/orders/{made.id}").status_code == 404
    assert made.order_no in owner.get("/en/orders").text  # asked, not taken
    assert newest(day).person_id != day.people[Role.RESIDENT]
    assert owner.post("/en/orders/take-home").status_code == 303
    assert newest(day).person_id == day.people[Role.RESIDENT]


def test_confirming_the_number_takes_the_order_home(day: Day, guest: Any) -> None:
    order(day, guest)
    made = pay(day, guest)
    sign_in(day, guest, PHONE)

    page = guest.get(f"/en/orders/{made.id}")
    assert page.status_code == 200
    assert "on its way to" not in page.text
    assert "Sign out" in page.text
    assert newest(day).guest_contact is None


def test_a_mistyped_number_comes_home_when_asked_for(day: Day, guest: Any) -> None:
    order(day, guest)
    made = pay(day, guest)
    sign_in(day, guest, "+8613800000043")

    assert guest.get(f"/en/orders/{made.id}").status_code == 404
    assert f"without signing in: {made.order_no}" in guest.get("/en/orders").text
    guest.post("/en/orders/take-home")
    assert guest.get(f"/en/orders/{made.id}").status_code == 200


def test_the_link_opens_the_order_on_any_phone_and_changes_nothing(day: Day, guest: Any) -> None:
    order(day, guest)
    made = pay(day, guest)
    with day.engine.connect() as conn:
        told = conn.execute(select(t.notification.c.facts["link"].astext).where(t.notification.c.order_id == made.id))
        link = told.scalar_one().removeprefix("http://localhost")

    other = day.client()
    page = other.get(link)
    assert page.status_code == 200
    assert f"Order {made.order_no}" in page.text
    assert "To change or cancel it, sign in." in page.text
    for never in (PHONE, f"/orders/{made.id}/edit", f"/orders/{made.id}/cancel", "/receipts/"):
        assert never not in page.text
    assert guest.get(link).headers["Location"] == f"/en/orders/{made.id}"
    assert other.get(f"/en/orders/{made.id}").status_code == 302
    assert other.get(f"{link}x").status_code == 404


def test_a_link_that_is_over_says_so(day: Day, guest: Any) -> None:
    secret = day.app.extensions["caibox"].settings.secret_key
    link = make_collect_link(secret, order_id=day.order_id, ends_at=NOW - timedelta(days=3))
    assert guest.get(f"/en/o/{link}").status_code == 410


def test_the_api_knows_no_guests(day: Day, guest: Any) -> None:
    order(day, guest)
    with guest.session_transaction() as session:
        token = session["token"]
    asked = day.app.test_client().get("/api/v1/orders", headers={"Authorization": f"Bearer {token}"})
    assert asked.status_code == 401


def test_a_guest_erases_what_they_left(day: Day, guest: Any) -> None:
    order(day, guest)
    guest.post(f"/en/orders/{newest(day).id}/give-up")
    assert guest.post("/en/account/erase", data={"sure": "yes"}).status_code == 303
    assert newest(day).guest_contact is None
    assert guest.get("/en/orders").status_code == 302
