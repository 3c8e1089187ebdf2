"""Somebody scans a column's code with their phone: one tap to the opening, readable at night, in large letters."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, func, insert, select, update

from app.db import tables as t
from app.domain.column_code import ColumnPlace, write_column_code
from tests.web.evening_world import faults_of
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

SCREENS = Path(__file__).resolve().parents[2] / "build/screens"
CODE = write_column_code("a secret for tests", ColumnPlace("G1", 2))


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def ready(day: Day) -> Day:
    """The order's parcels lie behind doors 6, 7, … of the first locker, and its code lives."""
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="ready"))
        for door, parcel_id in enumerate(day.parcels, start=6):
            here = update(t.parcel).where(t.parcel.c.id == parcel_id)
            conn.execute(here.values(state="loaded", door=door, loaded_at=NOW))
        code = {"order_id": day.order_id, "site_id": day.site_id, "handle": 7, "generation": 1, "typed": True}
        until = NOW + timedelta(hours=20)
        conn.execute(insert(t.credential).values(id="00112233445566aa", **code, made_at=NOW, expires_at=until))
    return day


def phone(browser: Browser, url: str, *, role: str | None, width: int = 390, **more: Any) -> Page:
    """A phone of somebody, who may be signed in."""
    page = browser.new_context(viewport={"width": width, "height": 844}, reduced_motion="reduce", **more).new_page()
    if role:
        page.goto(f"{url}/be/{role}")
    return page


def picture(page: Page, name: str) -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"at-locker-{name}.png", full_page=True)


def test_from_the_code_it_is_one_tap_without_script_and_asks_once(ready: Day, url: str, browser: Browser) -> None:
    page = phone(browser, url, role="resident", java_script_enabled=False)
    page.goto(f"{url}/at/{CODE}")
    page.click("form[action$='/open'] button")
    page.wait_for_url("**/collect")
    with ready.engine.begin() as conn:
        asked = conn.execute(select(func.count()).select_from(t.remote_command)).scalar_one()
    assert asked == 1


def test_the_button_is_reached_by_keyboard_and_large(ready: Day, url: str, browser: Browser) -> None:
    page = phone(browser, url, role="resident", width=320)
    page.goto(f"{url}/en/at/{CODE}")
    button = page.locator("form[action$='/open'] button")
    for _ in range(30):
        page.keyboard.press("Tab")
        if button.evaluate("each => each === document.activeElement"):
            break
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 48
    assert box["width"] >= 200
    page.keyboard.press("Enter")
    page.wait_for_url("**/collect")


@pytest.mark.parametrize(("language", "scheme", "large"), [("zh-hans", "light", False), ("en", "dark", True)])
@pytest.mark.parametrize("who", ["resident", "stranger"])
def test_the_page_is_readable_for_everybody(
    ready: Day, url: str, browser: Browser, who: str, language: str, scheme: Any, large: bool
) -> None:
    page = phone(browser, url, role="resident" if who == "resident" else None, color_scheme=scheme)
    page.goto(f"{url}/{language}/at/{CODE}")
    if large:
        page.evaluate("document.documentElement.classList.add('large')")
    expect(page.locator("h1")).to_be_visible()
    picture(page, f"{who}-{language}-{scheme}{'-large' if large else ''}")
    assert faults_of(page, width=390) == []


def test_the_printed_codes_and_their_words_fit_their_labels(ready: Day, url: str, browser: Browser) -> None:
    page = phone(browser, url, role="operator", width=1280)
    page.goto(f"{url}/zh-hans/ops/sites/{ready.site_id}/column-codes")
    picture(page, "codes-zh-hans")
    assert faults_of(page, width=1280) == []
    outside = """[...document.querySelectorAll('.label *')].filter((each) => {
      const [inner, outer] = [each, each.closest('.label')].map((one) => one.getBoundingClientRect());
      return inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1
        || each.scrollWidth > each.clientWidth + 1;
    }).length"""
    assert page.evaluate(outside) == 0
