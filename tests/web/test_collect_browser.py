"""Collecting in a real browser: taps counted, by keyboard, without script, at 320 px, and with the network cut."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.db.engine import announce, transaction
from app.domain.roles import Role
from tests.web.collect_world import happen, link, make_ready, pulse_in_vain
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
RUN_AXE = "axe.run().then(found => JSON.stringify(found.violations.map(one => [one.id, one.nodes.map(n => n.html)])))"
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
PICTURES = os.environ.get("CAIBOX_PICTURES")
PHONE, SMALL, DESK = (ViewportSize(width=width, height=844) for width in (390, 320, 1280))
WORDS = {
    "en": {
        "open": "Open door",
        "here": "I am here: open",
        "again": "Try again",
        "refund": "Refund",
        "way": "on its way",
    },
    "zh-hans": {"open": "打开 6", "here": "我在柜前", "again": "再试一次", "refund": "现在退款", "way": "正在给您退款"},
}
LANGUAGES = pytest.mark.parametrize("language", list(WORDS))
KEPT = "caches.open('collect-kept').then(cache => cache.keys()).then(all => all.length)"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield make_ready(made)


def come(context: BrowserContext, url: str, day: Day, language: str = "en") -> Page:
    page = context.new_page()
    page.goto(f"{url}/{language}/c/{link(day)}")
    return page


def taps(page: Page) -> int:
    return int(page.evaluate("window.taps || 0"))


def count_taps(context: BrowserContext) -> None:
    """Over page loads too."""
    context.add_init_script(
        "window.taps = Number(sessionStorage.getItem('taps'));"
        "addEventListener('click', () => sessionStorage.setItem('taps', ++window.taps), true)"
    )


def look(page: Page, name: str) -> list[Any]:
    """What axe finds, and whether the page is too wide; a picture of it where CAIBOX_PICTURES says."""
    if PICTURES:
        width = page.viewport_size["width"] if page.viewport_size else 0
        language = "zh" if "/zh-hans/" in page.url else "en"
        page.screenshot(path=f"{PICTURES}/collect-{width}-{language}-{name}.png", full_page=True)
    devtools = page.context.new_cdp_session(page)  # so that the page's own policy stays on
    devtools.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    asked = {"expression": RUN_AXE, "awaitPromise": True, "returnByValue": True}
    found = list(json.loads(devtools.send("Runtime.evaluate", asked)["result"]["value"]))
    return found if page.evaluate(FITS) else [*found, "too wide"]


def commands(day: Day) -> int:
    with day.engine.begin() as conn:
        return len(conn.execute(select(t.remote_command.c.id)).all())


@LANGUAGES
@pytest.mark.parametrize("script", [True, False])
def test_from_the_link_to_the_opening_in_two_taps(
    day: Day, url: str, browser: Browser, language: str, *, script: bool
) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=script)
    if script:
        count_taps(context)
    page = come(context, url, day, language)
    page.locator("#open-sheet summary").click()
    page.get_by_role("button", name=WORDS[language]["here"]).click()
    expect(page.locator("#collect-bar")).to_contain_text("6")
    assert commands(day) == 1
    if script:
        assert taps(page) <= 2
        happen(day, "UnlockGranted")
        happen(day, "DoorWasOpened")
        expect(page.locator("#collect-bar .bar-line.ok")).to_be_visible()  # it came by itself
    context.close()


def test_by_keyboard_alone(day: Day, url: str, browser: Browser) -> None:
    page = come(browser.new_context(viewport=PHONE), url, day)
    page.locator("#open-sheet summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="I am here: open")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#collect-bar")).to_contain_text("Opening doors 6, 7")
    assert commands(day) == 1


@LANGUAGES
def test_a_jam_ends_in_one_button_for_the_keeper_and_one_for_the_money(
    day: Day, url: str, browser: Browser, language: str
) -> None:
    with day.engine.begin() as conn:
        keeper = t.person.c.id == day.people[Role.KEEPER]
        conn.execute(update(t.person).where(keeper).values(site_id=day.site_id, display_name="阿珍"))
    page = come(browser.new_context(viewport=PHONE), url, day, language)
    pulse_in_vain(day, 1)
    again = page.get_by_role("button", name=WORDS[language]["again"])
    expect(again).to_be_visible()
    assert look(page, "again") == []
    pulse_in_vain(day, 1)
    expect(page.locator("#collect-bar a[href^='tel:']")).to_contain_text("阿珍")
    assert look(page, "stuck") == []
    page.get_by_role("button", name=WORDS[language]["refund"]).click()
    expect(page.locator("h1")).to_contain_text(WORDS[language]["way"])
    assert look(page, "refund") == []
    with day.engine.begin() as conn:
        assert conn.execute(select(t.customer_order.c.state, t.customer_order.c.withdrawn_for)).one() == (
            "expiring",
            "not_opened",
        )


@LANGUAGES
@pytest.mark.parametrize("scheme", ["light", "dark", "large"])
@pytest.mark.parametrize("viewport", [SMALL, PHONE, DESK], ids=["320", "390", "1280"])
def test_the_page_is_readable_in_each_mode(
    day: Day, url: str, browser: Browser, language: str, scheme: str, viewport: ViewportSize
) -> None:
    context = browser.new_context(viewport=viewport, color_scheme="dark" if scheme == "dark" else "light")
    page = come(context, url, day, language)
    if scheme == "large":
        page.locator("footer button[name=large]").click()
        expect(page.locator("html.large")).to_be_attached()
    assert look(page, f"ready-{scheme}") == []
    page.locator("#open-sheet summary").click()
    assert look(page, f"sheet-{scheme}") == []
    context.close()


# --- without a network


def until(page: Page, promised: str) -> None:
    """Wait until what is promised in the page is true."""
    for _ in range(150):
        if page.evaluate(promised):
            return
        page.wait_for_timeout(100)
    pytest.fail(promised)


def keep(page: Page) -> None:
    """Wait until the phone has its copy."""
    until(page, f"{KEPT}.then(count => count >= 2 && navigator.serviceWorker.controller !== null)")


def is_forgotten(page: Page) -> None:
    """Wait until the phone has neither copy nor worker."""
    until(page, f"{KEPT}.then(count => count === 0)")
    until(page, "navigator.serviceWorker.getRegistrations().then(all => all.length === 0)")


def test_without_a_network_code_and_qr_stay_and_say_how_old_they_are(day: Day, url: str, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page = come(context, url, day)
    code = page.locator(".code-digits").inner_text()
    expect(page.locator(".kept-notice")).to_be_hidden()
    keep(page)
    context.set_offline(True)
    page.reload()
    expect(page.locator(".code-digits")).to_have_text(code)
    expect(page.locator(".kept-notice")).to_contain_text(f"You are offline. The code still opens the door: {code}.")
    expect(page.locator(".kept-notice")).to_contain_text("12:0")
    assert page.evaluate("document.querySelector('.qr img').decode().then(() => true)")
    expect(page.locator("#open-sheet")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.querySelector('.code-card')).borderRadius") != "0px"
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/collect-390-en-offline.png", full_page=True)
    context.set_offline(False)
    page.reload()
    expect(page.locator(".kept-notice")).to_be_hidden()
    expect(page.locator("#open-sheet")).to_be_visible()


def test_an_open_page_says_that_the_network_went_and_that_it_came_back(day: Day, url: str, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page = come(context, url, day)
    context.set_offline(True)
    expect(page.locator(".kept-notice")).to_be_visible()
    context.set_offline(False)
    expect(page.locator(".kept-notice")).to_be_hidden()


def test_a_withdrawn_code_is_gone_from_the_phone_once_it_is_online(day: Day, url: str, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page = come(context, url, day)
    keep(page)
    with transaction(day.engine) as conn:
        conn.execute(update(t.credential).values(ended_at=NOW - timedelta(hours=1)))
        conn.execute(update(t.customer_order).values(state="refunded"))
        announce(conn, f"order:{day.order_id}")
    expect(page.locator(".code-digits")).to_have_count(0)
    page.reload()
    is_forgotten(page)


def test_a_renewed_code_takes_the_place_of_the_kept_one(day: Day, url: str, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page = come(context, url, day)
    before = page.locator(".code-digits").inner_text()
    keep(page)
    with transaction(day.engine) as conn:
        conn.execute(update(t.credential).values(generation=2))
        announce(conn, f"order:{day.order_id}")
    expect(page.locator(".code-digits")).not_to_have_text(before)
    fresh = page.locator(".code-digits").inner_text()
    until(
        page,
        "caches.open('collect-kept').then(cache => cache.match(location.href)).then(found => found ? found.text() : '')"
        f".then(text => text.includes('{fresh}'))",
    )
    until(page, f"{KEPT}.then(count => count === 2)")
    context.set_offline(True)
    page.reload()
    expect(page.locator(".code-digits")).to_have_text(fresh)
    assert page.evaluate("document.querySelector('.qr img').decode().then(() => true)")


def test_the_copy_holds_nothing_of_who_is_signed_in_and_goes_when_they_sign_out(
    day: Day, url: str, browser: Browser
) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.goto(f"{url}/be/{Role.RESIDENT}")
    page.goto(f"{url}/en/c/{link(day)}")
    assert "sign-out" in page.content()
    keep(page)
    context.set_offline(True)
    page.reload()
    expect(page.locator(".kept-notice")).to_be_visible()
    assert "sign-out" not in page.content()
    context.set_offline(False)
    page.reload()
    keep(page)
    page.locator("form[action$='/sign-out'] button").first.click()
    page.wait_for_load_state()
    is_forgotten(page)


def test_the_page_of_who_is_signed_in_is_never_kept(day: Day, url: str, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.goto(f"{url}/be/{Role.RESIDENT}")
    page.goto(f"{url}/en/orders/{day.order_id}/collect")
    expect(page.locator(".code-digits")).to_be_visible()
    page.wait_for_load_state("load")
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0


def test_where_there_are_no_service_workers_the_page_is_the_same(day: Day, url: str, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, service_workers="block")
    context.add_init_script("delete Navigator.prototype.serviceWorker")
    page = come(context, url, day)
    expect(page.locator(".code-digits")).to_be_visible()
    page.locator("#open-sheet summary").click()
    page.get_by_role("button", name="I am here: open").click()
    expect(page.locator("#collect-bar")).to_contain_text("Opening doors 6, 7")


def test_the_qr_is_a_picture_of_its_own_size_that_a_long_press_keeps(day: Day, url: str, browser: Browser) -> None:
    page = come(browser.new_context(viewport=SMALL), url, day)
    picture = page.locator(".qr img")
    size = picture.evaluate("image => [image.naturalWidth, image.getBoundingClientRect().width, image.tagName]")
    assert size[2] == "IMG"
    assert size[0] == 360
    assert size[1] >= 240  # 37 modules and their quiet zone: above 5 px a module
