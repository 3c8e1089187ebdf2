"""Doors, hands and the cold."""

from collections.abc import Callable

import pytest

from firmware_sim.fridge import BAND_K, ZoneFridge, new_zone, read_probes
from firmware_sim.hardware import MAX_BAGS, Cabinet, Hand, HandRefusedError
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import Zone

HOUR_MS = 3_600_000


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


def after(fridge: ZoneFridge, hours: float, *, open_doors: int = 0, powered: bool = True) -> ZoneFridge:
    start_ms = fridge.settled_at_ms or 0
    fridge.advance(start_ms, open_doors=open_doors, powered=powered)
    for tick in range(1, int(hours * 360) + 1):
        fridge.advance(start_ms + tick * 10_000, open_doors=open_doors, powered=powered)
    return fridge


@pytest.mark.parametrize(("zone", "low", "high"), [("frozen", -23, -18), ("chilled", 0, 4), ("cool", 10, 15)])
def test_a_shut_zone_keeps_its_air_and_its_food_within_its_limits(zone: str, low: float, high: float) -> None:
    fridge = new_zone(Zone(zone))
    for _ in range(48):
        after(fridge, 0.25)
        assert low <= fridge.air_c <= high
        assert low <= fridge.food_c <= high


def test_a_door_open_for_a_minute_warms_the_air_at_once_and_the_food_hardly() -> None:
    fridge = after(new_zone(Zone.CHILLED), 3)
    air_c, food_c = fridge.air_c, fridge.food_c
    after(fridge, 1 / 60, open_doors=1)
    assert fridge.air_c > air_c + 2
    assert fridge.food_c < food_c + 0.3


def test_without_power_the_food_warms_for_hours_towards_the_lobby_and_never_beyond() -> None:
    fridge = new_zone(Zone.CHILLED)
    after(fridge, 2, powered=False)
    assert 4 < fridge.food_c < 10
    after(fridge, 200, powered=False)
    assert fridge.food_c == pytest.approx(fridge.lobby_c, abs=0.5)


def test_heat_brought_in_is_taken_out_again() -> None:
    fridge = new_zone(Zone.CHILLED)
    fridge.advance(0, open_doors=0, powered=True)
    fridge.warm_by(10)
    assert fridge.food_c == 12
    after(fridge, 6)
    assert fridge.food_c < 4


def test_an_ambient_zone_follows_its_lobby() -> None:
    fridge = new_zone(Zone.AMBIENT)
    fridge.lobby_c = 33
    assert after(fridge, 100).food_c == pytest.approx(33, abs=0.5)


def test_a_day_in_one_step_ends_where_a_day_of_steps_ends() -> None:
    slow, fast = after(new_zone(Zone.FROZEN), 24), new_zone(Zone.FROZEN)
    fast.advance(0, open_doors=0, powered=True)
    fast.advance(24 * HOUR_MS, open_doors=0, powered=True)
    assert fast.food_c == pytest.approx(slow.food_c, abs=2 * BAND_K)


def test_a_clock_put_back_changes_no_temperature() -> None:
    fridge = new_zone(Zone.CHILLED)
    fridge.advance(HOUR_MS, open_doors=0, powered=True)
    before = (fridge.air_c, fridge.food_c)
    fridge.advance(0, open_doors=3, powered=False)
    assert (fridge.air_c, fridge.food_c) == before


@pytest.mark.parametrize("random", [random_bytes, bytes, lambda count: b"\xff" * count])
def test_probes_read_within_a_tenth_of_the_truth(random: Callable[[int], bytes]) -> None:
    fridge = new_zone(Zone.CHILLED)
    reading = read_probes(fridge, random)
    assert reading.air_c == pytest.approx(fridge.air_c, abs=0.1)
    assert reading.product_c == pytest.approx(fridge.food_c, abs=0.1)


def test_a_demo_that_jumps_days_ahead_finds_the_cold_where_it_was() -> None:
    zone = new_zone(Zone.FROZEN)
    zone.advance(0, open_doors=0, powered=True)
    zone.advance(3 * 24 * 3_600_000, open_doors=0, powered=True)
    assert abs(zone.air_c - -20) < 2
    assert abs(zone.food_c - -20) < 1
