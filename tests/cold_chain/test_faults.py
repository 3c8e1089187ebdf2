"""Each fault of a probe: when it is known, and since when the probe is not believed."""

from random import Random

import pytest

from benchmarks.cold_world import (
    STEPS_A_MINUTE,
    BadProbe,
    Plight,
    ProbeFault,
    Stretch,
    Truth,
    live_through,
    readings,
    samples_of_minute,
)
from locker_protocol.cold_chain.faults import Seen, SensorWatch, disbelieved, watch
from locker_protocol.cold_chain.minutes import Sampled, fold
from locker_protocol.telemetry import SensorFault
from locker_protocol.vocabulary import Zone

HOURS = 8
MINUTES = HOURS * 60
BREAKS_AT = 60  # minutes


class Locker:
    """Two zones, of which the chilled one's doors are opened by a driver every hour."""

    def __init__(self, *, weak_from: int | None = None, lobby_c: float = 24.0) -> None:
        random = Random(7)
        steps = MINUTES * STEPS_A_MINUTE
        chilled = Plight(openings=[Stretch(start, start + 12) for start in range(354, steps, 360)])
        if weak_from is not None:
            chilled.weak.append(Stretch(weak_from * STEPS_A_MINUTE, steps))
        lobby = [lobby_c] * (MINUTES + 1)
        self.zones = [
            live_through(random, Zone.CHILLED, steps, lobby, chilled),
            live_through(random, Zone.COOL, steps, lobby, Plight()),
        ]

    def watched(
        self, *bad: BadProbe, all_zones: bool = False
    ) -> tuple[dict[Zone, SensorWatch], list[tuple[int, int | None]]]:
        """Watch eight hours; give what is remembered, and when faults of the chilled zone began or reached back."""
        random = Random(8)
        told = [readings(random, self.zones, bad if all_zones or not zone else (), zone) for zone in (0, 1)]
        watches = {truth.zone: SensorWatch() for truth in self.zones}
        moves = []
        faulty = False
        for minute in range(MINUTES):
            seen = {truth.zone: self._seen(truth, told[at], minute) for at, truth in enumerate(self.zones)}
            watch(watches, seen)
            chilled = watches[Zone.CHILLED]
            now_faulty = bool(chilled.air.fault or chilled.product.fault)
            if (now_faulty and not faulty) or chilled.reaches_back_to is not None:
                moves.append((minute, chilled.reaches_back_to))
            faulty = now_faulty
        return watches, moves

    @staticmethod
    def _seen(truth: Truth, told: tuple[list[float | None], list[float | None]], minute: int) -> Seen:
        first = minute * STEPS_A_MINUTE
        open_s = 10 * truth.open_steps[first : first + STEPS_A_MINUTE].count(True)
        return Seen(minute, samples_of_minute(truth, *told, minute), open_s)


def bad(fault: ProbeFault, much: float = 0.0) -> BadProbe:
    return BadProbe(fault, "product", BREAKS_AT * STEPS_A_MINUTE, much)


def test_probes_that_are_well_are_believed() -> None:
    watches, moves = Locker().watched()
    assert moves == []
    assert {zone: (each.air.fault, each.product.fault) for zone, each in watches.items()} == dict.fromkeys(
        watches, (None, None)
    )


@pytest.mark.parametrize(
    ("fault", "name", "within_min"),
    [
        (bad("silent"), "silent", 0),
        (bad("out_of_range", 70.0), "out_of_range", 0),
        (bad("out_of_range", -50.0), "out_of_range", 0),
        (bad("magic"), "magic", 0),
        (bad("jumping"), "jumping", 10),
        (bad("noisy", 2.0), "noisy", 10),
    ],
)
def test_what_no_fridge_does_is_known_at_once(fault: BadProbe, name: str, within_min: int) -> None:
    watches, moves = Locker().watched(fault)
    assert BREAKS_AT <= moves[0][0] <= BREAKS_AT + within_min
    assert watches[Zone.COOL].faults.product is None
    assert name in {watches[Zone.CHILLED].faults.product, "jumping"}


def test_a_probe_that_stands_still_while_the_air_is_elsewhere_is_not_believed_since_it_stood() -> None:
    watches, moves = Locker(weak_from=BREAKS_AT).watched(bad("stuck"))
    known_at, since = moves[0]
    assert watches[Zone.CHILLED].faults.product == SensorFault.STUCK
    assert BREAKS_AT + 60 <= known_at <= BREAKS_AT + 65
    assert since is not None
    assert abs(since - BREAKS_AT) <= 1


def test_a_product_probe_that_hardly_moves_in_good_food_is_believed() -> None:
    _, moves = Locker().watched(bad("stuck"))
    assert moves == []


def test_an_air_probe_that_stands_still_while_the_compressor_starts_and_stops_is_not_believed() -> None:
    fault = BadProbe("stuck", "air", BREAKS_AT * STEPS_A_MINUTE)
    watches, moves = Locker().watched(fault)
    assert watches[Zone.CHILLED].faults.air == SensorFault.STUCK
    assert BREAKS_AT + 60 <= moves[0][0] <= BREAKS_AT + 63


