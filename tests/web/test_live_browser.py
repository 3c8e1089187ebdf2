"""A page whose stream is lost says so and looks old; it comes back by itself. Swaps leave the focus where it is."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine, text, update

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
            conn.execute(update(t.zone_reading).values(read_at=NOW))
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


def turn(day: Day, state: str) -> None:
    """Door 5 does something, and the page's stream hears of it."""
    with day.engine.begin() as conn:
        five = (t.compartment.c.locker_id == "G1") & (t.compartment.c.door == 5)
        since = NOW - timedelta(minutes=10)
        conn.execute(update(t.compartment).where(five).values(door_state=state, door_changed_at=since))
        conn.execute(text("SELECT pg_notify('caibox', :topic)"), {"topic": f"site:{day.site_id}"})


def test_a_change_leaves_the_focus_where_it_is(day: Day, url: str, browser: Browser) -> None:
    page = fleet(browser, url)
    page.goto(f"{url}/en/ops")
    summary = page.locator("article details summary").first
    summary.focus()
    expect(page.locator("#door-G1-5")).not_to_have_class("leaf open")
    turn(day, "open")
    expect(page.locator("#door-G1-5")).to_have_class("leaf open")  # nobody asked for the page again
    expect(summary).to_be_focused()


def test_who_stood_on_what_is_gone_stands_at_the_head_of_its_part(day: Day, url: str, browser: Browser) -> None:
    turn(day, "open")
    page = fleet(browser, url)
    page.goto(f"{url}/en/ops/sites/{day.site_id}")
    link = page.locator(".places-wrong a")
    link.first.focus()
    turn(day, "shut")
    expect(link).to_have_count(0)
    expect(page.locator("#place")).to_be_focused()
