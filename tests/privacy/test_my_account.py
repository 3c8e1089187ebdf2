"""One's own account in the browser: name, download, erasure; nobody sees another's."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, select, text

from app.db import tables as t
from app.domain.roles import Role
from tests.web.served import served
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def finish(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(text("UPDATE customer_order SET state = 'collected'"))


def mine(day: Day) -> Any:
    with day.engine.connect() as conn:
        return conn.execute(select(t.person).where(t.person.c.id == day.people[Role.RESIDENT])).one()


@pytest.mark.parametrize(("language", "heading"), [("en", "Your account"), ("zh-hans", "我的账户")])
def test_the_page_shows_what_we_know_in_both_languages(day: Day, language: str, heading: str) -> None:
    page = day.client(Role.RESIDENT).get(f"/{language}/account").text
    assert heading in page
    assert mine(day).phone in page


def test_a_name_is_kept_as_one_line_and_can_be_taken_back(day: Day) -> None:
    client = day.client(Role.RESIDENT)
    assert client.post("/en/account/name", data={"name": "  王  大妈 "}).status_code == 303
    assert mine(day).display_name == "王 大妈"
    client.post("/en/account/name", data={"name": ""})
    assert mine(day).display_name == ""


@pytest.mark.parametrize("name", ["x" * 41, "a\x07b", "a\u202eb"])
def test_a_name_that_cannot_be_kept_is_asked_for_again(day: Day, name: str) -> None:
    answer = day.client(Role.RESIDENT).post("/en/account/name", data={"name": name})
    assert answer.status_code == 422
    assert "at most 40 letters" in answer.text
    assert mine(day).display_name == ""


def test_the_download_is_one_zip_with_a_page_and_json(day: Day) -> None:
    answer = day.client(Role.RESIDENT).post("/en/account/data.zip")
    assert answer.mimetype == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert set(archive.namelist()) == {"my-data.html", "my-data.json"}
        page = archive.read("my-data.html").decode()
        data = json.loads(archive.read("my-data.json"))
    assert data["account"]["rows"][0]["phone"] == mine(day).phone
    assert data["account"]["columns"]["phone"] == {"zh": "手机号", "en": "Phone"}
    assert len(data["orders"]["rows"]) == 1
    assert "手机号" in page
    assert "Phone" in page
    assert mine(day).phone in page


def test_what_people_wrote_cannot_become_a_script_in_their_own_download(day: Day) -> None:
    client = day.client(Role.RESIDENT)
    client.post("/en/account/name", data={"name": "<script>alert(1)</script>"})
    with zipfile.ZipFile(io.BytesIO(client.post("/en/account/data.zip").data)) as archive:
        assert b"<script" not in archive.read("my-data.html")


def test_the_download_holds_nobody_elses_orders(day: Day) -> None:
    client = day.client()
    with client.session_transaction() as session:
        session["token"] = day.other
    with zipfile.ZipFile(io.BytesIO(client.post("/en/account/data.zip").data)) as archive:
        data = json.loads(archive.read("my-data.json"))
    assert data["orders"]["rows"] == []
    assert mine(day).phone not in json.dumps(data)


def test_erasing_is_refused_in_words_while_an_order_is_under_way(day: Day) -> None:
    client = day.client(Role.RESIDENT)
    asked = client.get("/en/account/erase").text
    assert "still under way" in asked
    assert "I am sure" not in asked
    answer = client.post("/en/account/erase", data={"sure": "yes"})
    assert answer.status_code == 409
    assert "over by 2026-11-24 13:30 at the latest" in answer.text
    assert mine(day).phone is not None


def test_erasing_is_done_only_for_who_is_sure(day: Day) -> None:
    finish(day)
    answer = day.client(Role.RESIDENT).post("/zh-hans/account/erase")
    assert answer.status_code == 422
    assert "请勾选方框" in answer.text
    assert mine(day).phone is not None


def test_an_erased_account_is_signed_out_everywhere(day: Day) -> None:
    finish(day)
    client, second = day.client(Role.RESIDENT), day.client(Role.RESIDENT)
    answer = client.post("/en/account/erase", data={"sure": "yes"})
    assert answer.headers["Location"] == "/en/account/erased"
    assert "Nothing here leads to you any more" in client.get("/en/account/erased").text
    assert (mine(day).phone, mine(day).display_name, mine(day).site_id) == (None, "", None)
    for browser in (client, second):
        assert browser.get("/en/orders").status_code == 302
    with client.session_transaction() as session:
        assert "token" not in session


def test_staff_are_told_whom_to_ask_first(day: Day) -> None:
    answer = day.client(Role.PICKER).post("/en/account/erase", data={"sure": "yes"})
    assert answer.status_code == 409
    assert "Ask an administrator" in answer.text


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_phone_shows_it_without_scrolling_sideways_and_erases_without_script(
    day: Day, browser: Browser, language: str
) -> None:
    finish(day)
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    with served(day.app, browser) as url:
        cookie = day.client(Role.RESIDENT)
        cookie.get("/en/")
        value = next(iter(cookie._cookies.values())).value
        context.add_cookies([{"name": "caibox", "value": value, "url": url}])
        page = context.new_page()
        for path in ("/account", "/account/erase"):
            page.goto(f"{url}/{language}{path}")
            assert page.locator("main").bounding_box()["width"] <= 390  # type: ignore[index]
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.check("#f-sure")
        page.click("button.danger")
        expect(page).to_have_url(f"{url}/{language}/account/erased")
    assert mine(day).phone is None
