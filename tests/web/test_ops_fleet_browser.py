"""A thousand lockers in a real browser: what is wrong without scrolling, rows that stay, keys, and numbers that age."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.db.engine import announce, transaction
from app.domain.roles import Role
from tests.web import fleet_world
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at
from tests.web.test_staff_browser import AXE, RUN_AXE

DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
PICTURES = os.environ.get("CAIBOX_PICTURES")
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def fleet(day: Day) -> fleet_world.Fleet:
    with day.engine.begin() as conn:
        return fleet_world.write_fleet(conn, now=NOW, lockers=997)


def open_page(browser: Browser, url: str, path: str, viewport: ViewportSize, **more: Any) -> Page:
    page = browser.new_context(viewport=viewport, **more).new_page()
    page.goto(f"{url}/be/{Role.OPERATOR}")
    page.goto(url + path)
    return page


def seen(page: Page, name: str, *, whole: bool = False) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/fleet-{name}.png", full_page=whole)


def faults_of(page: Page) -> list[str]:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    found = devtools.send(
        "Runtime.evaluate", {"expression": f"({RUN_AXE})()", "awaitPromise": True, "returnByValue": True}
    )
    return list(found["result"]["value"])


def in_view(page: Page, selector: str) -> bool:
    """Whether the whole of an element can be seen without scrolling."""
    box = page.locator(selector).first.bounding_box()
    size = page.viewport_size
    assert box is not None
    assert size is not None
    return box["y"] >= 0 and box["y"] + box["height"] <= size["height"] and box["x"] + box["width"] <= size["width"] + 1


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["1280", "390"])
def test_what_is_wrong_with_a_thousand_lockers_is_seen_without_scrolling(
    day: Day, fleet: fleet_world.Fleet, url: str, browser: Browser, viewport: ViewportSize, language: str
) -> None:
    page = open_page(browser, url, f"/{language}/ops", viewport, reduced_motion="reduce")
    expect(page.locator(".mosaic a")).to_have_count(1000)
    for selector in (".fleet-count.stop", ".fleet-count.look", ".fleet-count.unknown", ".fleet-all"):
        assert in_view(page, selector), selector
    causes = page.locator(".fleet-causes .chip").count()
    assert causes == len(fleet.by_cause)
    assert in_view(page, ".fleet-causes")
    assert in_view(page, ".fleet-line >> nth=0")  # the worst, with its next step
    assert in_view(page, ".fleet-line >> nth=0 >> .button")
    if viewport is DESK:
        assert in_view(page, "#mosaic")
        assert in_view(page, ".mosaic-legend")
    assert not page.evaluate(WIDER)
    assert page.evaluate("scrollY") == 0
    seen(page, f"{language}-{viewport['width']}")
    page.context.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_page_is_accessible_and_fits(
    day: Day, fleet: fleet_world.Fleet, url: str, browser: Browser, colours: Any
) -> None:
    page = open_page(browser, url, "/en/ops", PHONE, color_scheme=colours)
    faults = faults_of(page)
    places = {
        "phone": f"{url}/zh-hans/ops",
        "list": f"{url}/en/ops?show=silent",
        "locker": f"{url}/en/ops/lockers/{fleet.by_cause['too_warm'][0]}",
        "site": f"{url}/en/ops/sites/{fleet.sites[0]}",
        "number": f"{url}/en/ops/numbers/osmanthus/waste",
        "numbers": f"{url}/en/ops/numbers",
    }
    for name, address in places.items():
        page.goto(address)
        page.wait_for_load_state("load")
        faults += [f"{name}: {fault}" for fault in faults_of(page)]
        seen(page, f"{name}-{colours}", whole=True)
    page.set_viewport_size(ViewportSize(width=320, height=700))
    for name, address in places.items():
        page.goto(address)
        if page.evaluate(WIDER):
            faults.append(f"{name} is wider than 320 px")
    assert faults == []
    page.context.close()


def told(day: Day) -> None:
    """The page hears that something changed with the alarms."""
    with transaction(day.engine) as conn:
        announce(conn, "alarms")


def tops(page: Page) -> dict[str, float]:
    """Where each line stands, by its key."""
    found: dict[str, float] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.fleet-line')]"
        ".map((row) => [row.dataset.key, row.getBoundingClientRect().top]))"
    )
    return found


def a_fine_site(day: Day, fleet: fleet_world.Fleet) -> str:
    """A locker at a site where nothing is wrong yet."""
    wrong = [each for some in fleet.by_cause.values() for each in some]
    with day.engine.begin() as conn:
        bad = select(t.locker.c.site_id).where(t.locker.c.id.in_(wrong))
        warm = select(t.zone_alarm.c.site_id)
        fine = t.locker.c.site_id.not_in(bad) & t.locker.c.site_id.not_in(warm) & t.locker.c.id.in_(fleet.lockers)
        return str(conn.execute(select(t.locker.c.id).where(fine).order_by(t.locker.c.id).limit(1)).scalar_one())


def test_lines_stay_where_they_are_and_new_ones_wait_in_a_bar(
    day: Day, fleet: fleet_world.Fleet, url: str, browser: Browser
) -> None:
    page = open_page(browser, url, "/en/ops", DESK)
    third = page.locator(".fleet-line .button").nth(2)
    third.focus()
    third.hover()
    before, news = tops(page), page.locator("#fleet-news")
    expect(news).to_be_hidden()
    fresh = a_fine_site(day, fleet)
    over = fleet.by_cause["quarantined"][0]
    with day.engine.begin() as conn:
        fleet_world.warm(conn, fresh, at=NOW)
        mine = t.quarantine.c.locker_id == over
        gone = {"state": "cleared", "decided_at": NOW, "decided_by": "clock"}
        conn.execute(update(t.quarantine).where(mine).values(**gone))
    told(day)
    expect(news).to_have_text("1 new")
    expect(page.locator(".fleet-line.over")).to_have_count(1)
    expect(page.locator(".fleet-line.over .fleet-over")).to_have_text("over")
    expect(page.locator(".mosaic .h")).to_have_count(18)  # one more, one less
    with day.engine.begin() as conn:
        fleet_world.warm(conn, a_fine_site(day, fleet), at=NOW)
    told(day)
    expect(news).to_have_text("2 new")
    expect(page.locator(".fleet-line.over")).to_have_count(1)  # what has no place among the first twenty is not over
    assert tops(page) == before
    expect(third).to_be_focused()
    seen(page, "one-new")

    news.press("Enter")
    expect(page.locator(".fleet-line.over")).to_have_count(0)
    expect(news).to_be_hidden()
    with day.engine.begin() as conn:
        site_id = conn.execute(select(t.locker.c.site_id).where(t.locker.c.id == fresh)).scalar_one()
    expect(page.locator(f'[data-key="too_warm:{site_id}"]')).to_be_visible()
    assert page.evaluate("document.activeElement.closest('.fleet-line').dataset.key.startsWith('too_warm:')")
    page.context.close()


def test_the_thousand_lockers_are_one_stop_of_the_tab_key_with_arrows_within(
    day: Day, fleet: fleet_world.Fleet, url: str, browser: Browser
) -> None:
    page = open_page(browser, url, "/en/ops", DESK)
    focused = "[...document.querySelectorAll('#mosaic a')].indexOf(document.activeElement)"
    page.locator("#mosaic a").first.focus()
    across = page.evaluate(
        "(() => { const all = [...document.querySelectorAll('#mosaic a')];"
        " return all.findIndex((each) => each.offsetTop > all[0].offsetTop) })()"
    )
    for key, at in (("ArrowRight", 1), ("ArrowDown", 1 + across), ("ArrowLeft", across), ("ArrowUp", 0), ("End", 999)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == at, key
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == -1
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(focused) == 999
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/en/ops/lockers/{fleet.lockers[-1]}")
    page.context.close()


def test_what_is_not_heard_any_more_looks_old_and_is_fresh_again_when_the_line_is_back(
    day: Day, fleet: fleet_world.Fleet, url: str, browser: Browser
) -> None:
    page = open_page(browser, url, "/en/ops", PHONE)
    cut = True

    def through(route: Route) -> None:
        if cut:
            route.abort()
        else:
            route.continue_()

    page.route("**/en/ops", through)
    page.route("**/live**", through)
    for _ in range(2):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('changed'))")
        page.wait_for_timeout(300)
    expect(page.locator(".fleet-old")).to_contain_text("Old: this page does not hear us")
    expect(page.locator("#fleet")).to_have_class("fleet is-old")
    hatched = page.locator(".fleet-count.stop").evaluate("(one) => getComputedStyle(one).backgroundImage")
    assert "repeating-linear-gradient" in hatched
    seen(page, "old")
    cut = False
    page.evaluate("document.body.dispatchEvent(new CustomEvent('changed'))")
    expect(page.locator(".fleet-old")).to_be_hidden()
    expect(page.locator("#fleet")).to_have_class("fleet")
    page.context.close()


def test_without_script_every_locker_is_reached_through_the_numbers(
    day: Day, fleet: fleet_world.Fleet, url: str, browser: Browser
) -> None:
    page = open_page(browser, url, "/en/ops", PHONE, java_script_enabled=False)
    page.get_by_role("link", name="25 not heard").click()
    expect(page.locator(".fleet-line")).to_have_count(25)
    page.locator(".fleet-line a").first.click()
    expect(page.locator("#place .notice.unknown")).to_have_count(1)
    page.context.close()