@pytest.mark.parametrize("kelvin_an_hour", [-2.0, 2.0])
def test_a_probe_that_drifts_away_is_not_believed_since_it_was_three_kelvin_off(kelvin_an_hour: float) -> None:
    watches, moves = Locker().watched(bad("drifting", kelvin_an_hour))
    known_at, since = moves[0]
    assert watches[Zone.CHILLED].faults.product == SensorFault.DRIFTING
    assert since is not None
    assert BREAKS_AT + 90 <= since <= BREAKS_AT + 120
    assert known_at - since >= 120


def test_food_that_warms_away_from_an_air_probe_that_stands_still_is_believed() -> None:
    fault = BadProbe("stuck", "air", BREAKS_AT * STEPS_A_MINUTE)
    watches, _ = Locker(weak_from=BREAKS_AT).watched(fault)
    assert watches[Zone.CHILLED].faults.air is not None
    assert watches[Zone.CHILLED].faults.product is None


def test_food_that_warms_behind_its_air_is_no_drifting_probe() -> None:
    _, moves = Locker(weak_from=BREAKS_AT).watched()
    assert moves == []


def test_probes_in_each_others_place_are_known_when_a_driver_opened_a_few_times() -> None:
    watches, moves = Locker(lobby_c=32.0).watched(bad("swapped"))
    assert watches[Zone.CHILLED].faults.product == SensorFault.SWAPPED
    assert BREAKS_AT < moves[0][0] <= 5 * 60 + 5


def test_probes_of_two_zones_in_each_others_place_are_known_when_a_driver_opened_a_few_times() -> None:
    watches, _ = Locker(lobby_c=32.0).watched(BadProbe("crossed", "product", 0), all_zones=True)
    assert watches[Zone.CHILLED].faults.air == SensorFault.SWAPPED


@pytest.mark.parametrize(
    ("ran_until", "defrosted_until", "by_k", "seen"),
    [
        (5, None, 0.9, 1),  # at rest for long and warmed all at once: by the door that opened elsewhere
        (19, None, 0.9, 0),  # its compressor has just stopped
        (19, None, 1.8, 1),  # not even that explains so much
        (5, 10, 1.8, 0),  # the heat of its defrost
    ],
)
def test_a_zone_that_warms_by_itself_tells_of_no_swapped_probe(
    ran_until: int, defrosted_until: int | None, by_k: float, seen: int
) -> None:
    watches = {zone: SensorWatch() for zone in (Zone.COOL, Zone.FROZEN)}
    for minute in range(21):
        frozen_c = -18.0 + (by_k if minute == 20 else 0.0)
        heated = defrosted_until is not None and minute <= defrosted_until
        frozen = [Sampled(minute * 60_000 + at, frozen_c, -18.0, minute <= ran_until, heated) for at in (0, 30_000)]
        cool = [Sampled(minute * 60_000 + at, 12.0, 12.5, False, False) for at in (0, 30_000)]
        opened_s = 40 if minute in (19, 20) else 0
        watch(watches, {Zone.COOL: Seen(minute, cool, opened_s), Zone.FROZEN: Seen(minute, frozen)})
    assert watches[Zone.COOL].swaps_seen == seen


def test_a_locker_in_which_nothing_moves_plays_old_readings() -> None:
    watches, moves = Locker().watched(bad("too_good"), all_zones=True)
    assert watches[Zone.CHILLED].faults.product == watches[Zone.COOL].faults.air == SensorFault.TOO_GOOD
    known_at, since = moves[0]
    assert BREAKS_AT + 60 <= known_at <= BREAKS_AT + 62
    assert since is not None
    assert since <= BREAKS_AT + 1


def test_old_readings_are_not_believed_because_a_zone_was_not_heard_for_a_while() -> None:
    watches = {zone: SensorWatch() for zone in (Zone.CHILLED, Zone.COOL)}
    for minute in range(100):
        samples = [Sampled(minute * 60_000, 2.0, 3.0)]
        watch(watches, {zone: Seen(minute, [] if zone == Zone.COOL and minute == 80 else samples) for zone in watches})
        assert (watches[Zone.CHILLED].faults.product == SensorFault.TOO_GOOD) == (minute >= 60)


def test_a_probe_that_is_well_again_is_believed_again() -> None:
    watches = {Zone.CHILLED: SensorWatch()}
    for minute, value in enumerate((2.0, None, 85.0, 2.0)):
        watch(watches, {Zone.CHILLED: Seen(minute, [Sampled(minute * 60_000, 2.0, value)])})
        expected = {1: SensorFault.SILENT, 2: SensorFault.MAGIC}.get(minute)
        assert watches[Zone.CHILLED].faults.product == expected


def test_a_minute_without_samples_says_nothing_about_a_probe() -> None:
    watches = {Zone.CHILLED: SensorWatch()}
    watch(watches, {Zone.CHILLED: Seen(1, [Sampled(0, 2.0, None)])})
    watch(watches, {Zone.CHILLED: Seen(2, [])})
    assert watches[Zone.CHILLED].faults.product == SensorFault.SILENT


def test_what_turned_out_wrong_is_taken_out_of_earlier_minutes_and_of_no_others() -> None:
    watched = SensorWatch()
    watched.product.fault, watched.product.since = SensorFault.STUCK, 10
    before, after = (fold(minute, [Sampled(0, 3.0, 2.0)]) for minute in (9, 10))
    assert disbelieved(before, watched) == before
    blanked = disbelieved(after, watched)
    assert (blanked.product_max, blanked.product_fault, blanked.air_max) == (None, SensorFault.STUCK, 300)
