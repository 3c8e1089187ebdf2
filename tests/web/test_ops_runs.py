"""The operators' runs: late, called off, capped; what is asked wrongly comes back with its reason, nothing changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import redirect, request, session
from playwright.sync_api import Browser, ViewportSize, expect
from sqlalchemy import Engine, text, update
from werkzeug.wrappers import Response

from app.db import tables as t
from app.domain.roles import Role
from app.web.access import serves_everybody
from tests.web.evening_world import faults_of
from tests.web.served import served
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at
from tests.web.test_choice import picture

NARROW = ViewportSize(width=320, height=700)


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


@pytest.fixture
def operator(day: Day) -> Any:
    return day.client(Role.OPERATOR)


@pytest.fixture
def url(day: Day, browser: Browser) -> Iterator[str]:
    """The application on a port; `/be/<role>` signs in, which in life takes a message, and goes on to a page.

    A page of its own would make the browser ask for an icon, whose answer has a session and a form's token of its own.
    """

    def become(role: str) -> Response:
        session["token"] = day.tokens[Role(role)]
        return redirect(request.args["to"])

    day.app.config["WTF_CSRF_ENABLED"] = True
    day.app.add_url_rule("/be/<role>", "become", serves_everybody()(become))
    with served(day.app, browser) as address:
        yield address


def everything(day: Day) -> dict[str, list[Any]]:
    with day.engine.begin() as conn:
        return {table.name: sorted(conn.execute(table.select()).all(), key=repr) for table in t.metadata.sorted_tables}


def post(operator: Any, path: str, **form: str) -> Any:
    return operator.post(f"/en/ops/runs/{path}", data=form, follow_redirects=True)


def test_a_run_shows_how_full_it_is_and_what_is_short(day: Day, operator: Any) -> None:
    with day.engine.begin() as conn:
        run = (t.run_capacity.c.run_no == day.run_no) & (t.run_capacity.c.zone == "chilled")
        conn.execute(update(t.run_capacity).where(run).values(blocked=t.run_capacity.c.total))
    shown = operator.get("/en/ops/runs").text
    card = shown.partition(f'id="run-{day.run_no}"')[2].partition("</section>")[0]
    assert "tomorrow 14:00" in card
    assert "0 of 28 doors left" in card
    assert "28 not to be had" in card
    assert "1 door short" in card


def test_a_delay_tells_those_it_touches(day: Day, operator: Any) -> None:
    answer = post(operator, f"{day.run_no}/delay", expected="16:55")
    assert "Done. 1 person was told." in answer.text
    assert "late: 16:55" in answer.text
    with day.engine.begin() as conn:
        assert conn.execute(text("SELECT kind FROM notification")).scalars().all() == ["van_late"]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "Write the hour like 18:25."),
        ("25:00", "Write the hour like 18:25."),
        ("soon", "Write the hour like 18:25."),
        ("16:20", "told again only for 15 minutes"),
    ],
)
def test_an_hour_that_is_none_comes_back_with_the_reason(day: Day, operator: Any, typed: str, reason: str) -> None:
    before = everything(day)
    answer = post(operator, f"{day.run_no}/delay", expected=typed)
    assert answer.status_code == 422
    assert reason in answer.text
    assert f'value="{typed}"' in answer.text
    assert everything(day) == before


def test_calling_off_needs_a_tick(day: Day, operator: Any) -> None:
    before = everything(day)
    answer = post(operator, f"{day.run_no}/call-off")
    assert answer.status_code == 422
    assert "Tick the box first" in answer.text
    assert everything(day) == before

    assert "called off" in post(operator, f"{day.run_no}/call-off", sure="1").text
    again = post(operator, f"{day.run_no}/call-off", sure="1")
    assert again.status_code == 409
    assert "called off already" in again.text


def test_a_run_called_off_is_not_sold_packed_or_driven(day: Day, operator: Any) -> None:
    post(operator, f"{day.run_no}/call-off", sure="1")
    assert day.client().get(f"/api/v1/sites/{day.site_id}/windows").json["items"] == []
    assert "Nothing to pack" in day.client(Role.PICKER).get("/en/picking").text
    assert f"/{day.run_no}" not in day.client(Role.DRIVER).get("/en/driver").text.partition("<main")[2]


def test_residents_see_the_late_van_on_their_order(day: Day, operator: Any) -> None:
    post(operator, f"{day.run_no}/delay", expected="16:55")
    shown = day.client(Role.RESIDENT).get(f"/en/orders/{day.order_id}").text
    assert "The van is late: about 16:55 tomorrow." in shown
    with day.engine.begin() as conn:
        conn.execute(update(t.load_run).values(called_off_at=NOW))
    assert "Your van cannot come." in day.client(Role.RESIDENT).get(f"/en/orders/{day.order_id}").text


@pytest.mark.parametrize(("typed", "status"), [("0", 422), ("", 422), ("many", 422), ("1000", 422), ("-1", 422)])
def test_a_cap_below_what_was_ordered_or_absurd_is_refused(day: Day, operator: Any, typed: str, status: int) -> None:
    before = everything(day)
    answer = post(operator, f"windows/{day.window_id}/cap", cap=typed)
    assert answer.status_code == status
    assert "a number from 1 to 999" in answer.text
    assert everything(day) == before


def test_a_cap_is_set(day: Day, operator: Any) -> None:
    assert post(operator, f"windows/{day.window_id}/cap", cap="1").status_code == 200
    with day.engine.begin() as conn:
        cap = conn.execute(text("SELECT order_cap FROM pickup_window WHERE id = :id"), {"id": day.window_id})
        assert cap.scalar_one() == 1


@pytest.mark.parametrize("path", ["999999/delay", "999999/call-off", "windows/999999/cap"])
def test_what_is_not_there_is_not_found(operator: Any, path: str) -> None:
    assert post(operator, path, sure="1", expected="18:00", cap="3").status_code == 404


@pytest.mark.parametrize(("language", "width"), [("en", 390), ("en", 1280), ("zh-hans", 390), ("zh-hans", 1280)])
def test_an_operator_tells_people_of_a_late_van_in_a_browser(
    day: Day, url: str, browser: Browser, language: str, width: int
) -> None:
    context = browser.new_context(viewport=ViewportSize(width=width, height=900))
    page = context.new_page()
    page.goto(f"{url}/be/operator?to=/{language}/ops/runs")
    card = page.locator(f"#run-{day.run_no}")
    card.locator("summary").first.click()
    card.locator("input[type=time]").fill("18:10")
    assert faults_of(page) == []
    picture(page, f"runs-{width}-{language}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("1")
    expect(card.locator(".pill.look")).to_contain_text("18:10")
    card.locator("summary").last.click()
    card.locator("button.danger").click()
    expect(page.get_by_role("alert")).to_be_visible()
    picture(page, f"runs-refused-{width}-{language}")
    card.locator("input[type=checkbox]").check()
    card.locator("button.danger").click()
    expect(card.locator(".pill.stop")).to_be_visible()
    assert faults_of(page) == []
    picture(page, f"runs-called-off-{width}-{language}")
    page.set_viewport_size(NARROW)
    assert faults_of(page) == []
    context.close()
