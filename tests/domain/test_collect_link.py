"""A link opens one order's page, for a time, and cannot be made by guessing."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.collect_link import LIVES_AFTER_END, LinkExpired, make_collect_link, read_collect_link
from app.domain.errors import NotFound

ENDS = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
LINK = make_collect_link("secret", order_id="0123abcd", ends_at=ENDS)


def test_a_link_leads_to_its_order() -> None:
    assert read_collect_link("secret", LINK, now=ENDS) == "0123abcd"


def test_a_link_outlives_the_code_and_then_ends() -> None:
    over = ENDS + LIVES_AFTER_END
    assert read_collect_link("secret", LINK, now=over - timedelta(seconds=1)) == "0123abcd"
    with pytest.raises(LinkExpired):
        read_collect_link("secret", LINK, now=over)


@pytest.mark.parametrize("link", ["", "x", LINK[:-1], LINK + "x", LINK.swapcase(), "W10.x", "." * 300])
def test_a_changed_link_leads_nowhere(link: str) -> None:
    with pytest.raises(NotFound):
        read_collect_link("secret", link, now=ENDS)


def test_another_shops_link_leads_nowhere() -> None:
    with pytest.raises(NotFound):
        read_collect_link("another secret", LINK, now=ENDS)


def test_a_link_is_short_enough_for_a_text_message() -> None:
    real = make_collect_link("secret", order_id="0" * 32, ends_at=ENDS)
    assert len(real) <= 100
