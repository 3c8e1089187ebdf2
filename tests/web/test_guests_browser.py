"""The way to an order in a real browser: without an account, by keyboard, without script; home's words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import session
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.served import served
from tests.web.staff_world import Day, day_at
from tests.web.states_world import past_cut_off
from tests.web.test_resident_pages import FITS, violations

CONTACT = "13800000042"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def address(day: Day, browser: Browser) -> Iterator[str]:
    with served(day.app, browser) as found:
        yield found


def visit(day: Day, browser: Browser, address: str, *, role: Role | None = None, **more: Any) -> Page:
    """A browser that has chosen its building, signed in or not."""
    context = browser.new_context(**{"viewport": {"width": 390, "height": 844}, **more})
    with day.app.test_request_context("/"):
        session["site"] = day.site_id
        if role is not None:
            session["token"] = day.tokens[role]
        cookie = day.app.session_interface.get_signing_serializer(day.app).dumps(dict(session))  # type: ignore[attr-defined]
    context.add_cookies([{"name": "caibox", "value": cookie, "url": address}])
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


def press_until(page: Page, selector: str, *, most: int = 120) -> None:
    """Walk with Tab until what is focused is `selector`."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab never reaches {selector}")


def order_of(day: Day) -> Any:
    with day.engine.connect() as conn:
        query = select(t.customer_order).where(t.customer_order.c.id != day.order_id)
        return conn.execute(query).one()


@pytest.mark.parametrize("width", [320, 390])
def test_a_first_order_is_placed_and_paid_by_keyboard_alone(
    browser: Browser, day: Day, address: str, width: int
) -> None:
    page = visit(day, browser, address, viewport={"width": width, "height": 844})
    page.goto(f"{address}/en/shop")
    press_until(page, "#stepper-tomatoes .plus")
    page.keyboard.press("Enter")
    page.wait_for_selector("#stepper-tomatoes output:text-is('1')")
    page.goto(f"{address}/en/basket")
    press_until(page, "#f-contact")
    page.keyboard.type("1380000")  # a slip
    page.keyboard.press("Enter")
    page.wait_for_selector(".summary")
    assert page.title().startswith("Error: ")
    assert page.evaluate("document.activeElement.matches('.summary')")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the summary's link leads to the field
    assert page.evaluate("document.activeElement.id") == "f-contact"
    assert page.input_value("#f-contact") == "1380000"
    page.fill("#f-contact", CONTACT)
    assert page.evaluate(FITS)
    press_until(page, "button[form=order]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sandbox/pay/**")
    press_until(page, "button[value=pay]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/**")
    assert order_of(day).guest_contact == f"+86{CONTACT}"


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_first_order_works_without_script(browser: Browser, day: Day, address: str, language: str) -> None:
    page = visit(day, browser, address, java_script_enabled=False)
    page.goto(f"{address}/{language}/shop")
    page.click("#stepper-tomatoes .plus")
    page.click("#basket-bar a.button")
    page.fill("#f-contact", CONTACT)
    page.click("button[form=order]")
    page.click("button[value=pay]")
    page.wait_for_url("**/orders/**")
    assert order_of(day).person_id not in day.people.values()


def test_what_is_not_as_last_time_is_said_before_it_is_paid(browser: Browser, day: Day, address: str) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.product).where(t.product.c.id == "tomatoes").values(price_minor=690))
        lines = select(t.order_line.c.product_id).where(t.order_line.c.order_id == day.order_id)
        gone = next(one for one in conn.execute(lines).scalars() if one != "tomatoes")
        conn.execute(update(t.run_stock).where(t.run_stock.c.product_id == gone).values(taken=t.run_stock.c.total))
    page = visit(day, browser, address, role=Role.RESIDENT)
    page.goto(f"{address}/en/")
    assert "not as last time" in page.inner_text(".order-again")
    page.click(".order-again button")
    assert "Different from last time" in page.inner_text("main")


def test_home_says_in_words_how_long_one_can_order_and_counts_on(browser: Browser, day: Day, address: str) -> None:
    page = visit(day, browser, address)
    page.goto(f"{address}/en/")
    assert "Order by 23:00 today (10 h 59 min left)" in page.inner_text(".cutoff") or "11 h 0 min left" in (
        page.inner_text(".cutoff")
    )
    page.evaluate("document.querySelector('.left').dataset.leftS = '150'")
    page.wait_for_selector(".left:text-matches('^[12] min left$')")
    page.evaluate("document.querySelector('.left').dataset.leftS = '-5'")
    page.wait_for_selector(".left:has-text('reload')")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-hans", "明天的订单已在今天 11:00截单，现在下单是11月24日"),
        ("en", "Orders closed at 11:00 today for tomorrow. Order now for"),
    ],
)
def test_past_the_cut_off_the_next_time_is_offered(
    browser: Browser, day: Day, address: str, language: str, words: str
) -> None:
    past_cut_off(day)
    page = visit(day, browser, address)
    page.goto(f"{address}/{language}/")
    assert words.replace(" ", "") in page.inner_text("main").replace(" ", "")
    assert "closed" not in page.inner_text("#basket-bar").lower()


def test_axe_finds_nothing_on_what_a_guest_meets(browser: Browser, day: Day, address: str) -> None:
    past_cut_off(day)
    for scheme in ("light", "dark"):
        page = visit(day, browser, address, color_scheme=scheme)
        page.goto(f"{address}/en/")
        assert violations(page) == []
        page.click("#stepper-tomatoes .plus")
        page.wait_for_selector("#stepper-tomatoes output")
        for step in ("basket", "products/tomatoes"):
            page.goto(f"{address}/en/{step}")
            assert violations(page) == [], step
            assert page.evaluate(FITS), step
        page.goto(f"{address}/en/basket")
        page.click("button[form=order]")  # without a contact
        page.wait_for_selector(".summary")
        assert violations(page) == []
        page.goto(f"{address}/zh-hans/sign-in?over=1")
        assert violations(page) == []
        page.context.close()
