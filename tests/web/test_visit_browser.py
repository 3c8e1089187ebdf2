"""A driver's visit in a real browser: all of it on a phone and a tablet, and the moments when something is wrong."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, ViewportSize, expect
from sqlalchemy import Engine, update

from app.db import tables as t
from app.domain.roles import Role
from locker_protocol.site_events import LoadUnsure
from tests.web.staff_world import Day
from tests.web.visit_world import (
    LOCKER,
    answer,
    change,
    emptied,
    empty,
    label_of,
    laid,
    leave_behind,
    now_of,
    one,
    opens,
    tell,
    van_at,
    wiped,
)

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
PHONE, TABLET = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)
RUN_AXE = """async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})).violations
  .map((found) => `${found.id}: ${found.nodes.map((node) => node.html).join(' | ')}`)"""
PICTURES = os.environ.get("CAIBOX_PICTURES")


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with van_at(db, tmp_path) as made:
        yield made


def come(browser: Browser, url: str, path: str, *, role: Role = Role.DRIVER, **context: Any) -> Page:
    page = browser.new_context(viewport=context.pop("viewport", PHONE), **context).new_page()
    page.goto(f"{url}/be/{role}")
    page.goto(url + path)
    return page


def looks_right(page: Page, name: str) -> None:
    """Nothing too wide, too small or out of reach; a picture of it where CAIBOX_PICTURES says."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        language = "zh" if "/zh-hans/" in page.url else "en"
        page.screenshot(path=f"{PICTURES}/visit-{width}-{language}-{name}.png", full_page=True)
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RUN_AXE) == [], name
    heights = page.locator(".driver button:visible, .driver .button:visible, .driver summary:visible").evaluate_all(
        # What the page replaced by itself meanwhile has no size any more.
        "(all) => all.filter((one) => one.isConnected).map((one) => one.getBoundingClientRect().height)"
    )
    assert min(heights, default=64) >= 64, name
    words = page.locator(".driver :visible").evaluate_all(
        "(all) => all.filter((one) => one.isConnected).map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(words, default=20) >= 20, name


def word(page: Page) -> Any:
    return page.locator("#loop")


def says(page: Page, what: str) -> None:
    expect(word(page)).to_have_attribute("data-word", what)


@pytest.mark.parametrize(
    ("language", "viewport"),
    [("en", PHONE), ("zh-hans", PHONE), ("en", TABLET), ("zh-hans", TABLET)],
    ids=["en-390", "zh-390", "en-1280", "zh-1280"],
)
def test_a_whole_visit(day: Day, url: str, browser: Browser, language: str, viewport: ViewportSize) -> None:
    order_id, parcels = leave_behind(day, 3, 9)
    empty(day, 1, 2)
    page = come(browser, url, f"/{language}/driver", viewport=viewport)
    looks_right(page, "0-stops")
    page.locator("form[action$='/begin'] button").first.click()
    page.wait_for_url(re.compile(rf"/driver/{day.site_id}$"))
    looks_right(page, "1-steps")
    page.locator(".bar .button").click()
    sweep(page, day, order_id, dict(zip((3, 9), parcels, strict=True)))
    page.locator("#acts .button").click()
    wipe(page, day, 1, 2, 3, 9)
    page.locator("#acts .button").click()
    count(page)
    page.locator(".bar .button").click()
    load_one(page, day)
    page.goto(f"{url}/{language}/driver/{day.site_id}/leave")
    leave(page, day)
    page.context.close()


def sweep(page: Page, day: Day, order_id: str, lying: dict[int, str]) -> None:
    for door, parcel_id in lying.items():
        says(page, "open")
        expect(page.locator(".word-door")).to_contain_text(str(door))
        looks_right(page, "2-sweep-open")
        page.locator("#acts button").click()
        says(page, "wait")
        answer(day, answered_doors=[door])
        opens(day, door)
        says(page, "take")
        looks_right(page, "3-sweep-take")
        emptied(day, parcel_id, order_id, door)
    says(page, "done")
    looks_right(page, "4-sweep-done")
    assert one(day, "SELECT count(*) FROM parcel WHERE state = 'disposed'") == len(lying)


def wipe(page: Page, day: Day, *doors: int) -> None:
    says(page, "open")
    looks_right(page, "5-check-open")
    page.locator("#acts button").click()
    says(page, "wait")
    answer(day, answered_doors=list(doors))
    opens(day, *doors)
    says(page, "wipe")
    looks_right(page, "6-check-wipe")
    for left, door in reversed(list(enumerate(doors))):
        expect(page.locator(".word-doors span:not(.hidden), .word-door")).to_have_count(left + 1)
        wiped(day, door)
    says(page, "done")


def count(page: Page) -> None:
    page.locator("#f-crates_back").fill("12")
    page.locator("#f-ice_packs_back").fill("a few")
    page.locator(".acts button").click()
    expect(page.locator(".summary")).to_be_focused()
    expect(page.locator("#f-crates_back")).to_have_value("12")
    looks_right(page, "7-count-wrong")
    page.locator("#f-ice_packs_back").fill("30")
    page.locator(".acts button").click()


def load_one(page: Page, day: Day) -> None:
    says(page, "scan")
    looks_right(page, "8-load-scan")
    page.locator("#label").fill(label_of(day, day.parcels[0]))
    page.keyboard.press("Enter")
    says(page, "wait")
    answer(day, answered_doors=[12])
    opens(day, 12)
    says(page, "put")
    looks_right(page, "9-load-put")
    page.locator("button[value=no_fit]").click()
    says(page, "wait")
    answer(day, answered_doors=[14])
    expect(page.locator(".word-door")).to_contain_text("14")
    assert one(day, "SELECT instead_of FROM remote_command WHERE fault = 'no_fit'") == 12
    opens(day, 14)
    laid(day, day.parcels[0], 14)
    says(page, "done" if len(day.parcels) == 1 else "next")
    looks_right(page, "10-load-next")


def leave(page: Page, day: Day) -> None:
    looks_right(page, "11-leave")
    page.locator("#f-photo").set_input_files(FilePayload(name="p.png", mimeType="image/png", buffer=picture()))
    page.locator("form[enctype] button").click()
    expect(page.locator("#h-photo")).to_contain_text("1")
    looks_right(page, "12-leave-photo")
    page.locator(".acts button").click()
    expect(page.locator(".notice.ok").first).to_be_visible()
    looks_right(page, "13-ended")
    assert one(day, "SELECT octet_length(jpeg) > 0 FROM photo")
    assert one(day, "SELECT crates_back * 100 + ice_packs_back FROM visit WHERE ended_at IS NOT NULL") == 1230


def picture() -> bytes:
    out = BytesIO()
    Image.effect_noise((800, 600), 90).convert("RGB").save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_where_loading_was_cut_off_the_driver_looks_first(day: Day, url: str, browser: Browser, language: str) -> None:
    tell(day, LoadUnsure(day.parcels[0], day.order_id, LOCKER, 7, day.people[Role.DRIVER]))
    page = come(browser, url, f"/{language}/driver/{day.site_id}/{day.run_no}")
    expect(page.locator(".notice.look").first).to_contain_text("7")
    looks_right(page, "cut-off")
    page.keyboard.type(label_of(day, day.parcels[0]))
    page.keyboard.press("Enter")
    says(page, "wait")
    answer(day, answered_doors=[7])
    says(page, "look")
    looks_right(page, "look-first")
    laid(day, day.parcels[0], 7)
    expect(page.locator(".notice.look")).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_warm_zone_is_not_loaded_until_it_is_measured_again(
    day: Day, url: str, browser: Browser, language: str
) -> None:
    change(day, update(t.zone_reading).values(product_c=40.0))
    page = come(browser, url, f"/{language}/driver/{day.site_id}/{day.run_no}")
    page.keyboard.type(label_of(day, day.parcels[0]))
    page.keyboard.press("Enter")
    says(page, "refused")
    expect(page.locator(".word-says")).to_contain_text("40.0")
    page.locator(".visit-head .button").click()
    page.locator(".acts button").click()
    expect(page.locator(".notice.stop")).to_contain_text("40.0 °C")
    looks_right(page, "gate-shut")

    gate = one(day, "SELECT gate FROM visit")
    before = (now_of(day) - timedelta(minutes=5)).isoformat()
    for zones in gate.values():
        for zone in zones.values():
            zone["judged_at"] = before
    change(day, update(t.visit).values(gate=gate))
    cold = {"frozen": -19.0, "chilled": 3.0, "cool": 12.0, "ambient": 20.0}
    for zone, degrees in cold.items():
        change(day, update(t.zone_reading).where(t.zone_reading.c.zone == zone).values(product_c=degrees))
    page.locator("form[action$='/gate'] button").click()
    expect(page.locator(".notice.stop")).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_two_drivers_see_each_other_and_take_nothing_twice(day: Day, url: str, browser: Browser, language: str) -> None:
    leave_behind(day, 3, 9)
    first = come(browser, url, f"/{language}/driver/{day.site_id}/sweep")
    second = come(browser, url, f"/{language}/driver/{day.site_id}/sweep", role=Role.ADMIN)
    first.locator("#acts button").click()
    says(first, "wait")
    second.locator("#acts button").click()  # its page may or may not have heard of the first driver's tap
    expect(word(second)).to_have_attribute("data-word", re.compile("refused|wait"))
    assert one(day, "SELECT count(*) FROM remote_command WHERE 3 = ANY(doors)") == 1
    second.reload()
    expect(second.locator(".notice.cold").last).to_contain_text("Li")
    expect(second.locator(".word-door")).to_contain_text("9")
    looks_right(second, "two-sweep")

    loop = f"/{language}/driver/{day.site_id}/{day.run_no}"
    first.goto(url + loop)
    second.goto(url + loop)
    first.keyboard.type(label_of(day, day.parcels[0]))
    first.keyboard.press("Enter")
    says(first, "wait")
    expect(second.locator(".bags .pill.yours")).to_contain_text("Li")
    second.keyboard.type(label_of(day, day.parcels[0]))
    second.keyboard.press("Enter")
    says(second, "refused")
    looks_right(second, "two-load")
    first.context.close()
    second.context.close()


def test_a_visit_goes_by_keyboard_alone(day: Day, url: str, browser: Browser) -> None:
    order_id, parcels = leave_behind(day, 3, 9)
    page = come(browser, url, f"/en/driver/{day.site_id}/sweep")
    page.locator("#acts button").focus()
    page.keyboard.press("Enter")
    says(page, "wait")
    answer(day, answered_doors=[3])
    opens(day, 3)
    emptied(day, parcels[0], order_id, 3)
    says(page, "open")
    expect(page.locator(".word-door")).to_contain_text("9")
    for _ in range(40):
        if page.evaluate("document.activeElement.closest('#acts') !== null"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    says(page, "wait")
    page.context.close()


def test_without_script_the_same_buttons_do_the_same(day: Day, url: str, browser: Browser) -> None:
    order_id, parcels = leave_behind(day, 3, 9)
    page = come(browser, url, f"/en/driver/{day.site_id}/sweep", java_script_enabled=False)
    page.locator("#acts button").click()
    assert word(page).get_attribute("data-word") == "wait"
    answer(day, answered_doors=[3])
    opens(day, 3)
    page.wait_for_selector("#loop[data-word=take]")  # it asks again by itself
    emptied(day, parcels[0], order_id, 3)
    page.wait_for_selector("#loop[data-word=open]")
    page.context.close()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_at_a_site_without_network_the_page_says_how_to_go_on(
    day: Day, url: str, browser: Browser, language: str
) -> None:
    change(day, update(t.gateway).values(online=False))
    page = come(browser, url, f"/{language}/driver/{day.site_id}/{day.run_no}")
    expect(page.locator("details.card ol li")).to_have_count(4)
    expect(page.locator("#my-code")).to_be_visible()
    assert page.locator("#my-code").evaluate("(code) => code.decode().then(() => code.naturalWidth)") > 0
    looks_right(page, "offline")
    page.context.close()


def test_sounds_can_be_switched_off_and_stay_off(day: Day, url: str, browser: Browser) -> None:
    page = come(browser, url, f"/en/driver/{day.site_id}/sweep")
    page.get_by_role("button", name="Sound on").click()
    expect(page.get_by_role("button", name="Sound off")).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(page.get_by_role("button", name="Sound off")).to_be_visible()
    page.context.close()


def test_a_broken_door_leaves_the_round_with_its_reason(day: Day, url: str, browser: Browser) -> None:
    empty(day, 1, 2)
    page = come(browser, url, f"/en/driver/{day.site_id}/check")
    page.get_by_text("A door is broken").click()
    page.get_by_label("Door", exact=True).select_option("2")
    page.get_by_label("What is wrong with it?").fill("the latch does not hold")
    looks_right(page, "broken")
    page.get_by_role("button", name="Take it out of use").click()
    page.wait_for_url(re.compile(r"/check$"))
    assert one(day, "SELECT reason FROM change WHERE subject = 'door'") == "the latch does not hold"
    assert b"broken" in bytes(one(day, "SELECT entry FROM outbox"))
    page.context.close()
