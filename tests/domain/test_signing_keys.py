"""A signing key is introduced, used, and its forerunner retired: never before everybody knows."""

from datetime import UTC, datetime

import pytest

from app.domain.signing_keys import Standing, Step, TooEarly, following, keys_after

LATER = datetime(2026, 11, 25, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "keys", "after"),
    [
        ("introduce", [1], [1, 2]),
        ("introduce", [255], [255, 1]),
        ("use", [1, 2], [2, 1]),
        ("use", [2, 1], [1, 2]),
        ("retire", [2, 1], [2]),
        ("retire", [1, 2], [1]),
    ],
)
def test_each_step_leads_to_the_keys_it_should(step: Step, keys: list[int], after: list[int]) -> None:
    assert keys_after(step, Standing(keys, [], None)) == after


@pytest.mark.parametrize(("step", "keys"), [("introduce", [1, 2]), ("use", [1]), ("retire", [1])])
def test_a_step_that_does_not_fit_the_number_of_keys_is_refused(step: Step, keys: list[int]) -> None:
    with pytest.raises(TooEarly, match=r"^[^\n]+\.$"):
        keys_after(step, Standing(keys, [], None), at_once=True)


@pytest.mark.parametrize("step", ["use", "retire"])
def test_a_site_that_has_not_confirmed_stops_it_even_at_once(step: Step) -> None:
    with pytest.raises(TooEarly, match="sunny"):
        keys_after(step, Standing([2, 1], ["sunny"], None), at_once=True)


def test_a_second_key_may_be_made_ready_while_a_site_is_away() -> None:
    assert keys_after("introduce", Standing([1], ["sunny"], LATER)) == [1, 2]


def test_a_key_is_kept_while_its_codes_are_good_unless_it_must_end_at_once() -> None:
    standing = Standing([2, 1], [], LATER)
    with pytest.raises(TooEarly, match="until 2026-11-25 20:00 UTC"):
        keys_after("retire", standing)
    assert keys_after("retire", standing, at_once=True) == [2]
    assert keys_after("use", standing) == [1, 2]


def test_no_key_follows_itself_and_all_numbers_fit_into_a_code() -> None:
    numbers = range(1, 256)
    assert {following(number) for number in numbers} == set(numbers)
    assert all(following(number) != number for number in numbers)
