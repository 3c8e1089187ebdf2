"""From basket to order: what is kept, what is refused and what the page then says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from app.db import tables as t
from app.domain.roles import Role
from app.payments.provider import Unavailable
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def buyer(day: Day) -> Any:
    return filled(day, day.client(Role.RESIDENT))


def filled(day: Day, client: Any, **lines: int) -> Any:
    client.post("/en/sites", data={"site_id": day.site_id})
    for product_id, quantity in (lines or {"tomatoes": 2, "cucumbers": 1}).items():
        client.post("/en/basket/items", data={"product_id": product_id, "quantity": str(quantity)})
    return client


def form(day: Day, **changed: str) -> dict[str, str]:
    return {"window_id": str(day.window_id), "idempotency_key": "one try of this", **changed}


def orders(day: Day) -> int:
    with day.engine.connect() as conn:
        return conn.execute(select(func.count()).select_from(t.customer_order)).scalar_one()


def test_an_order_is_placed_and_one_goes_to_pay(day: Day, buyer: Any) -> None:
    answer = buyer.post("/en/basket", data=form(day, low_door="1"))
    assert answer.status_code == 303
    assert orders(day) == 2
    with day.engine.connect() as conn:
        newest = conn.execute(select(t.customer_order).order_by(t.customer_order.c.placed_at.desc())).first()
    assert newest is not None
    assert (newest.state, newest.total_minor, newest.low_door) == ("awaiting_payment", 2 * 590 + 490, True)
    assert "Nothing in it yet" in buyer.get("/en/basket").text


def test_a_low_door_is_asked_for_again_until_somebody_no_longer_wants_one(day: Day, buyer: Any) -> None:
    ticked = 'name="low_door" value="1" checked'
    assert ticked not in buyer.get("/en/basket").text

    buyer.post("/en/basket", data=form(day, low_door="1"))
    assert ticked in filled(day, buyer).get("/en/basket").text

    buyer.post("/en/basket", data=form(day, idempotency_key="another try of it"))
    assert ticked not in filled(day, buyer).get("/en/basket").text


def test_a_refused_order_keeps_no_wish_for_the_next(day: Day, buyer: Any) -> None:
    buyer.post("/en/basket", data=form(day, low_door="1", window_id="999999"))

    with day.engine.connect() as conn:
        assert conn.execute(select(t.person.c.low_door).where(t.person.c.low_door)).all() == []


@pytest.mark.parametrize(("chosen", "kept"), [("similar", "similar"), ("refund", "refund"), ("gold", "refund")])
def test_what_to_do_when_something_is_short_is_asked_once(day: Day, buyer: Any, chosen: str, kept: str) -> None:
    assert 'value="refund" checked' in buyer.get("/en/basket").text
    buyer.post("/en/basket", data=form(day, substitution=chosen))
    with day.engine.connect() as conn:
        newest = conn.execute(select(t.customer_order).order_by(t.customer_order.c.placed_at.desc())).first()
    assert newest is not None
    assert newest.substitution == kept


def test_sending_the_form_twice_orders_once(day: Day, buyer: Any) -> None:
    with buyer.session_transaction() as session:
        before = dict(session)
    first = buyer.post("/en/basket", data=form(day))
    with buyer.session_transaction() as session:
        session.update(before)  # the second tap left the phone before the first answer came
    second = buyer.post("/en/basket", data=form(day))
    assert (first.status_code, second.status_code) == (303, 303)
    assert orders(day) == 2


def test_who_signs_in_from_the_basket_finds_everything_kept(day: Day) -> None:
    guest = filled(day, day.client())
    answer = guest.post("/en/basket", data=form(day, low_door="1", contact=""))
    assert answer.status_code == 422
    assert "/en/sign-in?next=/en/basket" in answer.text
    with guest.session_transaction() as session:
        assert session["window"] == day.window_id
        assert session["low_door"] is True
        assert session["basket"] == {"tomatoes": 2, "cucumbers": 1}
    assert orders(day) == 1


@pytest.mark.parametrize("window", ["", "x", "-1", "1" * 40])
def test_without_a_window_the_form_comes_back(day: Day, buyer: Any, window: str) -> None:
    answer = buyer.post("/en/basket", data=form(day, window_id=window))
    assert answer.status_code == 422
    assert "Choose when you collect." in answer.text
    assert orders(day) == 1


def test_a_window_nobody_knows_is_said_to_be_gone(day: Day, buyer: Any) -> None:
    answer = buyer.post("/en/basket", data=form(day, window_id="999999"))
    assert answer.status_code == 409
    assert "no longer offered" in answer.text
    assert orders(day) == 1


def test_an_empty_basket_orders_nothing(day: Day) -> None:
    client = day.client(Role.RESIDENT)
    client.post("/en/sites", data={"site_id": day.site_id})
    answer = client.post("/en/basket", data=form(day))
    assert answer.status_code == 422
    assert orders(day) == 1


@pytest.mark.parametrize("key", ["", "short", "ü" * 20, "x" * 200])
def test_a_form_without_its_key_orders_nothing(day: Day, buyer: Any, key: str) -> None:
    assert buyer.post("/en/basket", data=form(day, idempotency_key=key)).status_code == 422
    assert orders(day) == 1


def test_a_full_window_is_said_and_cannot_be_chosen(day: Day, buyer: Any) -> None:
    with day.engine.begin() as conn:
        full = update(t.pickup_window).where(t.pickup_window.c.id == day.window_id)
        conn.execute(full.values(orders_taken=t.pickup_window.c.order_cap))
    answer = buyer.post("/en/basket", data=form(day))
    assert answer.status_code == 409
    assert "That time is full now" in answer.text
    assert f'value="{day.window_id}" required disabled' in answer.text
    assert orders(day) == 1


def leave(day: Day, product_id: str, left: int) -> None:
    with day.engine.begin() as conn:
        of = update(t.run_stock).where(t.run_stock.c.product_id == product_id)
        conn.execute(of.values(taken=t.run_stock.c.total - left))


def test_what_sold_out_leaves_the_basket_and_the_page_says_so(day: Day, buyer: Any) -> None:
    leave(day, "tomatoes", 0)
    answer = buyer.post("/en/basket", data=form(day))
    assert answer.status_code == 409
    assert "Tomatoes just sold out and was taken out of your basket." in answer.text
    with buyer.session_transaction() as session:
        assert session["basket"] == {"cucumbers": 1}
    assert orders(day) == 1


def test_what_is_short_is_cut_to_what_is_left(day: Day, buyer: Any) -> None:
    leave(day, "tomatoes", 1)
    answer = buyer.post("/en/basket", data=form(day))
    assert "Only 1 of Tomatoes are left" in answer.text
    with buyer.session_transaction() as session:
        assert session["basket"] == {"tomatoes": 1, "cucumbers": 1}


def test_what_is_not_sold_in_that_run_leaves_the_basket(day: Day, buyer: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(t.run_stock.delete().where(t.run_stock.c.product_id == "tomatoes"))
    answer = buyer.post("/en/basket", data=form(day))
    assert answer.status_code == 409
    with buyer.session_transaction() as session:
        assert session["basket"] == {"cucumbers": 1}


def test_a_provider_that_does_not_answer_loses_nothing(day: Day, buyer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_args: object, **_named: object) -> None:
        raise Unavailable("no answer", permanent=False)

    monkeypatch.setattr("app.web.checkout.start_payment", silent)
    answer = buyer.post("/en/basket", data=form(day))
    assert answer.status_code == 303
    page = buyer.get(answer.headers["Location"])
    assert "Nothing is lost" in page.text
    assert "Pay ¥16.70" in page.text


def test_the_page_names_every_window_with_its_cut_off(day: Day, buyer: Any) -> None:
    page = buyer.get("/zh-hans/basket").text
    assert page.count('name="window_id"') == 2
    assert "快满了" in page
    assert "今天 23:00 截单" in page


def reprice(day: Day, product_id: str, price_minor: int) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.product).where(t.product.c.id == product_id).values(price_minor=price_minor))


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "Tomatoes now costs ¥6.90; it was ¥5.90 when you put it in."),
        ("zh-hans", "现在是¥6.90，您放进菜篮时是¥5.90。"),
    ],
)
def test_a_price_that_changed_is_said_once_and_before_anything_is_ordered(
    day: Day, buyer: Any, language: str, told: str
) -> None:
    reprice(day, "tomatoes", 690)
    answer = buyer.post(f"/{language}/basket", data=form(day))
    assert (answer.status_code, orders(day)) == (409, 1)
    assert told in answer.text
    assert told not in buyer.get(f"/{language}/basket").text
    assert buyer.post(f"/{language}/basket", data=form(day)).status_code == 303
    assert orders(day) == 2


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "Tomatoes is no longer sold and was taken out of your basket."),
        ("zh-hans", "已下架，已从菜篮移出。"),
    ],
)
def test_a_product_that_was_withdrawn_leaves_the_basket_and_the_page_says_why(
    day: Day, buyer: Any, language: str, told: str
) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.product).where(t.product.c.id == "tomatoes").values(active=False))
    answer = buyer.post(f"/{language}/basket", data=form(day))
    assert (answer.status_code, orders(day)) == (409, 1)
    assert told in answer.text
    with buyer.session_transaction() as session:
        assert session["basket"] == {"cucumbers": 1}
    assert told not in buyer.get(f"/{language}/basket").text


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "The time you had chosen is no longer offered."), ("zh-hans", "您选的取货时段已不再提供")],
)
def test_a_window_that_is_gone_is_said_before_another_is_taken(day: Day, buyer: Any, language: str, told: str) -> None:
    with buyer.session_transaction() as session:
        session["window"] = day.window_id
    assert told not in buyer.get(f"/{language}/basket").text
    with day.engine.begin() as conn:
        conn.execute(update(t.load_run).where(t.load_run.c.run_no == day.run_no).values(called_off_at=func.now()))
    assert told in buyer.get(f"/{language}/basket").text
    assert orders(day) == 1
