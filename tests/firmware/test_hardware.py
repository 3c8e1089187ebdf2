"""Doors and hands."""

import pytest

from firmware_sim.hardware import MAX_BAGS, Cabinet, Hand, HandRefusedError


def cabinet(*opened: int) -> Cabinet:
    made = Cabinet([1, 2, 3])
    for number in opened:
        made.pulse(number)
    return made


def test_a_pulsed_door_springs_open_and_its_contact_bounces() -> None:
    made = cabinet()
    edges = made.pulse(2)
    assert made.doors[2].looks() == "open"
    assert [edge.is_open for edge in edges] == [True, False, True]
    assert made.contacts() == {1: False, 2: True, 3: False}


def test_a_jammed_door_stays_shut_when_pulsed() -> None:
    made = cabinet()
    made.use(2, "jam")
    assert made.pulse(2) == []
    assert made.doors[2].looks() == "jammed"
    made.use(2, "unjam")
    assert made.pulse(2) != []


def test_a_door_left_ajar_still_counts_as_open() -> None:
    made = cabinet(2)
    assert made.use(2, "ajar") == []
    assert made.doors[2].looks() == "ajar"
    assert made.contacts()[2]


def test_a_door_forced_open_moves_its_contact_without_a_pulse() -> None:
    made = cabinet()
    assert made.use(2, "open_by_force")[-1].is_open


@pytest.mark.parametrize(
    ("opened", "hand", "code"),
    [
        ((), "shut", "already_shut"),
        ((), "ajar", "not_open"),
        ((), "put", "not_open"),
        ((), "take", "not_open"),
        ((2,), "open_by_force", "already_open"),
        ((2,), "take", "empty"),
    ],
)
def test_what_a_hand_cannot_do_is_refused_and_nothing_moves(opened: tuple[int, ...], hand: Hand, code: str) -> None:
    made = cabinet(*opened)
    before = repr(made.doors)
    with pytest.raises(HandRefusedError, match=code):
        made.use(2, hand)
    assert repr(made.doors) == before


def test_bags_are_put_in_and_taken_out_until_it_is_full() -> None:
    made = cabinet(2)
    for _ in range(MAX_BAGS):
        made.use(2, "put")
    with pytest.raises(HandRefusedError, match="full"):
        made.use(2, "put")
    made.use(2, "take")
    assert made.doors[2].bags == MAX_BAGS - 1


def test_an_unknown_door_is_refused() -> None:
    with pytest.raises(HandRefusedError, match="door_unknown"):
        cabinet().use(9, "shut")


def test_a_stuck_contact_says_what_it_said() -> None:
    made = cabinet()
    made.use(2, "stick")
    assert made.pulse(2) == []
    assert made.doors[2].looks() == "open"
    assert not made.contacts()[2]
    made.use(2, "unstick")
    assert made.contacts()[2]


def test_a_miswired_contact_speaks_for_another_door() -> None:
    made = cabinet()
    made.doors[2].wired_as = 3
    made.doors[3].wired_as = 2
    assert {edge.door for edge in made.pulse(2)} == {3}
    assert made.contacts() == {1: False, 2: False, 3: True}
