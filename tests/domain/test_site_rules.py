"""A site's rules as they are typed: shares of a hundred, never more back for cancelling later."""

import pytest

from app.domain.site_rules import (
    FewerBackLater,
    SiteRuleUnreadable,
    check_percents,
    read_percent,
    read_rate,
)


@pytest.mark.parametrize(
    ("typed", "basis_points"), [("9", 900), (" 9.5 ", 950), ("13,25", 1325), ("0", 0), ("100 %", 10_000), ("0.01", 1)]
)
def test_a_rate_is_read_as_people_type_it(typed: str, basis_points: int) -> None:
    assert read_rate(typed, field="x") == basis_points


@pytest.mark.parametrize("typed", ["", " ", "-1", "100.01", "9.555", "1e1", "NaN", "٩", "9.9.9", ".", "1" * 30, "９"])
def test_what_is_no_rate_is_refused_with_its_field(typed: str) -> None:
    with pytest.raises(SiteRuleUnreadable) as refusal:
        read_rate(typed, field="tax:x")
    assert refusal.value.facts == {"field": "tax:x"}


def test_what_comes_back_is_a_whole_percent() -> None:
    assert read_percent("50", field="x") == 50
    with pytest.raises(SiteRuleUnreadable):
        read_percent("50.5", field="x")


def test_nobody_gets_more_back_for_cancelling_later() -> None:
    check_percents({"closed_percent": 80, "packed_percent": 80, "ready_percent": 0})
    with pytest.raises(FewerBackLater) as refusal:
        check_percents({"closed_percent": 80, "packed_percent": 50, "ready_percent": 51})
    assert refusal.value.facts == {"field": "ready_percent"}
