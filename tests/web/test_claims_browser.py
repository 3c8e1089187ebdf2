"""A claim in a real browser: with one thumb at 390 px, by keyboard alone, without script, in both languages."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from app.domain.roles import Role
from tests.web.claims_world import TOMATO, another_order, claims_of, collected_day, form, picture_of
from tests.web.staff_world import Day

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
RUN_AXE = "axe.run().then(found => JSON.stringify(found.violations.map(one => [one.id, one.nodes.map(n => n.html)])))"
PHONE = ViewportSize(width=390, height=844)
PICTURES = os.environ.get("CAIBOX_PICTURES")
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
WORDS = {
    "en": ("Missing or bad? Tell us", "spoiled", "Send it", "We are sorry.", "goes back the way you paid"),
    "zh-hans": ("少了、坏了？告诉我们", "坏了", "发送", "很抱歉。", "按原路退回"),
}


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with collected_day(db, tmp_path) as made:
        yield made


def come(browser: Browser, url: str, path: str, *, role: Role = Role.RESIDENT, **context: Any) -> Page:
    page = browser.new_context(viewport=context.pop("viewport", PHONE), **context).new_page()
    page.goto(f"{url}/be/{role}")
    page.goto(url + path)
    return page


def faults(page: Page, name: str) -> list[Any]:
    """What axe finds, and whether the page is too wide; a picture of it where CAIBOX_PICTURES says."""
    if PICTURES:
        width = page.viewport_size["width"] if page.viewport_size else 0
        language = "zh" if "/zh-hans/" in page.url else "en"
        page.screenshot(path=f"{PICTURES}/claim-{width}-{language}-{name}.png", full_page=True)
    devtools = page.context.new_cdp_session(page)  # so that the page's own policy stays on
    devtools.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    asked = {"expression": RUN_AXE, "awaitPromise": True, "returnByValue": True}
    found = list(json.loads(devtools.send("Runtime.evaluate", asked)["result"]["value"]))
    return found if page.evaluate(FITS) else [*found, "too wide"]


def photo(page: Page) -> None:
    page.set_input_files("#f-photo", {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": TOMATO})


@pytest.mark.parametrize("language", list(WORDS))
@pytest.mark.parametrize("script", [True, False])
def test_the_first_rotten_tomato_takes_one_photo(
    day: Day, url: str, browser: Browser, language: str, *, script: bool
) -> None:
    tell, spoiled, send, sorry, back = WORDS[language]
    page = come(browser, url, f"/{language}/orders/{day.order_id}", java_script_enabled=script)
    page.get_by_role("link", name=tell).click()
    if script:
        assert faults(page, "form") == []
    page.locator("input[name=line]").first.check()
    page.get_by_role("radio", name=spoiled).check()
    photo(page)
    page.get_by_role("button", name=send).click()
    expect(page.locator("#claims .notice.ok")).to_contain_text(sorry)
    expect(page.locator("#claims .notice.ok")).to_contain_text(back)
    if script:
        assert faults(page, "done") == []
    assert [each.state for each in claims_of(day)] == ["granted"]
    page.context.close()


def test_by_keyboard_alone_and_a_missing_photo_is_said_where_it_is_missing(
    day: Day, url: str, browser: Browser
) -> None:
    page = come(browser, url, f"/en/orders/{day.order_id}/claim")
    page.locator("input[name=line]").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the first of what can be wrong: spoiled
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # in the field of how many: sends the form
    expect(page.locator(".summary")).to_be_focused()
    expect(page.locator("#e-photo")).to_contain_text("Take one photo of it")
    assert claims_of(day) == []
    photo(page)
    page.get_by_role("button", name="Send it").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#claims .notice.ok")).to_contain_text("We are sorry.")
    assert len(claims_of(day)) == 1
    page.context.close()


@pytest.mark.parametrize("language", list(WORDS))
@pytest.mark.parametrize("width", [390, 1280])
def test_the_operators_pages_are_readable(day: Day, url: str, browser: Browser, language: str, width: int) -> None:
    for number in range(4):
        order_id, token = another_order(day, f"+861390000001{number}")
        if number < 3:
            client = day.client()
            with client.session_transaction() as session:
                session["token"] = token
            sent = form(1, kind="short_weight", photo=picture_of(f"#a0{number}000"))
            client.post(f"/en/orders/{order_id}/claim", data=sent, content_type="multipart/form-data")
    page = come(
        browser, url, f"/{language}/ops/claims", role=Role.OPERATOR, viewport=ViewportSize(width=width, height=844)
    )
    assert faults(page, "list") == []
    page.locator(".notice.stop a.button").click()
    assert faults(page, "alarm") == []
    page.locator(".orders a.hit").first.click()
    expect(page.locator("#now-photo")).to_be_visible()
    assert faults(page, "one") == []
    page.goto(f"{url}/{language}/ops/claims/rules/{day.site_id}")
    assert faults(page, "rules") == []
    page.context.close()
