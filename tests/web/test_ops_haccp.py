"""The HACCP log: what was recorded, the same on page, file and PDF; unknown is never counted as fine."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.domain.roles import Role
from app.web.haccp_pdf import marked
from tests.web.cold_world import alarm, keep, keep_shut, lay_down
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, day_at

URL = "/en/ops/cold/haccp"


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def happen(day: Day) -> None:
    with day.engine.begin() as conn:
        door = lay_down(conn, day)
        values = dict.fromkeys(range(130, 150), 8.0)
        keep(
            conn,
            locker_id=door.locker_id,
            zone="chilled",
            since=NOW - timedelta(hours=3),
            minutes=180,
            values=values,
            without=(20, 50),
        )
        keep_shut(
            conn,
            day,
            door,
            state="released",
            decided_at=NOW,
            decided_by=f"person:{day.people[Role.OPERATOR]}",
            reason="=cold to the touch",
            kept=["chilled_tcs"],
            probe_c=3.1,
            photo=b"jpeg",
        )
        alarm(conn, site_id=day.site_id, locker_id=door.locker_id, kind="sensor", fault="magic", value_c=85.0)


def rows(day: Day) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    text = day.client(Role.OPERATOR).get(f"{URL}/log.csv?site=osmanthus&month=2026-11").data.decode("utf-8-sig")
    events, _, days = text.partition("\r\n\r\n")
    return list(csv.DictReader(io.StringIO(events))), list(csv.DictReader(io.StringIO(days)))


def test_a_deviation_says_what_the_rule_asks_for(day: Day) -> None:
    happen(day)
    found = next(row for row in rows(day)[0] if row["Control point"] == "storage")
    assert found["Limit"].startswith("> 5 °C 30 min (in one stretch)")
    assert found["Observed"] == "Too warm, warmest 8.4 °C"
    assert found["Minutes"] == "60"
    assert found["Corrective action"] == "kept shut, looked at, released: =cold to the touch"
    assert found["Who"] == "operator"
    assert found["Verification"] == "probe 3.1 °C, photo kept"
    assert found["Product"]


def test_each_zone_has_each_day_and_what_nobody_measured_is_unknown(day: Day) -> None:
    happen(day)
    days = rows(day)[1]
    today = [row for row in days if row["Date"] == "2026-11-22" and row["Locker"] == "North lobby"]
    chilled = next(row for row in today if row["Zone"] == "chilled")
    assert (chilled["Coldest"], chilled["Warmest"], chilled["Minutes above"]) == ("2.10", "8.40", "20")
    assert chilled["Minutes unknown"] == str(12 * 60 - 150)
    assert next(row for row in today if row["Zone"] == "frozen")["Minutes unknown"] == "720"
    assert {row["Date"] for row in days} == {f"2026-11-{n:02d}" for n in range(1, 23)}


def test_the_page_says_the_same_in_both_languages(day: Day) -> None:
    happen(day)
    assert "kept shut, looked at, released" in words(day.client(Role.OPERATOR).get(URL).text)
    assert "锁住，查看，放行" in words(day.client(Role.OPERATOR).get("/zh-hans/ops/cold/haccp").text)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pdf_is_one_and_carries_no_font_of_ours(day: Day, language: str) -> None:
    happen(day)
    answer = day.client(Role.OPERATOR).get(f"/{language}/ops/cold/haccp/log.pdf?site=osmanthus&month=2026-11")
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert b"/STSong-Light" in answer.data
    assert b"/FontFile" not in answer.data
    assert len(re.findall(rb"/Type /Page\b", answer.data)) >= 3


def test_chinese_within_latin_words_is_set_in_its_own_type(day: Day) -> None:
    with day.app.test_request_context("/en/", headers={"Accept-Language": "en"}):
        assert marked("Lin 林 <3, −18 °C") == 'Lin <font name="STSong-Light">林</font> &lt;3, –18 °C'


@pytest.mark.parametrize("month", ["2026-12", "2024-10", "2026-13", "soon", "2026-11-01"])
@pytest.mark.parametrize("end", ["", "/log.csv", "/log.pdf"])
def test_a_month_that_cannot_be_shown_is_refused_in_words(day: Day, month: str, end: str) -> None:
    answer = day.client(Role.OPERATOR).get(f"{URL}{end}?month={month}")
    assert answer.status_code == 422
    assert "Choose a month of the last two years" in answer.text


def test_a_site_that_is_not_there_is_not_found(day: Day) -> None:
    assert day.client(Role.OPERATOR).get(f"{URL}?site=nowhere").status_code == 404
