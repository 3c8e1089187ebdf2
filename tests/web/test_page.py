"""How figures look to people."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask, g
from sqlalchemy import Engine

from app.web import page
from tests.web.staff_world import day_at

ZONE = "Asia/Shanghai"
NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # half past eleven at night in Suzhou


@pytest.fixture
def web(db: Engine, tmp_path: Path) -> Iterator[Flask]:
    with day_at(db, tmp_path) as day:
        yield day.app


@pytest.fixture(params=["en", "zh-hans"])
def language(web: Flask, request: pytest.FixtureRequest) -> Iterator[str]:
    with web.test_request_context(f"/{request.param}/shop"):
        g.lang_code = request.param
        g.now = NOW
        yield request.param


def test_money_has_the_currencys_minor_units(language: str) -> None:
    assert page.money(390, "CNY") == "¥3.90"
    assert page.money(123456, "CNY") == "¥1,234.56"
    assert page.money(500, "JPY").endswith("500")


def test_a_day_is_the_sites_day_and_not_ours(language: str) -> None:
    tomorrow = NOW + timedelta(hours=1)
    assert page.day(tomorrow, ZONE) == {"en": "tomorrow", "zh-hans": "明天"}[language]
    assert page.day(tomorrow, "UTC") == {"en": "today", "zh-hans": "今天"}[language]
    assert page.day(NOW + timedelta(days=9), ZONE) == {"en": "Tue 1 Dec", "zh-hans": "12月1日 周二"}[language]


def test_a_moment_is_said_in_the_languages_order(language: str) -> None:
    assert page.moment(NOW, ZONE) == {"en": "23:30 today", "zh-hans": "今天 23:30"}[language]


def test_a_window_does_not_break_within_its_hours(language: str) -> None:
    said = page.span(NOW, NOW + timedelta(minutes=20), ZONE)
    assert said.replace("\u2060", "").endswith("23:30–23:50")
    assert "\u2060–\u2060" in said


@pytest.mark.parametrize(
    ("minutes", "english"),
    [(-5, "just now"), (0, "just now"), (14, "14 min ago"), (120, "2 hours ago"), (60 * 72, "3 days ago")],
)
def test_an_age_is_said_in_words(web: Flask, minutes: int, english: str) -> None:
    with web.test_request_context("/en/shop"):
        g.lang_code, g.now = "en", NOW
        assert page.ago(NOW - timedelta(minutes=minutes)) == english


def test_cold_has_a_true_minus() -> None:
    assert page.celsius(-18.04) == "−18.0 °C"


def test_a_unit_price_uses_a_legal_unit(language: str) -> None:
    by_weight = SimpleNamespace(unit_price_minor=488, unit_price_per="500g")
    a_set = SimpleNamespace(unit_price_minor=None, unit_price_per=None)
    assert page.unit_price(by_weight, "CNY") == "¥4.88 / 500 g"  # type: ignore[arg-type]
    assert page.unit_price(a_set, "CNY") == ""  # type: ignore[arg-type]


def test_an_icon_that_is_not_there_draws_nothing() -> None:
    assert str(page.icon("no such icon")) == ""
    assert str(page.icon("check")).startswith('<svg aria-hidden="true"')
