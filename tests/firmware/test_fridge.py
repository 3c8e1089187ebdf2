"""The simulated cold: what docs/fridge.md says of it, and that it can be run at any speed."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from firmware_sim.cold_machine import DEFROST_MOST_S, LEAST_S
from firmware_sim.fridge import (
    FOOD_KG,
    INSIDE_HUMIDITY,
    LOBBY_SWING_K,
    USUAL,
    Circumstances,
    ZoneFridge,
    new_zone,
    read_probes,
)
from firmware_sim.humid_air import air_at, brought_by, through_door_kg_s
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import Zone

STEP_MS, HOUR_MS = 10_000, 3_600_000
COOLED = (Zone.FROZEN, Zone.CHILLED, Zone.COOL)
DARK = Circumstances(powered=False)
DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/fridge.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Seen:
    """A zone at one moment."""

    ms: int
    air_c: float
    food_c: float
    cooling: bool
    defrosting: bool
    used_j: float


def run(
    fridge: ZoneFridge,
    hours: float,
    around: Circumstances = USUAL,
    *,
    doors: Callable[[int], int] = lambda _ms: 0,
) -> list[Seen]:
    """Go on in steps of ten seconds; `doors` says how many stand open, from the milliseconds since the beginning."""
    start_ms = fridge.settled_at_ms or 0
    fridge.advance(start_ms, around)
    seen = []
    for at_ms in range(STEP_MS, int(hours * HOUR_MS) + 1, STEP_MS):
        fridge.advance(start_ms + at_ms, replace(around, open_doors=doors(at_ms) or around.open_doors))
        used_j = fridge.machine.used_j if fridge.machine else 0.0
        seen.append(Seen(at_ms, fridge.air_c, fridge.food_c, fridge.compressor_on, fridge.defrosting, used_j))
    return seen


def forty_a_day(at_ms: int) -> int:
    """Forty openings of twenty seconds in a day."""
    return int(at_ms % (24 * HOUR_MS // 40) < 20_000)


def day(zone: Zone, lobby_c: float) -> list[Seen]:
    """The second day of a healthy zone."""
    fridge = new_zone(zone)
    fridge.lobby_c = lobby_c
    run(fridge, 24, doors=forty_a_day)
    return run(fridge, 24, doors=forty_a_day)


def starts(seen: list[Seen]) -> int:
    return sum(after.cooling and not before.cooling for before, after in pairwise(seen))


# --- a healthy day ----------------------------------------------------------------------------------------------------

# zone, lobby: duty, starts an hour, kWh a day
FIGURES = {
    (Zone.FROZEN, 24): ((0.35, 0.50), (3, 9), (3.0, 4.5)),
    (Zone.FROZEN, 35): ((0.50, 0.70), (3, 9), (4.5, 6.5)),
    (Zone.CHILLED, 24): ((0.20, 0.40), (3, 8), (0.9, 1.6)),
    (Zone.CHILLED, 35): ((0.40, 0.60), (3, 8), (1.6, 2.6)),
    (Zone.COOL, 24): ((0.10, 0.30), (2, 7), (0.4, 0.9)),
    (Zone.COOL, 35): ((0.30, 0.55), (2, 7), (0.8, 1.5)),
}


@pytest.mark.parametrize(("zone", "lobby_c"), FIGURES)
def test_a_day_with_forty_openings_costs_what_such_a_cabinet_costs(zone: Zone, lobby_c: int) -> None:
    seen = day(zone, lobby_c)
    duty = sum(each.cooling for each in seen) / len(seen)
    kwh = (seen[-1].used_j - seen[0].used_j) / 3.6e6
    for figure, (least, most) in zip((duty, starts(seen) / 24, kwh), FIGURES[zone, lobby_c], strict=True):
        assert least <= figure <= most


def test_the_document_says_these_bands() -> None:
    rows = re.findall(
        r"^\| (\w+), lobby (\d+) °C \| (.+?) to (.+?) \| (.+?) to (.+?) \| (.+?) to (.+?) \|$", DOCUMENT, re.MULTILINE
    )
    said = {(Zone(row[0]), int(row[1])): tuple(float(number) for number in row[2:]) for row in rows}
    assert said == {key: tuple(number for band in bands for number in band) for key, bands in FIGURES.items()}


@pytest.mark.parametrize(("zone", "low", "high"), [(Zone.FROZEN, -21, -18), (Zone.CHILLED, 0, 4), (Zone.COOL, 10, 15)])
@pytest.mark.parametrize("lobby_c", [18, 24, 35])
def test_food_stays_within_its_zone_through_openings_and_defrosts(
    zone: Zone, low: float, high: float, lobby_c: float
) -> None:
    seen = day(zone, lobby_c)
    assert low <= min(each.food_c for each in seen)
    assert max(each.food_c for each in seen) <= high


def test_a_compressor_neither_runs_nor_rests_for_too_short_a_time() -> None:
    seen = day(Zone.FROZEN, 30)
    switched = [after.ms for before, after in pairwise(seen) if before.cooling != after.cooling]
    defrosts = {each.ms for each in seen if each.defrosting}
    short = [
        (start, end)
        for start, end in pairwise(switched)
        if end - start < LEAST_S * 1000 and not {start, end, start - STEP_MS, end + STEP_MS} & defrosts
    ]
    assert short == []


def test_a_defrost_comes_every_eight_hours_warms_air_and_leaves_food_alone() -> None:
    seen = day(Zone.CHILLED, 24)
    began = [after.ms for before, after in pairwise(seen) if after.defrosting and not before.defrosting]
    assert [round((after - before) / HOUR_MS, 2) for before, after in pairwise(began)] == [8, 8]
    lasted_s = sum(each.defrosting for each in seen) / len(began) * STEP_MS / 1000
    assert lasted_s <= DEFROST_MOST_S
    melting = [each for each in seen if each.defrosting]
    assert max(each.air_c for each in melting) > 4.5
    assert max(each.food_c for each in melting) < 4


def test_openings_make_ice_and_a_defrost_melts_it() -> None:
    fridge = new_zone(Zone.FROZEN)
    assert fridge.machine is not None
    run(fridge, 1.9, doors=forty_a_day)
    made_g = fridge.machine.ice_g
    assert made_g > 1
    run(fridge, 0.5)
    assert fridge.machine.ice_g == 0


def test_the_meter_never_runs_back_and_stands_still_in_the_dark() -> None:
    fridge = new_zone(Zone.CHILLED)
    seen = run(fridge, 12)
    assert all(after.used_j >= before.used_j for before, after in pairwise(seen))
    assert {each.used_j for each in run(fridge, 1, DARK)} == {seen[-1].used_j}


# --- doors ------------------------------------------------------------------------------------------------------------


def test_sixty_litres_of_a_hot_damp_day_bring_five_and_a_half_kilojoules() -> None:
    brought_j = brought_by(0.06, air_at(35, 0.60), air_at(2, INSIDE_HUMIDITY))
    assert brought_j == pytest.approx(5_500, rel=0.05)
    assert brought_j / (4 * 3_900) < 0.36  # kelvin, in four kilograms of produce


def test_an_open_door_changes_its_compartments_air_within_seconds() -> None:
    kg_s = through_door_kg_s(0.4, 0.3, air_at(24, 0.55), air_at(2, 0.9))
    assert 2 < 0.06 * 1.2 / kg_s < 15
    assert through_door_kg_s(0.4, 0.3, air_at(5, 0.5), air_at(5, 0.5)) == 0


def test_a_door_open_for_a_minute_warms_the_air_at_once_and_the_food_hardly() -> None:
    fridge = new_zone(Zone.CHILLED)
    run(fridge, 3)
    air_c, food_c = fridge.air_c, fridge.food_c
    fridge.lobby_c = 35
    fridge.advance((fridge.settled_at_ms or 0) + 1, Circumstances(open_doors=1))
    assert fridge.air_c > air_c + 0.4
    run(fridge, 1 / 60, Circumstances(open_doors=1))
    assert air_c + 2 < fridge.air_c < air_c + 8
    assert fridge.food_c < food_c + 0.3


@pytest.mark.parametrize("zone", COOLED)
def test_a_door_left_open_all_night_lets_everything_get_warm(zone: Zone) -> None:
    fridge = new_zone(zone)
    before_c = fridge.food_c
    run(fridge, 10, Circumstances(open_doors=3))
    assert fridge.food_c > before_c + 2


# --- what breaks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lobby_c", "kg", "least_min", "most_min"), [(25, 4, 40, 70), (35, 4, 30, 55), (25, 16, 60, 100), (35, 16, 40, 75)]
)
def test_without_power_food_passes_five_degrees_when_the_document_says(
    lobby_c: float, kg: float, least_min: int, most_min: int
) -> None:
    fridge = new_zone(Zone.CHILLED)
    fridge.food_kg, fridge.lobby_c = kg, lobby_c
    seen = run(fridge, 4, DARK)
    passed_min = next(each.ms for each in seen if each.food_c > 5) / 60_000
    assert least_min <= passed_min <= most_min
    assert f"| {kg} kg, {lobby_c} °C | {least_min} to {most_min} min |" in DOCUMENT


def test_without_power_everything_goes_to_the_lobby_and_never_beyond() -> None:
    fridge = new_zone(Zone.CHILLED)
    seen = run(fridge, 200, DARK)
    assert max(each.food_c for each in seen) <= fridge.lobby_c + LOBBY_SWING_K
    assert fridge.food_c == pytest.approx(fridge.lobby_c, abs=LOBBY_SWING_K + 0.5)


@pytest.mark.parametrize("zone", [Zone.FROZEN, Zone.CHILLED])
def test_a_gasket_that_leaks_makes_the_machine_run_and_ice_grow_until_food_is_warm(zone: Zone) -> None:
    fridge, sound = new_zone(zone), new_zone(zone)
    leaking = run(fridge, 48, Circumstances(leak_w_per_k=12))
    healthy = run(sound, 48)
    assert sum(each.cooling for each in leaking) > 1.5 * sum(each.cooling for each in healthy)
    assert fridge.food_c > sound.food_c + 2


def test_a_compressor_at_half_strength_runs_twice_as_long_and_at_a_tenth_it_is_lost() -> None:
    fridge = new_zone(Zone.CHILLED)
    assert fridge.machine is not None
    whole = sum(each.cooling for each in run(fridge, 24))
    fridge.machine.strength = 0.5
    half = run(fridge, 24)
    assert 1.6 < sum(each.cooling for each in half) / whole < 3
    assert fridge.food_c < 4
    fridge.machine.strength = 0.1
    run(fridge, 24)
    assert fridge.food_c > 8


def test_a_fan_that_stopped_leaves_too_little_cold() -> None:
    fridge = new_zone(Zone.CHILLED)
    assert fridge.machine is not None
    fridge.machine.fan_turns, fridge.lobby_c = False, 32
    seen = run(fridge, 24)
    assert sum(each.cooling for each in seen[-360:]) > 300


def test_a_wrong_thermostat_keeps_its_zone_well_at_the_wrong_temperature() -> None:
    fridge = new_zone(Zone.CHILLED)
    assert fridge.machine is not None
    fridge.machine.off_by_k = 6
    assert all(6 < each.food_c < 10 for each in run(fridge, 48)[-360:])


@pytest.mark.parametrize("zone", [Zone.FROZEN, Zone.CHILLED])
def test_a_defrost_that_hangs_warms_its_food(zone: Zone) -> None:
    fridge = new_zone(zone)
    assert fridge.machine is not None
    fridge.machine.defrost_hangs = True
    before_c = fridge.food_c
    assert run(fridge, 12)[-1].defrosting
    assert fridge.food_c > before_c + 4


def test_a_hot_room_is_felt_by_whatever_is_not_cooled() -> None:
    fridge = new_zone(Zone.AMBIENT)
    run(fridge, 100, Circumstances(hotter_k=11))
    assert fridge.food_c == pytest.approx(fridge.lobby_c + 11, abs=LOBBY_SWING_K)


def test_power_that_comes_back_cools_before_it_defrosts() -> None:
    fridge = new_zone(Zone.CHILLED)
    run(fridge, 10, DARK)
    seen = run(fridge, 3.9)
    assert not any(each.defrosting for each in seen)
    assert seen[-1].food_c < 8


# --- at any speed -----------------------------------------------------------------------------------------------------


def test_heat_brought_in_is_taken_out_again() -> None:
    fridge = new_zone(Zone.CHILLED)
    fridge.advance(0)
    fridge.warm_by(10)
    assert fridge.food_c == 12
    run(fridge, 6)
    assert fridge.food_c < 4


def test_an_ambient_zone_follows_its_lobby_through_the_day() -> None:
    fridge = new_zone(Zone.AMBIENT)
    fridge.lobby_c = 33
    run(fridge, 76)
    seen = run(fridge, 24)
    assert sum(each.air_c for each in seen) / len(seen) == pytest.approx(33, abs=0.3)
    assert 1 < max(each.air_c for each in seen) - min(each.air_c for each in seen) < 2 * LOBBY_SWING_K


@pytest.mark.parametrize("zone", COOLED)
@pytest.mark.parametrize("step_s", [1, 60, 600, 7_200, 86_400])
def test_a_day_in_any_steps_ends_where_a_day_of_short_steps_ends(zone: Zone, step_s: int) -> None:
    slow, fast = new_zone(zone), new_zone(zone)
    run(slow, 24)
    for at_s in range(0, 86_401, step_s):
        fast.advance(at_s * 1000)
    assert slow.machine is not None
    assert fast.machine is not None
    assert fast.food_c == pytest.approx(slow.food_c, abs=1.5)
    assert fast.machine.used_j == pytest.approx(slow.machine.used_j, rel=0.25)


@pytest.mark.parametrize("hours", [1, 100, 10_000])
@pytest.mark.parametrize(
    "around", [DARK, Circumstances(open_doors=9), Circumstances(3, powered=False, leak_w_per_k=100)]
)
def test_no_jump_and_no_misfortune_leads_beyond_what_is_around(hours: int, around: Circumstances) -> None:
    for zone in Zone:
        fridge = new_zone(zone)
        fridge.advance(0, around)
        fridge.advance(hours * HOUR_MS, around)
        assert -30 < fridge.food_c <= fridge.lobby_c + LOBBY_SWING_K + 0.1
        assert -40 < fridge.air_c <= fridge.lobby_c + LOBBY_SWING_K + 0.1


def test_a_clock_put_back_changes_no_temperature() -> None:
    fridge = new_zone(Zone.CHILLED)
    fridge.advance(HOUR_MS)
    before = (fridge.air_c, fridge.food_c)
    fridge.advance(0, Circumstances(open_doors=3, powered=False))
    assert (fridge.air_c, fridge.food_c) == before


@pytest.mark.parametrize("random", [random_bytes, bytes, lambda count: b"\xff" * count])
def test_probes_read_within_a_tenth_of_the_truth(random: Callable[[int], bytes]) -> None:
    fridge = new_zone(Zone.CHILLED)
    reading = read_probes(fridge, random)
    assert reading.air_c == pytest.approx(fridge.air_c, abs=0.1)
    assert reading.product_c == pytest.approx(fridge.food_c, abs=0.1)


def test_a_demo_that_jumps_days_ahead_finds_the_cold_where_it_was_and_its_meter_where_it_would_be() -> None:
    zone = new_zone(Zone.FROZEN)
    assert zone.machine is not None
    zone.advance(0)
    zone.advance(3 * 24 * HOUR_MS)
    assert abs(zone.air_c - -20) < 3
    assert abs(zone.food_c - -20) < 1
    assert 8 < zone.machine.used_j / 3.6e6 < 14
    assert zone.food_kg == FOOD_KG
