"""The resident's pages in a real browser: accessible, not too wide, by keyboard, alive, and without script."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import session
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine, insert, text, update

from app.db import tables as t
from app.db.engine import announce, transaction
from app.db.tables import metadata
from app.domain.roles import Role
from tests.web.served import served
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at, sign_in_as

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
RUN_AXE = "axe.run().then(found => JSON.stringify(found.violations.map(one => [one.id, one.nodes.map(n => n.html)])))"
PAGES = (
    "shop",
    "products/pork-belly",
    "basket",
    "sign-in",
    "sites",
    "orders",
    "orders/{order}",
    "orders/{order}/collect",
    "inbox",
    "nothing",
)
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def day(db_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with db_engine.begin() as conn:
        conn.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    with day_at(db_engine, tmp_path_factory.mktemp("pages")) as made:
        lay_in(made)
        yield made


def lay_in(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="ready"))
        for door, parcel_id in enumerate(day.parcels, start=6):
            conn.execute(update(t.parcel).where(t.parcel.c.id == parcel_id).values(state="loaded", door=door))
        credential = {"id": "0" * 16, "order_id": day.order_id, "site_id": day.site_id, "handle": 7, "generation": 1}
        until = NOW + timedelta(hours=20)
        conn.execute(insert(t.credential).values(**credential, made_at=NOW, expires_at=until, typed=True))


@pytest.fixture(scope="module")
def address(day: Day, browser: Browser) -> Iterator[str]:
    with served(day.app, browser) as address:
        yield address


def open_page(browser: Browser, day: Day, address: str, **more: Any) -> Page:
    """A page signed in as the resident, who lives where their order goes."""
    with day.app.test_request_context("/"):
        with day.engine.begin() as conn:
            session["token"] = sign_in_as(conn, day.people[Role.RESIDENT])
        session["site"] = day.site_id
        session["basket"] = {"tomatoes": 2, "pork-belly": 1}
        cookie = day.app.session_interface.get_signing_serializer(day.app).dumps(dict(session))  # type: ignore[attr-defined]
    context = browser.new_context(**more)
    context.add_cookies([{"name": "caibox", "value": cookie, "url": address}])
    page = context.new_page()
    page.set_default_timeout(10_000)
    return page


def violations(page: Page) -> list[Any]:
    devtools = page.context.new_cdp_session(page)  # so that the page's own policy stays on
    devtools.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    asked = {"expression": RUN_AXE, "awaitPromise": True, "returnByValue": True}
    return list(json.loads(devtools.send("Runtime.evaluate", asked)["result"]["value"]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_axe_finds_nothing_and_nothing_is_too_wide(
    browser: Browser, day: Day, address: str, language: str, scheme: str
) -> None:
    page = open_page(browser, day, address, color_scheme=scheme, viewport={"width": 390, "height": 844})
    for name in PAGES:
        page.goto(f"{address}/{language}/{name.format(order=day.order_id)}")
        assert violations(page) == [], name
        for width in (320, 390, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate(FITS), (name, width)
    page.context.close()


def test_no_page_asks_anybody_else_for_anything_or_breaks_its_policy(browser: Browser, day: Day, address: str) -> None:
    page = open_page(browser, day, address)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
    for name in PAGES[:-1]:
        page.goto(f"{address}/zh-hans/{name.format(order=day.order_id)}")
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert complaints == []
    page.context.close()


def test_the_stepper_answers_in_place(browser: Browser, day: Day, address: str) -> None:
    page = open_page(browser, day, address)
    page.goto(f"{address}/en/shop")
    page.click("#stepper-tomatoes .plus")
    page.wait_for_selector("#stepper-tomatoes output:text-is('3')")
    assert "4 items" in page.inner_text("#basket-bar")
    assert page.evaluate("document.activeElement.className") == "plus"
    page.context.close()


def test_everything_works_without_script(browser: Browser, day: Day, address: str) -> None:
    page = open_page(browser, day, address, java_script_enabled=False)
    page.goto(f"{address}/en/shop")
    page.click("#stepper-cucumbers .plus")
    page.click("#basket-bar a")
    page.wait_for_url("**/en/basket")
    assert page.is_visible("text=Cucumbers")
    page.click("button.bar-button")
    page.wait_for_url("**/pay/**")
    page.context.close()


def test_one_orders_by_keyboard_alone(browser: Browser, day: Day, address: str) -> None:
    page = open_page(browser, day, address)
    page.goto(f"{address}/en/basket")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('button.bar-button')"):
            break
    assert seen(page), "the focus is not hidden behind anything"
    page.keyboard.press("Enter")
    page.wait_for_url("**/pay/**")
    page.context.close()


def seen(page: Page) -> bool:
    return bool(
        page.evaluate(
            """() => { const r = document.activeElement.getBoundingClientRect();
            const top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
            return document.activeElement.contains(top); }"""
        )
    )


def test_the_focus_is_never_hidden_behind_the_bar(browser: Browser, day: Day, address: str) -> None:
    page = open_page(browser, day, address, viewport={"width": 390, "height": 700})
    page.goto(f"{address}/zh-hans/shop")
    for _ in range(45):
        page.keyboard.press("Tab")
        assert seen(page), page.evaluate("document.activeElement.outerHTML")
    page.context.close()


def test_a_refused_form_takes_the_focus(browser: Browser, day: Day, address: str) -> None:
    page = open_page(browser, day, address)
    page.goto(f"{address}/zh-hans/sign-in")
    page.fill("#f-contact", "12")
    page.keyboard.press("Enter")
    page.wait_for_selector(".summary")
    assert page.evaluate("document.activeElement.className") == "summary"
    assert page.input_value("#f-contact") == "12"
    assert page.title().startswith("错误：")
    page.context.close()


def test_the_order_page_moves_by_itself(browser: Browser, day: Day, address: str) -> None:
    page = open_page(browser, day, address)
    page.goto(f"{address}/en/orders/{day.order_id}")
    assert "in the locker" in page.inner_text("h1")
    with transaction(day.engine) as conn:
        conn.execute(update(t.customer_order).values(state="collected"))
        announce(conn, f"order:{day.order_id}")
    page.wait_for_selector("h1:has-text('Collected. Enjoy it!')")
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="ready"))
    page.context.close()


def test_targets_are_large_enough_for_a_thumb(browser: Browser, day: Day, address: str) -> None:
    page = open_page(browser, day, address, viewport={"width": 390, "height": 844})
    for name in PAGES:
        page.goto(f"{address}/zh-hans/{name.format(order=day.order_id)}")
        small = page.evaluate(
            """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select')]
            .filter(one => one.offsetParent && !one.closest('p') && !one.closest('.skip'))
            .map(one => [(one.closest('label') || one).getBoundingClientRect().height, one.outerHTML])
            .filter(([height]) => height && height < 44)"""
        )
        assert small == [], name
    page.context.close()
