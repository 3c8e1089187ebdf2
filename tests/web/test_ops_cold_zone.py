"""A zone over time: chart, table and file say the same, gaps are nothing, the meter stands beside last week's."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, insert

from app.db import tables as t
from app.domain.roles import Role
from tests.web.cold_world import alarm, keep
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

ZONE = "/en/ops/cold/zone/G1/chilled"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def ms(minutes_ago: float) -> int:
    return round((NOW - timedelta(minutes=minutes_ago)).timestamp() * 1000)


def fill(day: Day, **values: Any) -> None:
    with day.engine.begin() as conn:
        keep(conn, locker_id="G1", zone="chilled", since=NOW - timedelta(hours=6), minutes=360, **values)


def series(day: Day, since: float, until: float = 0) -> Any:
    return day.client(Role.OPERATOR).get(f"{ZONE}/series.json?since={ms(since)}&until={ms(until)}")


def test_a_short_stretch_has_every_minute_and_nothing_where_nobody_measured(day: Day) -> None:
    fill(day, without=(300, 323))
    found = series(day, 120).get_json()
    assert found["step_s"] == 60
    assert len(found["at"]) == 120
    assert found["product_mean"].count(None) == 23
    assert (found["product_min"][0], found["product_mean"][0], found["product_max"][0]) == (2.1, 2.5, 2.9)
    assert found["band"] == [0, 4]
    assert found["cooling_s"][0] == 30


def test_an_hour_without_a_row_is_a_gap_as_well(day: Day) -> None:
    fill(day)
    found = series(day, 8 * 60).get_json()
    assert found["product_mean"][:120] == [None] * 120
    assert None not in found["product_mean"][120:480]


@pytest.mark.parametrize(("days", "step_s"), [(3, 60), (7, 900), (31, 900), (89, 3600)])
def test_a_longer_stretch_is_folded_by_the_database(day: Day, days: int, step_s: int) -> None:
    fill(day, values={359: 9.0})
    found = series(day, days * 24 * 60).get_json()
    assert found["step_s"] == step_s
    assert len(found["at"]) <= 4_500
    assert max(value for value in found["product_max"] if value is not None) == 9.4  # folding hides no peak


@pytest.mark.parametrize(
    "query",
    [
        "since=1&until=2",
        "since=x&until=y",
        "since=-5",
        "since=99999999999999&until=1",
        "range=2y",
        f"since={ms(0)}&until={ms(60)}",
    ],
)
@pytest.mark.parametrize("end", ["", "/series.json", "/series.csv"])
def test_a_stretch_that_makes_no_sense_is_refused_in_words(day: Day, query: str, end: str) -> None:
    answer = day.client(Role.OPERATOR).get(f"{ZONE}{end}?{query}")
    assert answer.status_code == 422
    assert "Choose one of the last 90 days" in answer.text


@pytest.mark.parametrize("path", ["G1/oven", "G9/chilled", "G2/frozen"])
def test_a_zone_that_is_not_there_is_not_found(day: Day, path: str) -> None:
    assert day.client(Role.OPERATOR).get(f"/en/ops/cold/zone/{path}").status_code == 404


def test_the_file_has_what_was_measured_and_empty_cells_for_the_rest(day: Day) -> None:
    fill(day, without=(350, 360))
    answer = day.client(Role.OPERATOR).get(f"{ZONE}/series.csv?since={ms(60)}&until={ms(0)}")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(rows) == 60
    assert (rows[0]["product_mean_c"], rows[0]["measured_s"]) == ("2.50", "60")
    assert (rows[-1]["product_mean_c"], rows[-1]["measured_s"]) == ("", "0")


def test_the_table_says_the_same_without_a_script(day: Day) -> None:
    fill(day, without=(300, 345))
    page = words(day.client(Role.OPERATOR).get(f"{ZONE}?range=24h").text)
    assert "nobody measured" in page
    assert "2.1 °C 2.5 °C 2.9 °C 3.0 °C" in page


def test_an_old_reading_looks_dead(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(t.zone_reading.update().values(read_at=NOW - timedelta(minutes=40)))
    page = day.client(Role.OPERATOR).get(ZONE).text
    assert "Last heard 40 min ago; what it is now is unknown." in page
    assert '<span class="degrees">3.2' not in page


def test_alarms_of_the_stretch_are_named(day: Day) -> None:
    with day.engine.begin() as conn:
        alarm(conn, site_id="osmanthus", locker_id="G1", kind="sensor", probe="air", fault="magic", value_c=85.0)
    page = words(day.client(Role.OPERATOR).get(ZONE).text)
    assert "Probe not to be believed 85.0 °C · gives its chip’s error value" in page


def test_the_meter_stands_beside_last_weeks(day: Day) -> None:
    with day.engine.begin() as conn:
        for back in range(1, 15):
            used = 6_000 if back <= 7 else 5_000
            on = (NOW - timedelta(days=back)).date()
            row = {"locker_id": "G1", "day": on, "first_wh": 10_000, "last_wh": 10_000 + used}
            conn.execute(insert(t.cabinet_energy).values(row))
    page = words(day.client(Role.OPERATOR).get(ZONE).text)
    assert "the last 7 days 42.0 kWh" in page
    assert "the same days a week before 35.0 kWh" in page
    assert "20 % more than the week before" in page


def test_a_chart_is_drawn_and_dragging_looks_closer(day: Day, url: str, browser: Browser) -> None:
    fill(day, without=(200, 260))
    page = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en").new_page()
    page.goto(f"{url}/be/operator")
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Security Policy" in said.text else None)
    page.goto(f"{url}{ZONE}?range=6h")
    chart = page.locator("[data-chart]")
    expect(chart).to_have_attribute("data-points", re.compile(r"36\d"))
    over = page.locator(".u-over").bounding_box()
    assert over is not None
    page.mouse.move(over["x"] + over["width"] * 0.5, over["y"] + 40)
    page.mouse.down()
    page.mouse.move(over["x"] + over["width"] * 0.75, over["y"] + 40, steps=4)
    page.mouse.up()
    expect(chart).to_have_attribute("data-points", re.compile(r"^(8|9|10)\d?$|^9\d$"))
    page.get_by_role("button", name="The whole stretch").click()
    expect(chart).to_have_attribute("data-points", re.compile(r"36\d"))
    assert wrong == []
