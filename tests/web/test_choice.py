"""The choice page: by link and without signing in, in both languages, on a phone and a screen, and when it is over."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine, text, update

from app.db import tables as t
from app.db.engine import transaction
from app.domain.choice_link import make_choice_link
from app.domain.collect_link import make_collect_link
from app.domain.roles import Role
from app.use_cases.evening.withdraw_order import close_withdrawn
from tests.web.evening_world import KEEPS_UNTIL, ask, called_off, faults_of, last_hour
from tests.web.served import served
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

SIZES = {"390": ViewportSize(width=390, height=844), "1280": ViewportSize(width=1280, height=900)}
NARROW = ViewportSize(width=320, height=700)


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def path(day: Day) -> str:
    """The page of an order that was not collected."""
    last_hour(day)
    return ask(day)


@pytest.fixture
def url(day: Day, browser: Browser) -> Iterator[str]:
    """The application on a port, with its guard against forged forms."""
    day.app.config["WTF_CSRF_ENABLED"] = True
    with served(day.app, browser) as address:
        yield address


def picture(page: Page, name: str) -> None:
    folder = os.environ.get("CAIBOX_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def state(day: Day) -> str:
    with day.engine.begin() as conn:
        return str(conn.execute(text("SELECT state FROM customer_order")).scalar_one())


def choose(day: Day, path: str, choice: str) -> Any:
    return day.client().post(f"/en/{path}", data={"choice": choice}, follow_redirects=True)


@pytest.mark.parametrize("width", list(SIZES))
@pytest.mark.parametrize(
    ("language", "heading", "keep", "kept"),
    [
        ("en", "Your food is still in the locker", "Keep it till the morning", "Your code works until 13:30 tomorrow."),
        ("zh-hans", "您的菜还在柜里", "放到明早", "取件码在明天 13:30 前有效"),
    ],
)
def test_a_late_resident_keeps_it_till_the_morning(
    day: Day, path: str, url: str, browser: Browser, language: str, heading: str, keep: str, kept: str, width: str
) -> None:
    page = browser.new_context(viewport=SIZES[width]).new_page()
    page.goto(f"{url}/{language}/{path}")
    expect(page.locator("h1")).to_have_text(heading)
    expect(page.locator("main form")).to_have_count(3)
    assert faults_of(page) == []
    picture(page, f"choice-{width}-{language}")
    page.keyboard.press("Tab")
    page.get_by_role("button", name=keep).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".notice.yours")).to_contain_text(kept)
    assert faults_of(page) == []
    picture(page, f"choice-kept-{width}-{language}")
    page.set_viewport_size(NARROW)
    assert faults_of(page) == []
    page.context.close()
    assert state(day) == "ready"


@pytest.mark.parametrize("width", list(SIZES))
@pytest.mark.parametrize(("language", "button"), [("en", "Somebody else collects it"), ("zh-hans", "请人代取")])
def test_who_hands_over_gets_the_link_and_the_code_to_forward(
    day: Day, path: str, url: str, browser: Browser, language: str, button: str, width: str
) -> None:
    page = browser.new_context(viewport=SIZES[width], java_script_enabled=False).new_page()
    page.goto(f"{url}/{language}/{path}")
    page.get_by_role("button", name=button).click()
    expect(page.locator(".code-digits")).to_contain_text("07 ")
    picture(page, f"choice-handed-{width}-{language}")
    page.locator("main a.hit").click()
    expect(page.locator(".qr img")).to_be_visible()
    expect(page.locator("main form")).to_have_count(0)  # whoever got the link collects; they give nothing back
    page.context.close()


@pytest.mark.parametrize("width", list(SIZES))
@pytest.mark.parametrize(
    ("language", "button", "said"),
    [
        ("en", "Cancel it and refund me", "This order is being withdrawn"),
        ("zh-hans", "不要了，退款", "这单正在撤回"),
    ],
)
def test_who_gives_it_back_sees_that_the_money_waits_for_the_locker(
    day: Day, path: str, url: str, browser: Browser, language: str, button: str, said: str, width: str
) -> None:
    page = browser.new_context(viewport=SIZES[width]).new_page()
    page.goto(f"{url}/{language}/{path}")
    page.get_by_text(button).click()
    picture(page, f"choice-sure-{width}-{language}")
    page.locator("button[value=refund]").click()
    expect(page.locator("h1")).to_have_text(said)
    assert faults_of(page) == []
    picture(page, f"choice-refund-{width}-{language}")
    assert state(day) == "expiring"

    with transaction(day.engine) as conn:
        close_withdrawn(conn, order_id=day.order_id, site_id=day.site_id, actor="gateway:x", now=NOW)
    page.reload()
    expect(page.locator(".notice.ok")).to_contain_text("on its way back" if language == "en" else "正在退回")
    picture(page, f"choice-removed-{width}-{language}")
    page.goto(page.url.split("/choice/")[0] + f"/c/{collect_link(day)}")
    expect(page.locator("h1")).to_have_text("This order has ended" if language == "en" else "这单已结束")
    picture(page, f"collect-removed-{width}-{language}")
    page.context.close()


def collect_link(day: Day) -> str:
    secret_key = day.app.extensions["caibox"].settings.secret_key
    return make_collect_link(secret_key, order_id=day.order_id, ends_at=KEEPS_UNTIL)


def test_a_withdrawn_orders_collect_page_says_so_and_shows_no_code(day: Day, path: str) -> None:
    choose(day, path, "refund")
    shown = day.client().get(f"/en/c/{collect_link(day)}").text
    assert "This order is being withdrawn" in shown
    assert "code-digits" not in shown


def test_the_second_answer_is_told_that_it_was_answered(day: Day, path: str) -> None:
    assert choose(day, path, "keep").status_code == 200
    again = choose(day, path, "refund")
    assert again.status_code == 409
    assert "This was answered already" in again.text
    assert state(day) == "ready"


@pytest.mark.parametrize("wish", ["", "tomorrow", "champagne", "re\tfund"])
def test_what_was_not_offered_is_refused_and_the_question_stays_open(day: Day, path: str, wish: str) -> None:
    answer = choose(day, path, wish)
    assert answer.status_code == 409
    assert "Here is what is left." in answer.text
    assert answer.text.count('name="choice"') == 3
    assert state(day) == "ready"


def test_when_its_time_is_over_the_page_says_what_holds(day: Day, path: str) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.offer).values(answer_by=NOW))
    answer = day.client().get(f"/en/{path}")
    assert "This question is closed" in answer.text
    assert "Your code works until" in answer.text
    assert 'name="choice"' not in answer.text


def test_after_the_food_was_collected_nothing_is_asked(day: Day, path: str) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="collected"))
        conn.execute(update(t.parcel).values(state="collected"))
    assert "Collected. Enjoy it!" in day.client().get(f"/en/{path}").text


def test_a_forged_link_an_old_one_and_a_collect_link_open_no_choice(day: Day, path: str) -> None:
    secret_key = day.app.extensions["caibox"].settings.secret_key
    old = make_choice_link(secret_key, offer_id="x", ends_at=NOW.replace(year=2020))
    assert day.client().get(f"/en/{path}x").status_code == 404
    assert day.client().get(f"/en/choice/{old}").status_code == 410
    assert day.client().get(f"/en/choice/{collect_link(day)}").status_code == 404
    assert choose(day, f"choice/{collect_link(day)}", "refund").status_code == 404
    assert state(day) == "ready"


def test_the_owner_finds_the_choice_on_their_own_pages_and_a_helper_does_not(day: Day, path: str) -> None:
    owner = day.client(Role.RESIDENT)
    assert f"/en/{path.split('/', maxsplit=1)[0]}/" in owner.get(f"/en/orders/{day.order_id}").text
    assert "/en/choice/" in owner.get(f"/en/orders/{day.order_id}/collect").text
    assert "/en/choice/" not in day.client().get(f"/en/c/{collect_link(day)}").text


@pytest.mark.parametrize("width", list(SIZES))
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_run_called_off_offers_the_neighbour_and_moves_there(
    day: Day, url: str, browser: Browser, language: str, width: str
) -> None:
    with day.engine.begin() as conn:
        conn.execute(text("DELETE FROM capacity_hold"))  # so large an order fits no neighbour
        conn.execute(update(t.parcel).values(volume_ml=1_000, longest_mm=100))
    path = called_off(day)
    page = browser.new_context(viewport=SIZES[width]).new_page()
    page.goto(f"{url}/{language}/{path}")
    assert faults_of(page) == []
    picture(page, f"choice-called-off-{width}-{language}")
    page.locator("button[value=neighbour]").click()
    expect(page.locator(".notice.ok")).to_contain_text("Sunny Lane" if language == "en" else "阳光里")
    picture(page, f"choice-moved-{width}-{language}")
    page.context.close()
