"""Changing and cancelling an order on its pages: by plain forms, in both languages, on a phone, never by surprise."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine, insert, select, update

from app.db import tables as t
from app.domain.roles import Role
from app.use_cases.money.settle_payment import settle_payment
from tests.web.after_world import goods, one, paid_for
from tests.web.evening_world import faults_of
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

PHONE = ViewportSize(width=390, height=844)
WORDS = {
    "en": {
        "change": "Change it until",
        "do": "Change the order",
        "pay": "Change and pay",
        "cancel": "Cancel it",
        "yes": "Cancel it, ",
        "withdrawn": "This order is being withdrawn",
    },
    "zh-hans": {
        "change": "前可改单",
        "do": "确认改单",
        "pay": "改单并付款",
        "cancel": "取消订单",
        "yes": "取消，退",
        "withdrawn": "这单正在撤回",
    },
}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        paid_for(made)
        yield made


@pytest.fixture
def owner(day: Day) -> Any:
    return day.client(Role.RESIDENT)


def stranger(day: Day) -> Any:
    client = day.client()
    with client.session_transaction() as session:
        session["token"] = day.other
    return client


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, name
    return found.group(1)


def form_of(html: str) -> dict[str, str]:
    """What the form on the page would send."""
    sent = dict(re.findall(r'name="(q-[\w-]+)" value="(\d+)"', html))
    checked = re.search(r'name="window_id" value="(\d+)" required checked', html)
    assert checked
    names = ("idempotency_key", "shown_minor", "basket")
    return {**sent, **{name: hidden(html, name) for name in names}, "window_id": checked.group(1)}


def step(client: Any, day: Day, html: str, product: str, number: int) -> str:
    answer = client.post(f"/en/orders/{day.order_id}/edit/draft", data={**form_of(html), "set": f"{product}:{number}"})
    assert answer.status_code == 200
    return str(answer.text)


def send(client: Any, day: Day, html: str, **other: str) -> Any:
    return client.post(f"/en/orders/{day.order_id}/edit", data={**form_of(html), **other})


def page(client: Any, day: Day, query: str = "") -> str:
    return str(client.get(f"/en/orders/{day.order_id}/edit{query}").text)


def test_a_step_shows_what_comes_back_and_keeps_nothing(day: Day, owner: Any) -> None:
    before = goods(day)
    product = next(iter(before))
    html = step(owner, day, page(owner, day), product, 1)
    assert "comes back" in html
    assert "before: 2" in html
    assert re.search(rf'<button class="minus" id="minus-{product}"[^>]* autofocus>', html), "the focus stays there"
    assert goods(day) == before


def test_what_costs_less_is_done_and_led_back_to_the_order(day: Day, owner: Any) -> None:
    product = next(iter(goods(day)))
    html = step(owner, day, page(owner, day), product, 0)
    answer = send(owner, day, html)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/en/orders/{day.order_id}")
    assert product not in goods(day)
    assert one(day, t.refund.c.amount_minor) == -int(hidden(html, "shown_minor"))


def test_what_costs_more_leads_to_the_providers_page_and_waits(day: Day, owner: Any) -> None:
    before = goods(day)
    html = step(owner, day, page(owner, day), next(iter(before)), 3)
    answer = send(owner, day, html)
    assert answer.headers["Location"].startswith("/pay/sandbox/") or "/pay/" in answer.headers["Location"]
    assert goods(day) == before
    shown = owner.get(f"/en/orders/{day.order_id}").text
    assert "Your change waits for its payment" in shown
    edit_id = one(day, t.order_edit.c.id)
    assert owner.post(f"/en/orders/{day.order_id}/edit/{edit_id}/pay").status_code == 303


def test_a_price_that_changed_meanwhile_is_shown_before_anything_is_done(day: Day, owner: Any) -> None:
    before = goods(day)
    product = next(iter(before))
    html = step(owner, day, page(owner, day), product, 3)
    with day.engine.begin() as conn:
        conn.execute(update(t.product).where(t.product.c.id == product).values(price_minor=99_00))
    answer = send(owner, day, html)
    assert answer.status_code == 409
    assert "a price changed in the meantime" in answer.text
    assert "Now ¥99.00." in answer.text
    assert goods(day) == before


def test_what_is_left_is_said_and_the_form_is_kept(day: Day, owner: Any) -> None:
    product = next(iter(goods(day)))
    html = step(owner, day, page(owner, day), product, 3)
    with day.engine.begin() as conn:
        stock = update(t.run_stock).where(t.run_stock.c.product_id == product)
        conn.execute(stock.values(total=t.run_stock.c.taken))
    answer = send(owner, day, html)
    assert answer.status_code == 409
    assert "only 0 more can be had" in answer.text
    assert form_of(answer.text)[f"q-{product}"] == "3"


def test_what_is_no_longer_sold_is_said_and_stays(day: Day, owner: Any) -> None:
    product = next(iter(goods(day)))
    with day.engine.begin() as conn:
        conn.execute(update(t.product).where(t.product.c.id == product).values(active=False))
    html = page(owner, day)
    assert "No longer sold. What you ordered still comes." in html
    assert "You can keep what you ordered." in step(owner, day, html, product, 3)


def test_the_basket_is_added_and_then_empty(day: Day, owner: Any) -> None:
    with owner.session_transaction() as session:
        session["site"], session["basket"] = day.site_id, {"milk": 1, "pork-belly": 1}
    basket = owner.get("/en/basket").text
    assert f"/en/orders/{day.order_id}/edit?basket=1" in basket
    html = page(owner, day, "?basket=1")
    assert form_of(html)["q-pork-belly"] == "1"
    assert send(owner, day, html).status_code == 303
    with owner.session_transaction() as session:
        assert session["basket"] == {}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"q-nothing": "1"}, "not sold"),
        ({"q-spinach": "abc"}, "whole number"),
        ({"window_id": "999"}, "That time is no longer offered"),
        ({"idempotency_key": "x"}, "not whole"),
    ],
)
def test_nonsense_is_answered_in_words_and_changes_nothing(
    day: Day, owner: Any, sent: dict[str, str], words: str
) -> None:
    before = goods(day)
    html = step(owner, day, page(owner, day), next(iter(before)), 1)
    answer = send(owner, day, html, **sent)
    assert 400 <= answer.status_code < 500
    assert words in answer.text
    assert goods(day) == before


def test_after_the_cut_off_the_page_says_so(day: Day, owner: Any) -> None:
    html = page(owner, day)
    with day.engine.begin() as conn:
        conn.execute(update(t.load_run).values(order_by=NOW))
    assert "Orders for that time have closed" in page(owner, day)
    assert send(owner, day, html).status_code == 409
    assert "Change it until" not in owner.get(f"/en/orders/{day.order_id}").text


@pytest.mark.parametrize("path", ["edit", "cancel", "receipts/1", "receipts/1.csv"])
def test_anothers_order_is_not_found(day: Day, path: str) -> None:
    assert stranger(day).get(f"/en/orders/{day.order_id}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["edit", "edit/draft", "edit/x/pay", "cancel"])
def test_nobody_changes_anothers_order(day: Day, path: str) -> None:
    before = goods(day)
    assert stranger(day).post(f"/en/orders/{day.order_id}/{path}", data={"shown_minor": "1"}).status_code == 404
    assert (goods(day), one(day, t.customer_order.c.state)) == (before, "paid")


def test_cancelling_shows_what_comes_back_and_does_it_once(day: Day, owner: Any) -> None:
    asked = owner.get(f"/en/orders/{day.order_id}/cancel").text
    assert "you can cancel freely: all of it comes back" in asked
    shown = hidden(asked, "shown_minor")
    assert owner.post(f"/en/orders/{day.order_id}/cancel", data={"shown_minor": shown}).status_code == 303
    assert one(day, t.customer_order.c.state) == "expiring"
    again = owner.post(f"/en/orders/{day.order_id}/cancel", data={"shown_minor": shown})
    assert (again.status_code, "nothing left to cancel" in again.text) == (409, True)


def test_whoever_was_shown_more_is_asked_again(day: Day, owner: Any) -> None:
    shown = hidden(owner.get(f"/en/orders/{day.order_id}/cancel").text, "shown_minor")
    with day.engine.begin() as conn:
        conn.execute(update(t.load_run).values(order_by=NOW - timedelta(hours=1)))
        policy = {"site_id": day.site_id, "closed_percent": 50, "packed_percent": 20, "ready_percent": 0}
        conn.execute(insert(t.cancel_policy).values(**policy))
    answer = owner.post(f"/en/orders/{day.order_id}/cancel", data={"shown_minor": shown})
    assert answer.status_code == 409
    assert "something else would come back" in answer.text
    assert "50 % of the price comes back." in answer.text
    assert one(day, t.customer_order.c.state) == "paid"


def follow(day: Day) -> None:
    """The provider's word arrives; its webhook goes to an address that is not served here."""
    parts = day.app.extensions["caibox"]
    with day.engine.begin() as conn:
        ref = conn.execute(select(t.payment.c.provider_ref).where(t.payment.c.state == "open")).scalar_one()
    settle_payment(parts.engine, parts.provider, provider_ref=ref, now=NOW, settings=parts.settings)


