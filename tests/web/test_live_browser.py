"""A page whose stream is lost says so and looks old; it comes back by itself. Swaps leave the focus where it is."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine, insert, text, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

STREAM = "**/live?*"
CLOCK = re.compile(r"\d\d:\d\d")
DESK = ViewportSize(width=1280, height=900)


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            reading = {"locker_id": "G1", "zone": "chilled", "air_c": 2.4, "product_c": 2.9, "at": NOW}
            conn.execute(insert(t.zone_reading).values(**reading))
            conn.execute(update(t.locker).values(online=True, heard_at=NOW))
            conn.execute(update(t.gateway).values(online=True, heard_at=NOW))
        yield made


def fleet(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport=DESK).new_page()
    page.goto(f"{url}/be/{Role.OPERATOR}")
    return page


def look_of(page: Page, selector: str) -> str:
    return str(page.locator(selector).first.evaluate("each => getComputedStyle(each).backgroundImage"))


def test_a_lost_stream_is_told_with_its_time_and_comes_back(day: Day, url: str, browser: Browser) -> None:
    page = fleet(browser, url)
    page.route(STREAM, lambda route: route.abort())
    page.goto(f"{url}/en/ops")
    lost = page.locator("#live-lost")
    expect(lost).to_be_hidden()
    expect(lost).to_be_visible(timeout=20_000)
    expect(lost.locator("time")).to_have_text(CLOCK)
    assert "gradient" in look_of(page, ".degrees"), "numbers look old"

    page.unroute(STREAM)
    expect(lost).to_be_hidden(timeout=20_000)
    assert "gradient" not in look_of(page, ".degrees")


def test_a_change_leaves_the_focus_and_what_is_unfolded(day: Day, url: str, browser: Browser) -> None:
    page = fleet(browser, url)
    page.goto(f"{url}/en/ops")
    page.locator("article details summary").first.click()
    link = page.locator("article details a").nth(4)
    link.focus()
    shut = page.locator("#door-G1-5")
    expect(shut).not_to_have_class("leaf open")
    with day.engine.begin() as conn:
        five = (t.compartment.c.locker_id == "G1") & (t.compartment.c.door == 5)
        conn.execute(update(t.compartment).where(five).values(door_state="open", door_changed_at=NOW))
        conn.execute(text("SELECT pg_notify('caibox', :topic)"), {"topic": f"site:{day.site_id}"})
    expect(shut).to_have_class("leaf open")  # nobody asked for the page again
    expect(link).to_be_focused()
