"""The demo's clock: rates, jumps, never backwards, and not there where time is real."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from locker_protocol.clock import DemoClock, read_anchor
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def civil_ms(folder: Path) -> int:
    return DemoClock(folder / "clock.json").now().civil_ms


@pytest.mark.parametrize(("language", "words"), [("en", "Jump ahead"), ("zh-hans", "快进")])
def test_the_page_shows_the_time_at_each_site(day: Day, language: str, words: str) -> None:
    page = day.client().get(f"/{language}/demo/clock").text
    assert words in page
    assert page.count('data-zone="Asia/Shanghai"') == 2
    assert "12:00" in page


def test_the_bare_address_leads_there(day: Day) -> None:
    answer = day.client().get("/demo/clock", headers={"Accept-Language": "en"})
    assert answer.status_code == 302
    assert answer.location == "/en/demo/clock"


def test_the_rate_changes_from_now_on(day: Day, tmp_path: Path) -> None:
    before = civil_ms(tmp_path)
    assert day.client().post("/en/demo/clock/rate", data={"rate": "600"}).status_code == 303
    assert read_anchor(tmp_path / "clock.json").rate == 600
    assert civil_ms(tmp_path) >= before


@pytest.mark.parametrize(("to", "hours"), [("hour", 1), ("load", 26), ("window", 28.5)])
def test_a_jump_goes_where_it_says(day: Day, tmp_path: Path, to: str, hours: float) -> None:
    before = civil_ms(tmp_path)
    assert day.client().post("/en/demo/clock/jump", data={"to": to}).status_code == 303
    assert civil_ms(tmp_path) - before == pytest.approx(hours * 3_600_000, abs=60_000)


@pytest.mark.parametrize(
    ("path", "form"),
    [("rate", {"rate": "0"}), ("rate", {"rate": "-1"}), ("rate", {}), ("jump", {"to": "yesterday"}), ("jump", {})],
)
def test_anything_else_is_refused_and_time_goes_on_as_before(
    day: Day, tmp_path: Path, path: str, form: dict[str, str]
) -> None:
    before = read_anchor(tmp_path / "clock.json")
    assert day.client().post(f"/en/demo/clock/{path}", data=form).status_code == 422
    assert read_anchor(tmp_path / "clock.json") == before


@pytest.mark.parametrize("path", ["/demo/clock", "/en/demo/clock"])
def test_outside_a_demo_there_is_no_such_page(day: Day, path: str) -> None:
    parts = day.app.extensions["caibox"]
    day.app.extensions["caibox"] = replace(parts, settings=replace(parts.settings, demo=False))
    assert day.client().get(path).status_code == 404
    assert day.client().post("/en/demo/clock/rate", data={"rate": "60"}).status_code == 404
