"""Risks in their order, once an order; prices as typed; numbers beyond their limits; and the documents say the same."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.numbers import BY_KEY, NUMBERS, Alarm, NotMeasured, Reading, Unit, alarms, share
from app.domain.pricing import AmountUnreadable, CountUnreadable, Prices, agreed, read_amount, read_count
from app.domain.risks import PATIENCE, Matter, RiskKind, at_risk, money_at_risk

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/numbers.md").read_text(encoding="utf-8")
SIGNS = {Unit.PERCENT: " %", Unit.SECONDS: " s", Unit.COUNT: "", Unit.PER_HUNDRED: ""}


def matter(kind: RiskKind, about: str = "a", *, due_s: int = 0, minor: int = 100) -> Matter:
    """A matter that became a risk so many seconds ago."""
    moment = NOW - PATIENCE[kind] - timedelta(seconds=due_s)
    return Matter(kind=kind, about=about, moment=moment, site_id="s", amount_minor=minor, currency="CNY")


def test_every_kind_is_a_risk_from_its_moment_and_not_a_second_before() -> None:
    assert set(PATIENCE) == set(RiskKind)
    for kind in RiskKind:
        assert at_risk([matter(kind, due_s=-1)], now=NOW) == []
        assert at_risk([matter(kind)], now=NOW)[0].since == NOW


def test_the_worst_comes_first_and_an_order_comes_once() -> None:
    found = at_risk(
        [
            matter(RiskKind.NOT_COLLECTED, "old", due_s=900),
            matter(RiskKind.NOT_COLLECTED, "older", due_s=901),
            matter(RiskKind.REFUND_LATE, "both"),
            matter(RiskKind.FOOD_SAFE_ENDS, "both"),
        ],
        now=NOW,
    )
    assert [risk.worst.about for risk in found] == ["both", "older", "old"]
    assert [other.kind for other in found[0].others] == [RiskKind.REFUND_LATE]


def test_an_orders_money_counts_once_and_currencies_stay_apart() -> None:
    euro = Matter(kind=RiskKind.NOT_COLLECTED, about="e", moment=NOW, site_id="s", amount_minor=7, currency="EUR")
    found = at_risk([matter(RiskKind.REFUND_FAILED, minor=5), matter(RiskKind.FOOD_SAFE_ENDS, minor=90), euro], now=NOW)
    assert money_at_risk(found) == {"CNY": 90, "EUR": 7}


@pytest.mark.parametrize(
    ("text", "digits", "minor"),
    [("3.90", 2, 390), (" 3,9 ", 2, 390), ("12", 2, 1200), ("120", 0, 120), ("1.005", 3, 1005)],
)
def test_an_amount_is_read_as_people_type_it(text: str, digits: int, minor: int) -> None:
    assert read_amount(text, digits=digits, field="x") == minor


@pytest.mark.parametrize("text", ["", "0", "0.00", "-1", "1.234", "1e3", "NaN", "1,000.00", "٣", "9" * 10, "1.5 元"])
def test_what_is_no_amount_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(AmountUnreadable) as caught:
        read_amount(text, digits=2, field="price")
    assert caught.value.facts == {"field": "price"}


@pytest.mark.parametrize("text", ["", "-1", "1.5", "100001", "many"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(CountUnreadable):
        read_count(text, field="total")
    assert read_count(" 100000 ", field="total") == 100_000


def test_unit_price_and_cap_go_with_the_price_unless_they_were_changed_too() -> None:
    before = Prices(1980, 1980, 2178)
    assert agreed(before, Prices(990, 1980, 2178)) == Prices(990, 990, 1089)
    assert agreed(before, Prices(990, 1000, 1200)) == Prices(990, 1000, 1200)
    assert agreed(before, Prices(1980, 1000, 2178)) == Prices(1980, 1000, 2178)


def test_a_number_alarms_beyond_its_limit_only() -> None:
    above, below = BY_KEY["uncollected_overnight"], BY_KEY["in_doors_in_time"]
    assert [alarms(above, Reading(value)) for value in (2, 2.01)] == [False, True]
    assert [alarms(below, Reading(value)) for value in (98, 97.99)] == [False, True]
    assert not alarms(below, Reading(None, NotMeasured.NOTHING_TO_COUNT))
    assert not alarms(BY_KEY["doors_retried"], Reading(99))
    assert share(0, 0).missing is NotMeasured.NOTHING_TO_COUNT
    assert share(1, 4).value == 25


def test_the_document_has_every_number_with_its_limit_and_every_risk() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|.*\| ([^|]+) \|$", DOCUMENT, flags=re.MULTILINE)
    said = [
        (
            str(number.place),
            number.key,
            "none"
            if number.limit is None
            else f"{(number.alarm or Alarm.ABOVE).value} {number.limit:g}{SIGNS[number.unit]}",
        )
        for number in NUMBERS
    ]
    assert rows == said
    assert re.findall(r"^\| `(\w+)` \|", DOCUMENT, flags=re.MULTILINE) == [kind.value for kind in RiskKind]
