"""A driver's phone without a network, in a real browser: what it saw is kept, shown, and sent once."""

import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect
from sqlalchemy import Engine, update

from app.db import tables as t
from app.domain.roles import Role
from app.use_cases.visiting.begin_visit import begin_visit
from tests.web.staff_world import Day
from tests.web.test_visit_browser import come, looks_right, says
from tests.web.visit_world import answer, change, label_of, now_of, one, opens, van_at

KEPT = "async () => (await (await idb.openDB('caibox-driver', 1)).getAll('records')).length"
FULL = """IDBObjectStore.prototype.add = () => { throw new DOMException('', 'QuotaExceededError'); }"""
NO_STORE = (
    "Object.defineProperty(window, 'indexedDB', {value: {open() { throw new DOMException('', 'SecurityError'); }}})"
)


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with van_at(db, tmp_path) as made:
        with made.engine.begin() as conn:
            begin_visit(conn, site_id=made.site_id, person_id=made.people[Role.DRIVER], now=now_of(made))
        yield made


def loop(browser: Browser, url: str, day: Day, *, language: str = "en", **more: Any) -> Page:
    """The load loop on a phone that holds what it needs offline."""
    page = come(browser, url, f"/{language}/driver/{day.site_id}/{day.run_no}", **more)
    expect(page.locator("#works-offline")).to_be_visible()
    return page


def scan(page: Page, label: str) -> None:
    page.keyboard.type(label)
    page.keyboard.press("Enter")


def cut(page: Page, *, off: bool = True) -> None:
    page.context.set_offline(off)


def kept(page: Page) -> int:
    return int(page.evaluate(KEPT))


def nothing_kept(page: Page) -> None:
    """Wait until the phone has sent all it had."""
    for _ in range(200):
        if kept(page) == 0:
            return
        page.wait_for_timeout(100)
    raise AssertionError("something is still kept")


def rows(day: Day, kind: str) -> int:
    return int(one(day, "SELECT count(*) FROM visit_record WHERE kind = :kind", kind=kind))


def picture() -> FilePayload:
    out = BytesIO()
    Image.effect_noise((400, 300), 90).convert("RGB").save(out, "PNG")
    return FilePayload(name="p.png", mimeType="image/png", buffer=out.getvalue())


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_scan_without_network_survives_a_reload_and_a_new_tab_and_is_sent_once(
    day: Day, url: str, browser: Browser, language: str
) -> None:
    page = loop(browser, url, day, language=language)
    cut(page)
    scan(page, label_of(day, day.parcels[0]))
    says(page, "saved")
    expect(page.locator("#unsent")).to_contain_text("1")
    expect(page.locator("[data-bag] .saved:visible")).to_have_count(1)
    looks_right(page, "offline-saved")
    page.reload()
    says(page, "scan")
    expect(page.locator("#unsent")).to_contain_text("1")
    tab = page.context.new_page()
    page.close()
    tab.goto(f"{url}/{language}/driver/{day.site_id}/{day.run_no}")
    expect(tab.locator("#unsent")).to_contain_text("1")
    cut(tab, off=False)
    expect(tab.locator("#unsent")).to_be_hidden()
    assert (rows(day, "scan"), kept(tab)) == (1, 0)
    assert one(day, "SELECT count(*) FROM remote_command") == 0  # a scan that comes late opens nothing


def test_a_bag_of_another_run_stops_at_once_and_is_not_kept(day: Day, url: str, browser: Browser) -> None:
    page = loop(browser, url, day, color_scheme="dark")
    cut(page)
    scan(page, "P1-1-1-ZZZZZZZZ")
    says(page, "foreign")
    looks_right(page, "offline-foreign")
    assert kept(page) == 0


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_trouble_takes_two_taps_and_can_be_taken_back_without_network(
    day: Day, url: str, browser: Browser, language: str
) -> None:
    page = loop(browser, url, day, language=language)
    cut(page)
    page.locator("[data-bag] .bag-trouble summary").first.click()
    page.locator("[data-bag] button[value=bag_missing]").first.click()
    expect(page.locator("#kept li")).to_have_count(1)
    looks_right(page, "offline-trouble")
    page.locator("#kept button").click()
    expect(page.locator("#kept li")).to_have_count(0)
    expect(page.locator("#unsent")).to_contain_text("2")
    cut(page, off=False)
    expect(page.locator("#unsent")).to_be_hidden()
    assert one(day, "SELECT undone_at IS NOT NULL FROM visit_record WHERE kind = 'trouble'")


