"""The picker's walk in a real browser: by scanner (typed text and Enter) and by taps, narrow and wide."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from app.domain.basket import Substitution
from app.domain.roles import Role
from locker_protocol.label import Label, write_label
from tests.web.picking_world import SCALE, line_of, order_with, packing_day, totes
from tests.web.staff_world import Day
from tests.web.test_staff_browser import AXE, PHONE, RUN_AXE, open_page

WIDE = ViewportSize(width=1280, height=900)


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with packing_day(db, tmp_path) as made:
        yield made


def wave(day: Day, language: str = "en") -> str:
    return f"/{language}/picking/runs/{day.run_no}/waves/1"


def scan(page: Page, code: str) -> None:
    """As a hand scanner does: it types into what has the focus, and Enter."""
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def scan_both(page: Page, product: str, tote: str) -> None:
    """Scan the product that the walk has come to, then its tote."""
    expect(page.locator(".pick-stop .id")).to_have_text(product)
    scan(page, product)
    expect(page.locator("#loop")).to_have_attribute("data-word", "tote")
    scan(page, tote)


def label(day: Day, ref: str) -> str:
    return write_label(Label(1, day.run_no, ref))


def picture(page: Page, name: str) -> None:
    """Leave a picture of the page where `CAIBOX_PICTURES` says."""
    folder = os.environ.get("CAIBOX_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize(("size", "language"), [(PHONE, "en"), (WIDE, "zh-hans")])
def test_a_wave_is_packed_with_scanner_and_keyboard_alone(
    day: Day,
    url: str,
    browser: Browser,
    size: ViewportSize,
    language: str,
) -> None:
    words = {"en": ("Pak choi", "Everything is picked"), "zh-hans": ("上海青", "都拣好了")}[language]
    similar, refund = order_with(day, Substitution.SIMILAR), order_with(day, Substitution.REFUND)
    first, second = totes(day, similar.id), totes(day, refund.id)
    page = open_page(browser, url, Role.PICKER, f"/{language}/picking/runs/{day.run_no}", viewport=size)
    picture(page, f"waves-{language}")
    page.goto(url + wave(day, language))
    expect(page.locator("h1")).to_contain_text(words[0].split()[-1])
    expect(page.locator(".pick-total")).to_contain_text("3")
    picture(page, f"walk-{language}")

    scan(page, "spinach")
    expect(page.locator("#loop")).to_have_attribute("data-word", "refused")
    picture(page, f"wrong-{language}")
    scan(page, "pak-choi")
    expect(page.locator("#loop")).to_have_attribute("data-word", "tote")
    picture(page, f"tote-{language}")
    scan(page, label(day, first["frozen"].ref))
    expect(page.locator("#loop")).to_have_attribute("data-word", "refused")
    scan(page, label(day, first["chilled"].ref))
    expect(page.locator("#loop")).to_have_attribute("data-word", "put")
    scan(page, second["chilled"].ref)
    scan_both(page, "pork-belly", label(day, first["chilled"].ref))
    page.wait_for_url("**/lines/*")
    page.locator("#f-gross").fill("490")
    page.locator("#f-tare").fill("20")
    page.locator("#f-scale").fill(SCALE)
    picture(page, f"weigh-{language}")
    page.keyboard.press("Enter")
    scan_both(page, "minced-pork", label(day, second["chilled"].ref))
    scan_both(page, "strawberries", label(day, first["chilled"].ref))
    scan_both(page, "frozen-dumplings", label(day, first["frozen"].ref))
    expect(page.locator("h1")).to_contain_text(words[1])
    picture(page, f"picked-{language}")
    assert line_of(day, similar.id, "pork-belly").weight_g == 470
    for tote in (first["chilled"], first["frozen"], second["chilled"]):
        page.locator(f'a[href$="{tote.id}"]').click()
        page.locator("#f-seal").fill("0815")
        picture(page, f"seal-{language}")
        page.keyboard.press("Enter")
        page.wait_for_url("**sealed=*")
    picture(page, f"sealed-{language}")
    assert {order_with(day, one).state for one in Substitution} == {"packed"}
    page.goto(f"{url}/be/{Role.RESIDENT}")
    page.goto(f"{url}/{language}/orders/{similar.id}")
    expect(page.locator(".changes")).to_contain_text("470 g")
    picture(page, f"order-{language}")
    page.context.close()


def test_without_a_scanner_two_taps_put_a_line_into_its_bag(day: Day, url: str, browser: Browser) -> None:
    refund = order_with(day, Substitution.REFUND)
    page = open_page(browser, url, Role.PICKER, wave(day))
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("button", name=f"Put it in {totes(day, refund.id)['chilled'].ref}").click()
    expect(page.locator("#loop")).to_have_attribute("data-word", "put")
    assert line_of(day, refund.id, "pak-choi").picked_quantity == 1
    page.context.close()


def test_the_walk_works_without_script(day: Day, url: str, browser: Browser) -> None:
    refund = order_with(day, Substitution.REFUND)
    page = open_page(browser, url, Role.PICKER, wave(day), java_script_enabled=False)
    page.locator("#code").fill("pak-choi")
    page.keyboard.press("Enter")
    page.locator("#code").fill(totes(day, refund.id)["chilled"].ref)
    page.keyboard.press("Enter")
    expect(page.locator("[role=status].pick-word")).to_contain_text("In ")
    assert line_of(day, refund.id, "pak-choi").picked_quantity == 1
    page.context.close()


def test_missing_and_similar_take_two_taps(day: Day, url: str, browser: Browser) -> None:
    similar, refund = order_with(day, Substitution.SIMILAR), order_with(day, Substitution.REFUND)
    page = open_page(browser, url, Role.PICKER, wave(day))
    page.get_by_role("link", name=f"Missing, change {totes(day, refund.id)['chilled'].ref}").click()
    picture(page, "short")
    page.get_by_role("button", name="not fresh").click()
    page.get_by_role("link", name=f"Missing, change {totes(day, similar.id)['chilled'].ref}").click()
    picture(page, "similar")
    page.get_by_role("button", name="Spinach").first.click()
    page.wait_for_url("**/waves/1**")
    short, replaced = line_of(day, refund.id, "pak-choi"), line_of(day, similar.id, "pak-choi")
    assert (short.picked_quantity, short.short_reason) == (0, "spoiled")
    assert (replaced.substitute_id, replaced.substitute_quantity) == ("spinach", 2)
    page.context.close()


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh-hans", "dark")])
def test_every_page_of_packing_is_accessible_and_fits(
    day: Day,
    url: str,
    browser: Browser,
    language: str,
    scheme: Any,
) -> None:
    similar = order_with(day, Substitution.SIMILAR)
    tote, pork = totes(day, similar.id)["chilled"].id, line_of(day, similar.id, "pork-belly").line_no
    paths = [
        f"picking/runs/{day.run_no}/waves/1",
        f"picking/runs/{day.run_no}/waves/1?product=pak-choi&have=1",
        f"picking/parcels/{tote}",
        f"picking/parcels/{tote}/lines/{pork}",
    ]
    page = open_page(browser, url, Role.PICKER, f"/{language}/picking", color_scheme=scheme)
    devtools = page.context.new_cdp_session(page)
    axe, faults = AXE.read_text(encoding="utf-8"), []
    for path in paths:
        page.set_viewport_size(PHONE)
        page.goto(f"{url}/{language}/{path}")
        devtools.send("Runtime.evaluate", {"expression": axe})
        faults += [f"{path} {fault}" for fault in page.evaluate(RUN_AXE)]
        page.set_viewport_size(ViewportSize(width=320, height=700))
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            faults.append(f"{path} is wider than 320 px")
    page.context.close()
    assert faults == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pickers_at_one_wave_see_each_others_picks(day: Day, url: str, browser: Browser, language: str) -> None:
    refund = order_with(day, Substitution.REFUND)
    first = open_page(browser, url, Role.PICKER, wave(day, language))
    second = open_page(browser, url, Role.PICKER, wave(day, language), color_scheme="dark")
    expect(second.locator(".tote.wanted")).to_have_count(2)
    scan_both(first, "pak-choi", totes(day, refund.id)["chilled"].ref)
    expect(second.locator(".tote.wanted")).to_have_count(1)
    picture(second, f"walk-dark-{language}")
    first.context.close()
    second.context.close()


def test_a_weight_says_whether_it_fits_while_it_is_typed(day: Day, url: str, browser: Browser) -> None:
    line = line_of(day, order_with(day, Substitution.SIMILAR).id, "pork-belly")
    page = open_page(browser, url, Role.PICKER, f"/en/picking/parcels/{line.parcel_id}/lines/{line.line_no}")
    band = page.locator(".weigh-band").first
    most = int(band.get_attribute("data-most") or 0)
    page.locator("#f-gross").first.fill(str(most))
    expect(band).to_contain_text(f"{most} g: fits")
    page.locator("#f-gross").first.fill(str(most + 1))
    expect(band).to_contain_text("more than is charged")
    picture(page, "weigh-heavy")
    page.locator("#f-gross").first.fill("many")
    expect(band.locator("output")).to_have_text("")
    page.context.close()
