"""Taking out and wiping: the next step, from what was asked and what the site told. Pure: no database, no browser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from app.db.pages.ops import DoorNow
from app.web.driver_loop import Word
from app.web.visit_steps import DoorsStep, Round, doors_step
from tests.web.shop_world import NOW


@dataclass
class Opening:
    doors: Sequence[int] = (3,)
    asked_at: datetime = NOW
    not_after: datetime = NOW + timedelta(seconds=10)
    answered_at: datetime | None = None
    refusal: str | None = None
    stayed_shut: Sequence[int] | None = field(default=None)


def door(number: int, state: str = "shut", *, since_s: float = 0) -> DoorNow:
    changed = NOW - timedelta(seconds=since_s)
    place = dict.fromkeys(("x_mm", "y_mm", "width_mm", "height_mm", "column_no", "row_no"), 1)
    return DoorNow(
        locker_id="G1",
        door=number,
        zone="chilled",
        size="M",
        condition="free",
        door_state=state,
        door_changed_at=changed,
        order_id=None,
        order_no=None,
        parcel_ref=None,
        parcel_opened_at=None,
        trouble=None,
        trouble_door=None,
        trouble_at=None,
        kept_shut=False,
        planned=False,
        **place,
    )


WALL = {number: door(number) for number in range(1, 10)}
SWEEP = Round(Word.TAKE, [3, 9], [3])
WIPE = Round(Word.WIPE, [1, 2, 3], [1, 2, 3])
ANSWERED = Opening(answered_at=NOW)


def step(
    asked: Opening | None,
    left: Round = SWEEP,
    *,
    doors: Mapping[int, DoorNow] = WALL,
    later_s: float = 1,
    rate: float = 1,
) -> DoorsStep:
    return doors_step(asked, left, doors, now=NOW + timedelta(seconds=later_s), rate=rate)


def test_it_begins_with_the_first_door_and_ends_with_the_last() -> None:
    assert step(None) == DoorsStep(Word.OPEN, [3])
    assert step(None, Round(Word.TAKE, [], [])) == DoorsStep(Word.DONE)


def test_doors_in_others_hands_are_left_to_them() -> None:
    assert step(None, Round(Word.TAKE, [3], [])) == DoorsStep(Word.BUSY, [3])


def test_an_unanswered_question_waits_and_then_says_that_nothing_was_heard() -> None:
    assert step(Opening()).word is Word.WAIT
    assert step(Opening(), later_s=16).word is Word.SILENT
    assert step(Opening(not_after=NOW + timedelta(seconds=600)), later_s=16, rate=60).word is Word.WAIT


def test_an_answer_is_worked_at_and_a_door_left_open_is_to_be_shut() -> None:
    assert step(ANSWERED) == DoorsStep(Word.TAKE, [3])
    standing = {**WALL, 3: door(3, "open")}
    assert step(ANSWERED, doors=standing).word is Word.TAKE
    assert step(ANSWERED, doors={**WALL, 3: door(3, "open", since_s=60)}).word is Word.SHUT


def test_wiping_takes_longer_and_counts_down_door_by_door() -> None:
    asked = replace(ANSWERED, doors=[1, 2, 3])
    standing = {**WALL, **{number: door(number, "open", since_s=10) for number in (1, 2, 3)}}
    assert step(asked, WIPE, doors=standing) == DoorsStep(Word.WIPE, [1, 2, 3])
    assert step(asked, Round(Word.WIPE, [3], [3]), doors=standing) == DoorsStep(Word.WIPE, [3])
    long_open = {**WALL, 3: door(3, "open", since_s=60)}
    assert step(asked, Round(Word.WIPE, [3], [3]), doors=long_open) == DoorsStep(Word.SHUT, [3])


def test_a_door_that_stayed_shut_is_named() -> None:
    assert step(replace(ANSWERED, stayed_shut=[3])) == DoorsStep(Word.STUCK, [3])


def test_a_refusal_is_said_until_it_is_old() -> None:
    refused = replace(ANSWERED, refusal="door_empty")
    assert step(refused) == DoorsStep(Word.REFUSED, [3], "door_empty")
    assert step(refused, later_s=121) == DoorsStep(Word.OPEN, [3])


def test_what_the_site_told_as_done_leads_to_the_next_door() -> None:
    assert step(ANSWERED, Round(Word.TAKE, [9], [9])) == DoorsStep(Word.OPEN, [9])


@pytest.mark.parametrize("later_s", [121, 3600])
def test_a_visit_cut_off_in_the_middle_asks_again(later_s: float) -> None:
    assert step(ANSWERED, later_s=later_s) == DoorsStep(Word.OPEN, [3])
