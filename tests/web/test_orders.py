"""A resident's own orders in every state, and nobody else's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.domain.order_state import OrderState
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

HEADINGS = {
    OrderState.AWAITING_PAYMENT: ("Waiting for your payment", "等您支付"),
    OrderState.PAID: ("Paid. We are packing it.", "已支付，正在拣货"),
    OrderState.PACKED: ("Packed, on its way to the locker", "已打包，正送往柜机"),
    OrderState.READY: ("Your food is in the locker", "菜已入柜"),
    OrderState.COLLECTED: ("Collected. Enjoy it!", "已取走，请慢用！"),
    OrderState.RELEASED: ("This order was let go", "这单没有付款，已放弃"),
    OrderState.EXPIRING: ("This order is being withdrawn", "这单正在撤回"),
    OrderState.REFUNDED: ("This order was refunded", "这单已退款"),
}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def owner(day: Day) -> Any:
    return day.client(Role.RESIDENT)


def stranger(day: Day) -> Any:
    client = day.client()
    with client.session_transaction() as session:
        session["token"] = day.other
    return client


def put_in_state(day: Day, state: OrderState) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state=state.value))


@pytest.mark.parametrize("state", list(OrderState))
def test_the_page_says_where_the_order_stands(day: Day, owner: Any, state: OrderState) -> None:
    put_in_state(day, state)
    english, chinese = HEADINGS[state]
    assert english in owner.get(f"/en/orders/{day.order_id}").text
    assert chinese in owner.get(f"/zh-hans/orders/{day.order_id}").text


def test_the_list_shows_ones_own_orders_only(day: Day, owner: Any) -> None:
    assert day.order_id in owner.get("/en/orders").text
    assert "No orders yet." in stranger(day).get("/en/orders").text


@pytest.mark.parametrize("path", ["", "/collect", "/qr.png"])
def test_anothers_order_answers_as_one_that_is_not_there(day: Day, path: str) -> None:
    client = stranger(day)
    theirs = client.get(f"/en/orders/{day.order_id}{path}")
    nobodys = client.get(f"/en/orders/{'0' * 32}{path}")
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert theirs.text.replace(day.order_id, "") == nobodys.text.replace("0" * 32, "")


@pytest.mark.parametrize("act", ["pay", "give-up", "again"])
def test_nobody_acts_on_anothers_order(day: Day, act: str) -> None:
    put_in_state(day, OrderState.AWAITING_PAYMENT)
    assert stranger(day).post(f"/en/orders/{day.order_id}/{act}").status_code == 404
    with day.engine.connect() as conn:
        assert conn.execute(select(t.customer_order.c.state)).scalar_one() == "awaiting_payment"


def test_whoever_is_not_signed_in_is_asked_to_and_led_back(day: Day) -> None:
    answer = day.client().get(f"/en/orders/{day.order_id}")
    assert answer.headers["Location"].startswith("/en/sign-in?next=/en/orders/")


def test_an_unpaid_order_can_be_paid_or_let_go(day: Day, owner: Any) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="awaiting_payment", hold_until=NOW.replace(hour=5)))
    assert owner.post(f"/en/orders/{day.order_id}/pay").status_code == 303
    assert owner.post(f"/en/orders/{day.order_id}/give-up").status_code == 303
    with day.engine.connect() as conn:
        assert conn.execute(select(t.customer_order.c.state)).scalar_one() == "released"


def test_paying_too_late_is_said_on_the_orders_page(day: Day, owner: Any) -> None:
    put_in_state(day, OrderState.RELEASED)
    answer = owner.post(f"/en/orders/{day.order_id}/pay")
    assert answer.status_code == 409
    assert "nobody paid" in answer.text


def test_a_paid_order_is_not_let_go(day: Day, owner: Any) -> None:
    assert owner.post(f"/en/orders/{day.order_id}/give-up").status_code == 409
    with day.engine.connect() as conn:
        assert conn.execute(select(t.customer_order.c.state)).scalar_one() == "paid"


def test_the_same_again_fills_the_basket(day: Day, owner: Any) -> None:
    assert owner.post(f"/en/orders/{day.order_id}/again").headers["Location"] == f"/en/basket?again={day.order_id}"
    with owner.session_transaction() as session:
        assert set(session["basket"].values()) == {2}


def test_the_page_hears_of_its_order(day: Day, owner: Any) -> None:
    assert f'data-live="/live?topic=order:{day.order_id}"' in owner.get(f"/en/orders/{day.order_id}").text