def picture(shown: Page, name: str) -> None:
    folder = os.environ.get("CAIBOX_PICTURES")
    if folder:
        shown.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_on_a_phone_one_takes_something_out_and_adds_something(
    browser: Browser, day: Day, url: str, language: str
) -> None:
    words, (first, second, *_) = WORDS[language], goods(day)
    shown = browser.new_context(viewport=PHONE).new_page()
    shown.set_default_timeout(20_000)
    shown.goto(f"{url}/be/resident")
    shown.goto(f"{url}/{language}/orders/{day.order_id}")
    shown.get_by_role("link", name=re.compile(words["change"])).click()
    shown.locator(f"#minus-{first}").click()
    shown.locator(f"#minus-{first}").click()
    assert faults_of(shown) == []
    picture(shown, f"edit-{language}")
    shown.get_by_role("button", name=words["do"]).click()
    expect(shown.locator("#order")).to_be_visible()
    assert first not in goods(day)
    shown.get_by_role("link", name=re.compile(words["change"])).click()
    shown.locator(f"#plus-{second}").click()
    shown.get_by_role("button", name=words["pay"]).click()
    shown.locator("button[value=pay]").click()
    shown.wait_for_url(f"**/orders/{day.order_id}")
    follow(day)
    expect(shown.locator("form[action*=edit]")).to_have_count(0)
    assert goods(day)[second] == 3
    picture(shown, f"edited-{language}")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_on_a_phone_one_cancels_by_keyboard_after_seeing_what_comes_back(
    browser: Browser, day: Day, url: str, language: str
) -> None:
    words = WORDS[language]
    shown = browser.new_context(viewport=PHONE).new_page()
    shown.set_default_timeout(20_000)
    shown.goto(f"{url}/be/resident")
    shown.goto(f"{url}/{language}/orders/{day.order_id}")
    link = shown.get_by_role("link", name=words["cancel"], exact=True)
    link.focus()
    shown.keyboard.press("Enter")
    button = shown.get_by_role("button", name=re.compile(words["yes"]))
    expect(button).to_be_visible()
    assert faults_of(shown) == []
    picture(shown, f"cancel-{language}")
    button.focus()
    shown.keyboard.press("Enter")
    expect(shown.locator("h1")).to_have_text(words["withdrawn"])
