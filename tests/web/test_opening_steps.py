"""What to do at the doors now: the tap and the doors' own words, sorted. No database."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.door_tries import DoorTry, DoorWord, TriedParcel
from app.domain.parcel_state import ParcelState
from app.web.opening_steps import Asked, Opening, opening_steps

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def door(
    number: int, word: DoorWord = DoorWord.SHUT, *, seconds: float = 1, failures: int = 0, collected: bool = False
) -> TriedParcel:
    since = None if word is DoorWord.SHUT and not failures else ago(seconds)
    state = ParcelState.COLLECTED if collected else ParcelState.LOADED
    return TriedParcel(f"p{number}", number, state, DoorTry(word, since, failures), None)


def steps(
    *doors: TriedParcel, asked: Asked | None = None, rate: float = 1, kept: frozenset[str] = frozenset()
) -> Opening:
    return opening_steps(doors, asked, kept_shut=kept, now=NOW, rate=rate)


def test_before_anybody_tried_all_doors_may_be_asked_for() -> None:
    assert steps(door(6), door(7)) == Opening(ready=(6, 7))
    assert steps(door(6), door(7)).lead == "ready"


def test_a_tap_that_waits_opens_all_that_lies_there() -> None:
    found = steps(door(6), door(7, collected=True), asked=Asked(ago(1), "waiting"))
    assert (found.opening, found.slow, found.lead) == ((6,), False, "opening")
    assert steps(door(6), asked=Asked(ago(6), "waiting")).slow
    assert not steps(door(6), asked=Asked(ago(6), "waiting"), rate=60).slow


def test_a_door_that_opened_is_open_however_it_was_asked_for() -> None:
    found = steps(door(6, DoorWord.OPEN), asked=Asked(ago(3), "opened"))
    assert (found.open, found.opening, found.left_open, found.lead) == ((6,), (), (), "open")
    assert steps(door(6, DoorWord.OPEN, seconds=31)).left_open == (6,)


def test_one_door_that_stays_shut_leads_though_another_opened() -> None:
    found = steps(door(6, DoorWord.OPEN), door(7, DoorWord.STAYED, failures=1))
    assert (found.open, found.again, found.lead) == ((6,), (7,), "again")
    found = steps(door(6, DoorWord.OPEN), door(7, DoorWord.STAYED, failures=2))
    assert (found.stuck, found.again, found.lead) == ((7,), (), "stuck")


def test_a_third_pulse_under_way_hides_the_money_until_it_is_over() -> None:
    found = steps(door(7, DoorWord.OPENING, failures=2))
    assert (found.opening, found.stuck, found.lead) == ((7,), (), "opening")
    assert steps(door(7, DoorWord.OPENING, failures=2, seconds=31)).lead == "stuck"


def test_what_was_tried_long_ago_says_nothing_to_who_comes_now() -> None:
    assert steps(door(7, DoorWord.STAYED, failures=1, seconds=700)).lead == "ready"


@pytest.mark.parametrize(
    ("asked", "refusal", "silent"),
    [
        (Asked(ago(3), "refused", "locker_silent"), "locker_silent", False),
        (Asked(ago(20), "unanswered"), "", True),
    ],
)
def test_a_tap_that_opened_nothing_says_why_until_a_door_answers(asked: Asked, refusal: str, *, silent: bool) -> None:
    found = steps(door(6), asked=asked)
    assert (found.refusal, found.silent, found.lead) == (refusal, silent, "ready")
    found = steps(door(6, DoorWord.OPEN), asked=asked)
    assert (found.refusal, found.silent, found.lead) == ("", False, "open")


def test_what_is_kept_shut_is_never_asked_for() -> None:
    assert steps(door(6), door(7), kept=frozenset({"p6"})) == Opening(ready=(7,))
    assert steps(door(6), kept=frozenset({"p6"}), asked=Asked(ago(1), "waiting")).opening == ()
