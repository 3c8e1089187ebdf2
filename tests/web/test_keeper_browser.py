"""A keeper's evening in a browser: a jam ends in the cold bag and in its owner's hands; somebody without a phone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import session
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from app.domain.roles import Role
from app.web.access import serves_everybody
from locker_protocol.site_events import DoorStayedShut
from locker_protocol.vocabulary import Right
from tests.web.keeper_world import NAME, Evening, make_evening
from tests.web.served import served
from tests.web.staff_world import day_at
from tests.web.test_staff_browser import AXE, NARROW, RUN_AXE

PHONE, DESK = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)
EN = {"see": "See to door 1", "again": "Open door 1", "rescue": "Rescue from door 1", "pull": "released: pull it open"}
EN |= {"stuck": "it did not open", "take": "take the food out", "mine": "It is in your cold bag", "bag": "My cold bag"}
EN |= {"owner": "Give it to its owner", "said": "Name, last four", "look": "Look it up", "have": "They have it"}
EN |= {"over": "All of it is given out.", "wrong": "4 tries are left", "paused": "Wait 10 minutes"}
EN |= {"help": "Help somebody collect", "number": "Order number", "open": "Open door", "give": "give them the bag"}
ZH = {"see": "处理 1 号门", "again": "打开 1 号门", "rescue": "抢救 1 号门的菜", "pull": "锁已放开"}
ZH |= {"stuck": "没弹开", "take": "取出菜，再关门", "mine": "已在您的保冷袋里", "bag": "我的保冷袋"}
ZH |= {"owner": "交给本人", "said": "姓名、手机后四位", "look": "查询", "have": "已经交给对方"}
ZH |= {"over": "已全部交出", "wrong": "还可以试 4 次", "paused": "请等 10 分钟"}
ZH |= {"help": "帮人取菜", "number": "订单号", "open": "打开", "give": "把袋子交给对方"}
BOTH = pytest.mark.parametrize(
    ("language", "words", "viewport"), [("en", EN, DESK), ("zh-hans", ZH, PHONE)], ids=["en-1280", "zh-390"]
)


@pytest.fixture
def evening(db: Engine, tmp_path: Path) -> Iterator[Evening]:
    with day_at(db, tmp_path) as day:
        yield make_evening(day)


@pytest.fixture
def url(evening: Evening, browser: Browser) -> Iterator[str]:
    """The application on a port; `/be-keeper` signs in, which in life takes a message."""

    def become() -> str:
        session["token"] = evening.day.tokens[Role.KEEPER]
        return "signed in"

    evening.day.app.add_url_rule("/be-keeper", "become", serves_everybody()(become))
    with served(evening.day.app, browser) as address:
        yield address


def open_page(browser: Browser, url: str, path: str, **context: Any) -> Page:
    page = browser.new_context(**context).new_page()
    page.goto(f"{url}/be-keeper")
    page.goto(url + path)
    return page


def seen(page: Page, name: str) -> None:
    """Leave a picture where CAIBOX_PICTURES says."""
    if folder := os.environ.get("CAIBOX_PICTURES"):
        width = (page.viewport_size or PHONE)["width"]
        page.screenshot(path=Path(folder) / f"keeper-{name}-{width}.png", full_page=True)


@BOTH
def test_a_jam_ends_in_the_cold_bag_and_in_its_owners_hands(
    evening: Evening, url: str, browser: Browser, language: str, words: dict[str, str], viewport: ViewportSize
) -> None:
    page = open_page(browser, url, f"/{language}/keeper", viewport=viewport)
    seen(page, "quiet")
    evening.jam(1)
    page.get_by_role("link", name=words["see"]).wait_for()
    seen(page, "home")
    page.get_by_role("link", name=words["see"]).click()
    page.get_by_role("button", name=words["again"]).click()
    expect(page.locator("#door .pill").last).to_be_visible()
    grant_id = evening.grant()
    expect(page.locator("#door")).to_contain_text(words["pull"])
    evening.tell(DoorStayedShut("G1", 1, grant_id))
    expect(page.locator("#door")).to_contain_text(words["stuck"])
    seen(page, "door")
    page.get_by_role("button", name=words["rescue"]).click()
    expect(page.locator("#follow")).to_be_visible()
    grant_id = evening.grant()
    evening.opens(1, grant_id)
    expect(page.locator("#follow")).to_contain_text(words["take"])
    seen(page, "follow")
    evening.shuts(1, Right.RESCUE)
    expect(page.locator("h1")).to_contain_text(words["mine"])
    page.get_by_role("link", name=words["bag"]).click()
    seen(page, "bag")
    page.get_by_role("link", name=words["owner"]).click()
    expect(page.get_by_label(words["number"])).to_have_value(evening.order_no)
    page.get_by_label(words["said"]).fill(evening.phone[-4:])
    page.get_by_role("button", name=words["look"]).click()
    seen(page, "found-bag")
    page.get_by_role("button", name=words["have"]).click()
    expect(page.get_by_role("button", name=words["have"])).to_have_count(0)
    expect(page.get_by_role("button", name=words["open"])).to_have_count(1)  # the other bag
    assert next(bag for bag in evening.bags() if bag.door == 1).state == "collected"
    page.context.close()


@BOTH
def test_somebody_without_a_phone_is_helped_with_the_keyboard_alone(
    evening: Evening, url: str, browser: Browser, language: str, words: dict[str, str], viewport: ViewportSize
) -> None:
    page = open_page(browser, url, f"/{language}/keeper/help", viewport=viewport)
    page.get_by_label(words["number"]).focus()
    page.keyboard.type(evening.order_no.lower())
    page.keyboard.press("Tab")
    page.keyboard.type(NAME)
    seen(page, "help")
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name=words["open"])
    button.wait_for()
    seen(page, "found")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#found .pill").last).to_be_visible()
    grant_id = evening.grant()
    page.locator("#f-reason").fill("half typed")
    for bag in evening.bags():
        evening.opens(bag.door, grant_id)
    expect(page.locator("#found")).to_contain_text(words["give"])
    expect(page.locator("#f-reason")).to_have_value("half typed")
    seen(page, "giving")
    for bag in evening.bags():
        evening.shuts(bag.door, Right.HAND_OVER)
    expect(page.locator("#found")).to_contain_text(words["over"])
    expect(button).to_have_count(0)
    seen(page, "given")
    assert evening.state() == "collected"
    page.context.close()


@BOTH
def test_a_wrong_name_keeps_what_was_typed_and_five_pause(
    evening: Evening, url: str, browser: Browser, language: str, words: dict[str, str], viewport: ViewportSize
) -> None:
    page = open_page(browser, url, f"/{language}/keeper/help", viewport=viewport)
    page.get_by_label(words["number"]).fill(evening.order_no)
    page.get_by_label(words["said"]).fill("李四")
    page.get_by_role("button", name=words["look"]).click()
    expect(page.locator(".summary")).to_contain_text(words["wrong"])
    expect(page.locator(".summary")).to_be_focused()
    expect(page.get_by_label(words["said"])).to_have_value("李四")
    seen(page, "wrong")
    for _ in range(5):
        page.get_by_role("button", name=words["look"]).click()
        page.wait_for_load_state()
    expect(page.locator(".summary")).to_contain_text(words["paused"])
    assert evening.rows("SELECT count(*) FROM keeper_look")[0].count == 5
    assert evening.commands() == []
    page.context.close()


def test_everything_works_without_script(evening: Evening, url: str, browser: Browser) -> None:
    page = open_page(browser, url, "/en/keeper/rescue", viewport=PHONE, java_script_enabled=False)
    page.get_by_role("checkbox", name="1", exact=True).check()
    page.get_by_role("button", name="Open these doors").click()
    grant_id = evening.grant()
    evening.opens(1, grant_id)
    evening.shuts(1, Right.RESCUE)
    page.reload()
    expect(page.locator("h1")).to_contain_text("It is in your cold bag")
    page.context.close()


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh-hans", "dark")])
def test_every_keepers_page_is_accessible_and_fits(
    evening: Evening, url: str, browser: Browser, language: str, scheme: Any
) -> None:
    page = open_page(browser, url, f"/{language}/keeper", viewport=PHONE, color_scheme=scheme)
    evening.jam(2)
    evening.run_sql("UPDATE zone_reading SET product_c = 9 WHERE locker_id = 'G1' AND zone = 'chilled'")
    page.goto(f"{url}/{language}/keeper/rescue")
    page.locator("input[name=doors]").first.check()
    page.locator("main form button").last.click()
    follow = page.url.removeprefix(url)
    grant_id = evening.grant()
    evening.opens(1, grant_id)
    evening.shuts(1, Right.RESCUE)
    page.goto(f"{url}/{language}/keeper/help?number={evening.order_no}")
    page.locator("#f-said").fill(NAME)
    page.locator("main form button").last.click()
    found = page.url.removeprefix(url)
    devtools = page.context.new_cdp_session(page)  # past the page's content policy, which stays on
    axe, faults = AXE.read_text(encoding="utf-8"), []
    paths = [f"/{language}/keeper{path}" for path in ("", "/help", "/doors/2", "/rescue", "/bag", "/report")]
    for path in (*paths, follow, found):
        page.set_viewport_size(PHONE)
        page.goto(url + path)
        seen(page, f"{language}{path.replace('/', '-')}"[:40])
        devtools.send("Runtime.evaluate", {"expression": axe})
        faults += [f"{path} {fault}" for fault in page.evaluate(RUN_AXE)]
        page.set_viewport_size(ViewportSize(width=NARROW, height=700))
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            faults.append(f"{path} is wider than {NARROW} px")
    page.context.close()
    assert faults == []