def test_a_broken_bag_is_told_in_one_tap_at_its_door_with_a_photo(day: Day, url: str, browser: Browser) -> None:
    page = loop(browser, url, day)
    scan(page, label_of(day, day.parcels[0]))
    says(page, "wait")
    answer(day, answered_doors=[12])
    opens(day, 12)
    says(page, "put")
    page.locator("#acts button[value=bag_broken]").click()
    told = page.locator(".trouble-told")
    expect(told).to_have_count(1)
    told.locator("[type=file]").set_input_files(picture())
    expect(told).to_contain_text("1 photo")
    looks_right(page, "trouble-told")
    told.get_by_role("button", name="Undo").click()
    expect(told).to_have_count(0)
    assert rows(day, "photo") == 1


def test_a_door_that_will_not_do_without_network_is_kept_as_a_trouble(day: Day, url: str, browser: Browser) -> None:
    page = loop(browser, url, day)
    scan(page, label_of(day, day.parcels[0]))
    says(page, "wait")
    answer(day, answered_doors=[12])
    opens(day, 12)
    says(page, "put")
    cut(page)
    page.locator("#acts button[value=no_fit]").click()
    says(page, "saved")
    cut(page, off=False)
    expect(page.locator(".trouble-told")).to_contain_text("12")
    assert one(day, "SELECT trouble FROM visit_record WHERE door = 12") == "no_fit"
    assert one(day, "SELECT count(*) FROM remote_command") == 1


def test_a_refused_record_stays_with_its_reason_until_somebody_throws_it_away(
    day: Day, url: str, browser: Browser
) -> None:
    page = loop(browser, url, day)
    cut(page)
    scan(page, label_of(day, day.parcels[0]))
    says(page, "saved")
    earlier = now_of(day) - timedelta(hours=1)
    change(day, update(t.visit).values(began_at=earlier, ended_at=earlier + timedelta(minutes=30)))
    cut(page, off=False)
    expect(page.locator("#kept li")).to_contain_text("This visit has ended")
    looks_right(page, "refused")
    page.reload()
    expect(page.locator("#kept li")).to_contain_text("This visit has ended")
    assert rows(day, "scan") == 0
    change(day, update(t.visit).values(ended_at=None))
    page.get_by_role("button", name="Send again").click()
    nothing_kept(page)
    expect(page.locator("#kept li")).to_have_count(0)
    assert rows(day, "scan") == 1


@pytest.mark.parametrize(("script", "words"), [(FULL, "full"), (NO_STORE, "cannot save")], ids=["full", "no store"])
def test_a_phone_that_can_keep_nothing_says_so_loudly(
    day: Day, url: str, browser: Browser, script: str, words: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, service_workers="block")
    context.add_init_script(script)
    page = context.new_page()
    page.goto(f"{url}/be/driver")
    page.goto(f"{url}/en/driver/{day.site_id}/{day.run_no}")
    cut(page)
    scan(page, label_of(day, day.parcels[0]))
    says(page, "full")
    expect(page.locator("#queue [role=alert]").first).to_contain_text(words)
    looks_right(page, "full")


def test_another_drivers_records_wait_for_them(day: Day, url: str, browser: Browser) -> None:
    page = loop(browser, url, day)
    cut(page)
    scan(page, label_of(day, day.parcels[0]))
    says(page, "saved")
    page.route("**/records", lambda route: route.abort())
    cut(page, off=False)
    page.goto(f"{url}/be/admin")
    page.unroute("**/records")
    page.goto(f"{url}/en/driver/{day.site_id}/{day.run_no}")
    expect(page.locator("#unsent")).to_contain_text("somebody else")
    assert rows(day, "scan") == 0
    page.goto(f"{url}/be/driver")
    page.goto(f"{url}/en/driver/{day.site_id}/{day.run_no}")
    nothing_kept(page)
    assert rows(day, "scan") == 1


