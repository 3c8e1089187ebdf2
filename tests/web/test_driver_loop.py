"""The driver's next step, from what was asked and what the site told. Pure: no database, no browser."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from app.db.pages.ops import DoorNow
from app.db.pages.staff import Bag
from app.domain.parcel_state import ParcelState
from app.web.driver_loop import Step, Word, step_of
from tests.web.shop_world import NOW

REF = "AAAAAAA0"


@dataclass
class Asked:
    label: str = f"P1-1-1-{REF}"
    asked_at: datetime = NOW
    not_after: datetime = NOW + timedelta(seconds=10)
    answered_at: datetime | None = None
    answered_doors: Sequence[int] = ()
    instead_of: int | None = None
    refusal: str | None = None
    stayed_shut: int = 0


def answered(**more: object) -> Asked:
    return Asked(answered_at=NOW, answered_doors=[12], **more)  # type: ignore[arg-type]


def bag(ref: str = REF, state: ParcelState = ParcelState.PACKED, door: int | None = None) -> Bag:
    return Bag(ref, ref, "AAAAAAA", state, "chilled", "M", 500, [], door, [])


def door(state: str, changed_at: datetime = NOW) -> dict[int, DoorNow]:
    place = (1, 1, "chilled", "M", 0, 0, 100, 100)
    return {12: DoorNow("G1", 12, *place, "free", state, changed_at, None, None, None, None)}


TWO = [bag(), bag("AAAAAAA1")]
SOON = NOW + timedelta(seconds=3)


def test_nothing_asked_means_scan() -> None:
    assert step_of(None, TWO, {}, now=SOON) == Step(Word.SCAN)


def test_an_unanswered_label_waits_and_later_is_silence() -> None:
    assert step_of(Asked(), TWO, {}, now=SOON) == Step(Word.WAIT, ref=REF)
    assert step_of(Asked(), TWO, {}, now=NOW + timedelta(seconds=16)).word is Word.SILENT


def test_a_faster_clock_waits_as_many_real_seconds() -> None:
    assert step_of(Asked(), TWO, {}, now=NOW + timedelta(seconds=16), rate=60).word is Word.WAIT


def test_an_answer_shows_its_door_in_words_that_follow_the_door() -> None:
    assert step_of(answered(), TWO, door("shut"), now=SOON) == Step(Word.PUT, 12, REF)
    assert step_of(answered(), TWO, door("open"), now=SOON) == Step(Word.PUT, 12, REF)
    assert step_of(answered(), TWO, door("open"), now=NOW + timedelta(seconds=7)) == Step(Word.SHUT, 12, REF)


def test_a_door_that_stayed_shut_is_said() -> None:
    assert step_of(answered(stayed_shut=1), TWO, door("shut"), now=SOON) == Step(Word.STUCK, 12, REF)


def test_a_refusal_keeps_its_code() -> None:
    assert step_of(Asked(refusal="no_free_door"), TWO, {}, now=SOON) == Step(Word.REFUSED, None, REF, "no_free_door")


def test_a_loaded_bag_means_next_and_the_last_one_means_done() -> None:
    laid = [bag(state=ParcelState.LOADED, door=12), bag("AAAAAAA1")]
    assert step_of(answered(), laid, door("shut"), now=SOON) == Step(Word.NEXT, 12, REF)
    assert step_of(answered(), laid[:1], door("shut"), now=SOON) == Step(Word.DONE)


def test_where_loading_was_cut_off_the_driver_looks_first() -> None:
    unsure = [replace(bag(), look_door=12), bag("AAAAAAA1")]
    assert step_of(answered(), unsure, door("open"), now=SOON) == Step(Word.LOOK, 12, REF)
    elsewhere = [replace(bag(), look_door=7)]
    assert step_of(answered(), elsewhere, door("open"), now=SOON) == Step(Word.PUT, 12, REF)


def test_another_door_counts_before_the_first_is_told_as_given_up() -> None:
    still = [bag(state=ParcelState.LOADED, door=7), bag("AAAAAAA1")]
    assert step_of(answered(instead_of=7), still, door("open"), now=SOON) == Step(Word.PUT, 12, REF)
    moved = [bag(state=ParcelState.LOADED, door=12), bag("AAAAAAA1")]
    assert step_of(answered(instead_of=7), moved, door("shut"), now=SOON) == Step(Word.NEXT, 12, REF)


def test_a_bag_that_was_left_means_scan_again_after_two_minutes() -> None:
    assert step_of(answered(), TWO, door("shut"), now=NOW + timedelta(minutes=3)) == Step(Word.SCAN)


@pytest.mark.parametrize("label", ["P1-1-1-ZZZZZZZZ", "no label"])
def test_an_answer_for_a_bag_of_another_run_shows_no_door(label: str) -> None:
    assert step_of(answered(label=label), TWO, door("open"), now=SOON) == Step(Word.SCAN)
