"""Every state a page can be in: how it is reached, and the words that must be seen there, in both languages.

A picture of each is kept in build/screens/states, for people to look at. Axe and the page's width are asked beside.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from app.domain.roles import Role
from app.web.access import serves_everybody
from tests.web import states_world as made
from tests.web.collect_world import happen
from tests.web.evening_world import faults_of
from tests.web.every_page import PHONE, cookie_of, picture
from tests.web.served import served
from tests.web.staff_world import Day, day_at

LANGUAGES = {"zh": "zh-hans", "en": "en"}
BROKEN = "/<lang_code>/broken"


@dataclass(frozen=True, slots=True)
class State:
    """A state; `make` writes what leads there before the page is opened, `act` is what a person then does."""

    name: str
    role: Role | None
    path: str
    zh: str
    en: str
    make: Callable[[Day], None] = made.nothing
    act: Callable[[Page, Day], None] | None = None
    status: int = 200


def types_half_a_number(page: Page, _: Day) -> None:
    page.fill("#f-contact", "12")
    page.keyboard.press("Enter")


def orders_what_is_gone(page: Page, day: Day) -> None:
    made.gone_meanwhile(day)
    page.click(".bar-button, .bar button")


def loses_the_network(page: Page, _: Day) -> None:
    for _try in range(150):  # until the phone has its copy
        if page.evaluate("caches.open('collect-kept').then((kept) => kept.keys()).then((all) => all.length)") >= 2:
            break
        page.wait_for_timeout(100)
    page.context.set_offline(True)
    page.reload()


def loads_without_network(page: Page, day: Day) -> None:
    expect(page.locator("#works-offline")).to_be_visible()
    page.context.set_offline(True)
    page.keyboard.type(made.bag_of(day))
    page.keyboard.press("Enter")


def types_the_code(_: Page, day: Day) -> None:
    happen(day, "UnlockGranted")


def is_signed_out_meanwhile(page: Page, day: Day) -> None:
    made.nobody_is_signed_in(day)
    page.click("button[form=order]")


def finds_somebody_elses_food(page: Page, _: Day) -> None:
    if page.locator("#wrong-bag").count():
        page.click("#wrong-bag summary")
        page.click("#wrong-bag button")
    else:  # it was said in the other language
        page.goto(f"{page.url}?wrong=6")


def scans_another_bag(page: Page, _: Day) -> None:
    page.keyboard.type("P1-9-9-ZZZZZZZZ")
    page.keyboard.press("Enter")


ORDER, COLLECT = "/orders/{order}", "/orders/{order}/collect"
STATES = (
    State("empty", None, "/orders", "还没有订单", "No orders yet"),
    State("form-error", None, "/sign-in", "有 1 处要改", "There is a problem", act=types_half_a_number),
    State("server-error", None, "/broken", "订单没有丢。编号 E-", "Your order is safe. Ref E-", status=500),
    State("nothing-here", None, "/nowhere", "这里没有内容", "Nothing here", status=404),
    State("not-for-you", Role.RESIDENT, "/ops", "给别人用的", "this page is for other people", status=403),
    State(
        "stale",
        Role.RESIDENT,
        COLLECT,
        "14 分钟前的数据，现在不确定",
        "last heard 14 min ago, now unknown",
        made.not_heard_of,
    ),
    State("ready", Role.RESIDENT, COLLECT, "您的菜到了", "Your food is here", made.in_the_locker),
    State("not-there-yet", Role.RESIDENT, COLLECT, "还没入柜", "Not in the locker yet"),
    State(
        "link-too-old", None, "/c/{old_link}", "这个链接过期了", "This link is too old", made.in_the_locker, status=410
    ),
    State(
        "removed-and-refunded",
        Role.RESIDENT,
        COLLECT,
        "已经没有可取的菜了",
        "nothing to collect any more",
        made.refunded,
    ),
    State("too-warm-kept-shut", Role.RESIDENT, ORDER, "号门先不打开", "stays shut for food safety", made.shut),
    State(
        "too-warm-thrown-away", Role.RESIDENT, ORDER, "不再交付", "is not handed out, for food safety", made.condemned
    ),
    State("locker-full", Role.RESIDENT, "/basket", "满", "full", made.full),
    State("late-van", Role.RESIDENT, ORDER, "送菜车晚了", "The van is late", made.late),
    State("partial-order", Role.RESIDENT, ORDER, "样没有送齐", "did not come whole", made.in_part),
    State("weight-differs", Role.RESIDENT, ORDER, "实称 470 g", "weighed 470 g", made.weighed),
    State("refund", Role.RESIDENT, ORDER, "已退回原支付方式", "was sent back the way you paid", made.paid_back),
    State(
        "sold-out", Role.RESIDENT, "/basket", "番茄刚卖完", "Tomatoes just sold out", made.nothing, orders_what_is_gone
    ),
    State(
        "opening", Role.RESIDENT, COLLECT, "正在打开 6 号门", "Opening door 6", made.behind_its_doors, types_the_code
    ),
    State("opening-slowly", Role.RESIDENT, COLLECT, "比平时慢，请稍等", "slower than usual", made.opening_slowly),
    State("door-left-open-by-me", Role.RESIDENT, COLLECT, "6 号门还开着", "Door 6 is still open", made.left_open),
    State(
        "door-stuck", Role.RESIDENT, COLLECT, "按一下门边，再试一次", "Press its edge and try again", made.stuck_once
    ),
    State("door-stuck-again", Role.RESIDENT, COLLECT, "已通知值班的人", "Staff have been told", made.stuck_twice),
    State("time-is-over", Role.RESIDENT, COLLECT, "取菜时间已过", "The time to collect it is over", made.time_is_over),
    State(
        "not-my-food",
        Role.RESIDENT,
        COLLECT,
        "留给它的主人",
        "stays shut for whoever it belongs to",
        made.opened_by_its_owner,
        finds_somebody_elses_food,
    ),
    State(
        "offline",
        None,
        "/c/{link}",
        "到柜机输入取件码照样能开",
        "The code still opens the door",
        made.in_the_locker,
        loses_the_network,
    ),
    State(
        "offline-driver",
        Role.DRIVER,
        "/driver/{site}/{run}",
        "离线：1 条已存在本机",
        "Offline: 1 record saved on this phone",
        made.visit_begun,
        loads_without_network,
    ),
    State("past-cut-off", None, "/basket", "已在今天 11:00截单", "Orders closed at 11:00 today", made.past_cut_off),
    State(
        "session-over",
        None,
        "/basket",
        "为了安全已退出",
        "Signed out for safety",
        made.nothing,
        is_signed_out_meanwhile,
    ),
    State("door-jammed", Role.KEEPER, "/keeper", "12 号门卡住了", "Door 12 is jammed", made.door_stuck),
    State("door-left-open", Role.OPERATOR, "/ops/sites/{site}/doors/7", "开着", "open", made.door_stuck),
    State(
        "wrong-bag", Role.DRIVER, "/driver/{site}/{run}", "不是这袋", "Not this one", made.loading, scans_another_bag
    ),
)


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as found:

        @serves_everybody()
        def broken() -> str:
            raise RuntimeError("a bug")

        found.app.config["PROPAGATE_EXCEPTIONS"] = False
        found.app.add_url_rule(BROKEN, "broken", broken)
        yield found


def address_of(state: State, day: Day, language: str) -> str:
    places = {"order": day.order_id, "site": day.site_id, "run": day.run_no}
    places |= {"link": made.link_of(day, days=2), "old_link": made.link_of(day, days=-3)}
    return f"/{LANGUAGES[language]}{state.path.format(**places)}"


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_is_reached_and_says_what_it_means(browser: Browser, day: Day, state: State) -> None:
    state.make(day)
    with served(day.app, browser) as url:
        for language in LANGUAGES:
            page = open_state(browser, day, url, state, language)
            words = re.compile(re.escape(state.zh if language == "zh" else state.en))
            expect(page.locator("body")).to_contain_text(words)
            expect(page.get_by_text(words).locator("visible=true").first).to_be_visible()
            assert faults_of(page) == []
            picture(page, f"states/{state.name}-{language}")
            page.context.close()


def open_state(browser: Browser, day: Day, url: str, state: State, language: str) -> Page:
    context = browser.new_context(viewport=PHONE)
    context.add_cookies([cookie_of(day, state.role or Role.RESIDENT, url, None if state.role else day.other)])
    page = context.new_page()
    page.set_default_timeout(60_000)
    answer = page.goto(url + address_of(state, day, language))
    assert answer is not None
    assert answer.status == state.status, page.inner_text("body")
    if state.act:
        state.act(page, day)
    return page
