"""A whole locker's cold under faults, in civil time turned by hand: what is sampled, and what its meter says."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_sim.device import LockerDevice, Surroundings
from firmware_sim.faults import Fault, FaultName
from firmware_sim.fridge import ZoneFridge
from firmware_sim.hands import SetZone, UseDoor
from firmware_sim.hardware import HandRefusedError
from firmware_sim.meter import AHEAD_WH, Meter
from firmware_sim.sampling import Sampling
from firmware_sim.settings import Bus
from firmware_sim.signals import Woken
from locker_protocol.clock import Now
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import Zone
from tests.firmware.conftest import small_locker

HOUR_MS = 3_600_000


class TurnedClock:
    """Both clocks, turned by hand."""

    def __init__(self) -> None:
        self.civil_ms, self.monotonic_ms = 1_800_000_000_000, 1_000_000

    def now(self) -> Now:
        return Now(self.civil_ms, self.monotonic_ms)


class Stand:
    """A locker without a network, and the clock it goes by."""

    def __init__(self, folder: Path) -> None:
        self.clock = TurnedClock()
        self.device = LockerDevice(
            small_locker(), Surroundings(Bus("127.0.0.1", 9, None, None), folder, self.clock, random_bytes)
        )
        self.device.switches.switch(Fault("network_cut"))
        self.device.power_on()

    def run(self, hours: float) -> None:
        """Let civil time pass, ten minutes each real second."""
        for _ in range(int(hours * 6)):
            self.clock.civil_ms += 600_000
            self.clock.monotonic_ms += 1_000
            self.device.feed(Woken())
        self.device.settle()

    @property
    def chilled(self) -> ZoneFridge:
        return self.device.fridges[Zone.CHILLED]

    @property
    def sampling(self) -> Sampling:
        assert self.device.controller is not None
        return self.device.controller.sampling


WithStand = Callable[[Callable[[Stand], None]], None]


@pytest.fixture
def with_stand(tmp_path: Path) -> WithStand:
    """Run something with a locker, on a loop of its own."""

    def run(scenario: Callable[[Stand], None]) -> None:
        async def on_loop() -> None:
            stand = Stand(tmp_path)
            try:
                scenario(stand)
            finally:
                stand.device.stop()

        asyncio.run(on_loop())

    return run


def test_a_locker_samples_every_ten_civil_seconds_however_fast_its_clock_runs(with_stand: WithStand) -> None:
    def scenario(stand: Stand) -> None:
        stand.run(14)
        sampling = stand.sampling
        assert sampling.last_no == 1 + 90 + 14 * 360
        assert sampling.at_ms == stand.clock.civil_ms
        assert sampling.energy_wh == stand.device.energy_wh() > 300
        chilled = [sample[0] for sample in sampling.held]
        assert {True, False} == {each.cooling for each in chilled} == {each.defrosting for each in chilled}
        assert not any(each.cooling and each.defrosting for each in chilled)
        assert len({each.air_c for each in chilled}) > 20
        ambient = [sample[1] for sample in sampling.held]
        assert not any(each.cooling or each.defrosting for each in ambient)

    with_stand(scenario)


@pytest.mark.parametrize(
    ("name", "amount", "hours", "warmer_k"),
    [
        ("gasket_leaks", 12, 30, 2),
        ("compressor_dead", None, 3, 4),
        ("compressor_dying", 60, 48, 4),
        ("thermostat_off", 6, 24, 4),
        ("defrost_hangs", None, 12, 4),
    ],
)
def test_a_fault_of_the_cold_warms_its_zone_and_when_it_is_mended_it_gets_cold_again(
    with_stand: WithStand, name: FaultName, amount: float | None, hours: float, warmer_k: float
) -> None:
    def scenario(stand: Stand) -> None:
        stand.run(1)
        before_c = stand.chilled.food_c
        stand.device.switches.switch(Fault(name, zone=Zone.CHILLED, amount=amount))
        stand.run(hours)
        assert stand.chilled.food_c > before_c + warmer_k
        stand.device.switches.clear()
        stand.run(24)
        assert stand.chilled.food_c < before_c + 1

    with_stand(scenario)


def test_a_locker_that_comes_with_the_program_was_cold_before_and_one_whose_plug_was_pulled_was_not(
    with_stand: WithStand,
) -> None:
    def scenario(stand: Stand) -> None:
        assert stand.sampling.last_no == 1 + 90
        assert stand.sampling.at_ms == stand.clock.civil_ms
        stand.device.switches.switch(Fault("power_cut"))
        stand.run(1)
        stand.device.switches.switch(Fault("power_cut"), on=False)
        assert stand.sampling.last_no == 1

    with_stand(scenario)


def test_a_fan_that_stands_still_and_a_hot_room_make_it_run_longer(with_stand: WithStand) -> None:
    def used(stand: Stand, fault: Fault | None) -> int:
        stand.device.switches.clear()
        if fault is not None:
            stand.device.switches.switch(fault)
        stand.run(12)
        before_wh = stand.device.energy_wh()
        stand.run(24)
        return stand.device.energy_wh() - before_wh

    def scenario(stand: Stand) -> None:
        healthy = used(stand, None)
        assert used(stand, Fault("fan_stopped", zone=Zone.CHILLED)) > 1.3 * healthy
        assert used(stand, Fault("room_hot", amount=11)) > 1.3 * healthy

    with_stand(scenario)


def test_a_dying_compressor_begins_to_die_when_it_is_told_to_and_is_new_when_it_is_mended(
    with_stand: WithStand,
) -> None:
    def scenario(stand: Stand) -> None:
        machine = stand.chilled.machine
        assert machine is not None
        stand.run(48)
        dying = Fault("compressor_dying", zone=Zone.CHILLED, amount=20)
        stand.device.switches.switch(dying)
        stand.run(24)
        assert machine.strength == pytest.approx(0.8, abs=0.02)
        stand.run(24 * 5)
        assert machine.strength == 0
        stand.device.switches.switch(dying, on=False)
        stand.device.settle()
        assert machine.strength == 1
        stand.device.switches.switch(dying)
        stand.run(24)
        assert machine.strength == pytest.approx(0.8, abs=0.02)

    with_stand(scenario)


def test_what_a_fault_does_begins_at_its_switch_and_not_before(with_stand: WithStand) -> None:
    def scenario(stand: Stand) -> None:
        stand.run(1)
        stand.clock.civil_ms += 5 * HOUR_MS  # nobody looked for five hours
        stand.device.switches.switch(Fault("compressor_dead", zone=Zone.CHILLED))
        assert stand.chilled.food_c < 3.5

    with_stand(scenario)


def test_a_pulled_plug_warms_the_food_takes_no_sample_and_stops_the_meter(with_stand: WithStand) -> None:
    def scenario(stand: Stand) -> None:
        stand.run(1)
        before_wh = stand.device.energy_wh()
        stand.device.switches.switch(Fault("power_cut"))
        stand.run(3)
        assert stand.device.controller is None
        assert stand.chilled.food_c > 5
        assert stand.device.energy_wh() == before_wh
        stand.device.switches.switch(Fault("power_cut"), on=False)
        assert stand.sampling.last_no == 1
        warm = stand.sampling.held[0][0].product_c
        assert warm is not None
        assert warm > 5

    with_stand(scenario)


def test_a_door_opened_for_a_moment_lets_its_cold_out(with_stand: WithStand) -> None:
    def scenario(stand: Stand) -> None:
        stand.run(1)
        stand.device.apply(UseDoor(1, "open_by_force"))
        air_c, food_c = stand.chilled.air_c, stand.chilled.food_c
        stand.clock.civil_ms += 20_000
        stand.device.apply(UseDoor(1, "shut"))
        assert air_c + 0.4 < stand.chilled.air_c < air_c + 4
        assert stand.chilled.food_c < food_c + 0.2

    with_stand(scenario)


def test_a_zone_that_is_not_cooled_has_no_thermostat_and_nothing_changes(with_stand: WithStand) -> None:
    def scenario(stand: Stand) -> None:
        with pytest.raises(HandRefusedError, match="not_cooled"):
            stand.device.apply(SetZone(Zone.AMBIENT, ambient_c=40, target_c=4))
        ambient = stand.device.fridges[Zone.AMBIENT]
        assert (ambient.machine, ambient.lobby_c) == (None, 24)

    with_stand(scenario)


# --- the meter --------------------------------------------------------------------------------------------------------


def test_a_meter_goes_on_where_it_was_put_away(tmp_path: Path) -> None:
    meter = Meter(tmp_path / "data" / "G1.meter")
    assert [meter.read(joules) for joules in (0, 3_599, 3_600, 7_200_000)] == [0, 0, 1, 2_000]
    meter.put_away(7_200_000)
    assert Meter(tmp_path / "data" / "G1.meter").read(0) == 2_000


def test_a_meter_whose_program_was_killed_is_ahead_and_never_behind(tmp_path: Path) -> None:
    path, told = tmp_path / "G1.meter", [0]
    for _ in range(20):
        killed = Meter(path)
        told += [killed.read(wh * 3_600.0) for wh in range(0, 1_200, 7)]
    assert told == sorted(told)
    assert told[-1] < 20 * (1_200 + AHEAD_WH)


@pytest.mark.parametrize("nonsense", ["", "-5", "12.5", "\x00\xff"])
def test_a_meters_file_that_says_nonsense_counts_from_nothing(tmp_path: Path, nonsense: str) -> None:
    path = tmp_path / "G1.meter"
    path.write_bytes(nonsense.encode("latin-1"))
    assert Meter(path).read(3_600) == 1


def test_what_was_read_while_the_clock_jumped_moves_as_it_would_have_whoever_looked_first(
    with_stand: WithStand,
) -> None:
    def scenario(stand: Stand) -> None:
        stand.clock.civil_ms += 3 * HOUR_MS
        stand.device.settle()  # somebody opens the locker's page before its samples are due
        for _ in range(8):
            stand.clock.monotonic_ms += 1_000
            stand.device.feed(Woken())
        jumped = list(stand.sampling.held)[-3 * 360 :]
        at = next(place for place, zone in enumerate(jumped[0]) if zone.zone is Zone.CHILLED)
        for hour in range(3):
            air = {sample[at].air_c for sample in jumped[hour * 360 : (hour + 1) * 360]}
            assert len(air) > 10, hour

    with_stand(scenario)