def test_hundreds_of_records_go_in_their_order_and_once_though_answers_are_lost(
    day: Day, url: str, browser: Browser
) -> None:
    page = loop(browser, url, day)
    cut(page)
    page.evaluate(
        "async (label) => { for (let n = 0; n < 130; n += 1) await caiboxQueue.keep('scan', {label}); }",
        label_of(day, day.parcels[0]),
    )
    expect(page.locator("#unsent")).to_contain_text("130")
    lost: list[int] = []

    def lose_some(route: Any) -> None:
        """Every second answer never arrives, though the service has done what was asked."""
        route.fetch()
        lost.append(1)
        if len(lost) % 2:
            route.abort()
        else:
            route.continue_()

    page.route("**/records", lose_some)
    cut(page, off=False)
    for _ in range(20):
        page.evaluate("caiboxQueue.flush()")
        if not kept(page):
            break
        page.wait_for_timeout(200)
    assert kept(page) == 0
    assert rows(day, "scan") == 130
    assert one(day, "SELECT count(DISTINCT seq) FROM visit_record") == 130


def test_a_count_without_network_is_kept_and_the_page_is_not_lost(day: Day, url: str, browser: Browser) -> None:
    page = come(browser, url, f"/en/driver/{day.site_id}/count")
    page.locator("#unsent").wait_for(state="attached")
    cut(page)
    page.locator("#f-crates_back").fill("4")
    page.locator("#f-ice_packs_back").fill("11")
    page.locator(".acts button").click()
    expect(page.locator("#unsent")).to_contain_text("1")
    expect(page.locator("#f-crates_back")).to_have_value("4")
    cut(page, off=False)
    expect(page.locator("#unsent")).to_be_hidden()
    assert one(day, "SELECT crates_back * 100 + ice_packs_back FROM visit") == 411


def test_signing_out_leaves_no_page_but_what_was_not_sent(day: Day, url: str, browser: Browser) -> None:
    page = loop(browser, url, day)
    cut(page)
    scan(page, label_of(day, day.parcels[0]))
    says(page, "saved")
    page.route("**/records", lambda route: route.abort())
    cut(page, off=False)
    page.locator("form[action$='/sign-out'] button").click()
    page.wait_for_url(re.compile(r"^(?!.*/driver/).*$"))
    assert page.evaluate("async () => (await caches.keys()).filter((name) => name.includes('pages'))") == []


def test_the_worker_keeps_no_page_but_the_drivers(day: Day, url: str, browser: Browser) -> None:
    page = loop(browser, url, day)
    page.reload()
    says(page, "scan")
    page.goto(f"{url}/en/ops")
    page.goto(f"{url}/en/driver/{day.site_id}")
    kept_urls = page.evaluate("""async () => (await Promise.all((await caches.keys()).map(async (name) =>
        (await (await caches.open(name)).keys()).map((each) => new URL(each.url).pathname)))).flat()""")
    assert any(each.endswith(f"/{day.run_no}") for each in kept_urls)
    assert all(each.startswith(("/static/", f"/en/driver/{day.site_id}")) for each in kept_urls)
    assert not any(each.endswith(".svg") and "code" in each for each in kept_urls)


def test_a_hand_scanner_is_heard_wherever_the_focus_is(day: Day, url: str, browser: Browser) -> None:
    page = loop(browser, url, day)
    page.locator(".visit-head .button").focus()
    scan(page, label_of(day, day.parcels[0]))
    says(page, "wait")
    assert one(day, "SELECT count(*) FROM remote_command") == 1


def test_a_second_bag_waits_for_the_open_door_unless_it_is_scanned_again(day: Day, url: str, browser: Browser) -> None:
    page = loop(browser, url, day)
    scan(page, label_of(day, day.parcels[0]))
    says(page, "wait")
    answer(day, answered_doors=[12])
    opens(day, 12)
    expect(page.locator("#loop[data-open='12']")).to_be_visible()
    scan(page, label_of(day, day.parcels[1]))
    says(page, "first")
    looks_right(page, "shut-first")
    assert one(day, "SELECT count(*) FROM remote_command") == 1
    scan(page, label_of(day, day.parcels[1]))
    says(page, "wait")
    assert one(day, "SELECT count(*) FROM remote_command") == 2
