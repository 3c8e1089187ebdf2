"""Samples: every ten civil seconds one, numbered without a hole, held for a gateway that was away."""

from collections.abc import Iterable

import pytest

from firmware_sim import controller as core
from firmware_sim import signals
from firmware_sim.controller import Controller, boot, step
from firmware_sim.memory import new_memory
from firmware_sim.sampling import CAUGHT_UP_MS, SAMPLES_HELD
from firmware_sim.signals import Output
from locker_protocol.bus_messages import Echo, ZoneReading
from locker_protocol.clock import Now
from locker_protocol.codec import MAX_MESSAGE_BYTES, encode
from locker_protocol.ids import random_bytes
from locker_protocol.telemetry import MAX_SAMPLES, Samples
from locker_protocol.vocabulary import Zone

CIVIL_MS, START_MS = 1_800_000_000_000, 1_000_000
HOUR_MS = 3_600_000


class Bench:
    """A controller whose probes show the civil time of each reading, in 2^20 ms since the start."""

    def __init__(self, zones: tuple[Zone, ...] = (Zone.CHILLED,)) -> None:
        self.ms, self.civil_ms, self.zones = START_MS, CIVIL_MS, zones
        self.state, outputs = boot(
            new_memory("store"), contacts={1: False}, reason="power_on", now=self.now(), random=random_bytes
        )
        self.said: list[Samples] = []
        self.do(outputs)

    def now(self) -> Now:
        return Now(self.civil_ms, self.ms)

    def give(self, given: signals.Input) -> None:
        self.do(step(self.state, given, self.now()))

    def do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, signals.ReadProbes):
                self.do(step(self.state, self.read(output.at_ms), self.now()))
            elif isinstance(output, signals.Send) and isinstance(output.message, Samples):
                self.said.append(output.message)

    def read(self, at_ms: Iterable[int]) -> signals.ProbesRead:
        values = [(each_ms - CIVIL_MS) / 2**20 for each_ms in at_ms]
        samples = tuple(
            tuple(signals.ZoneSample(zone, value, None, cooling=True) for zone in self.zones) for value in values
        )
        return signals.ProbesRead(samples, energy_wh=7)

    def connect(self) -> None:
        self.give(signals.Connected())
        self.give(signals.Received(Echo(1)))

    def run(self, ms: int, *, rate: float = 1, echoes: bool = True) -> None:
        """Wake it whenever it wants to be woken; the gateway answers each beat."""
        until_ms = self.ms + ms
        while (due_ms := core.due_ms(self.state)) <= until_ms:
            self.civil_ms += round(max(0, due_ms - self.ms) * rate)
            self.ms = max(self.ms, due_ms)
            self.give(signals.Woken())
            if echoes:
                self.give(signals.Received(Echo(self.ms)))
        self.civil_ms += round((until_ms - self.ms) * rate)
        self.ms = until_ms


def taken(said: list[Samples]) -> dict[int, float]:
    """When each number was taken, in civil seconds since the start: as its report says; its value must agree."""
    found = dict[int, float]()
    for each in said:
        for place, value in enumerate(each.zones[0].air_c):
            assert value is not None
            number = each.first_no + place
            assert found.setdefault(number, value * 2**20 / 1e3) == value * 2**20 / 1e3
    return found


def test_every_ten_seconds_a_sample_and_every_thirty_a_report() -> None:
    bench = Bench()
    bench.connect()
    bench.run(90_000)
    assert [(each.first_no, len(each.zones[0].air_c)) for each in bench.said] == [(1, 3), (4, 3), (7, 3)]
    assert taken(bench.said) == {number: (number - 1) * 10 for number in range(1, 10)}
    first = bench.said[0]
    assert (first.every_ms, first.age_ms, first.energy_wh, first.echo) == (10_000, 0, 7, bench.said[0].echo)
    assert first.zones[0].cooling == [True] * 3
    assert first.zones[0].product_c == [None] * 3


def test_a_report_that_leaves_later_says_so() -> None:
    bench = Bench()
    bench.run(24_000)
    bench.connect()
    (report,) = bench.said
    assert (report.first_no, report.age_ms) == (1, 4_000)


@pytest.mark.parametrize("rate", [60, 600, 3_600])
def test_a_civil_clock_that_runs_fast_loses_no_sample_and_tells_each_second(rate: int) -> None:
    bench = Bench()
    bench.connect()
    bench.run(20_000, rate=rate)
    found = taken(bench.said)
    assert list(found) == list(range(1, len(found) + 1))
    assert list(found.values()) == [10.0 * place for place in range(len(found))]
    # The samples of one second may still be on their way, and two that are too few for a report.
    assert len(found) > 18 * rate / 10
    assert max(len(each.zones[0].air_c) for each in bench.said) <= MAX_SAMPLES


def test_a_clock_that_jumps_half_a_day_is_caught_up_with_report_by_report() -> None:
    bench = Bench()
    bench.connect()
    bench.run(60_000)
    bench.civil_ms += 12 * HOUR_MS
    bench.run(30_000)
    found = taken(bench.said)
    assert list(found) == list(range(1, len(found) + 1))
    assert max(found.values()) >= 12 * 3_600
    assert list(found.values()) == [10.0 * place for place in range(len(found))]


def test_a_clock_that_jumps_a_year_leaves_a_gap() -> None:
    bench = Bench()
    bench.connect()
    bench.run(60_000)
    bench.civil_ms += 365 * 24 * HOUR_MS
    bench.run(120_000)
    after = [at for at in taken(bench.said).values() if at > 3_600]
    assert min(after) >= (365 * 24 * HOUR_MS - CAUGHT_UP_MS) / 1e3
    assert max(after) >= 365 * 24 * 3_600


def test_a_clock_that_is_put_back_starts_a_new_run_and_numbers_go_on() -> None:
    bench = Bench()
    bench.connect()
    bench.run(60_000)
    last_no = bench.state.sampling.last_no
    bench.civil_ms -= HOUR_MS
    bench.run(60_000)
    later = [each for each in bench.said if each.first_no > last_no]
    assert later
    assert all(value is not None and value < 0 for each in later for value in each.zones[0].air_c)


def test_what_was_sampled_while_the_bus_was_away_is_sent_when_it_is_back_and_all_else_again() -> None:
    bench = Bench()
    bench.connect()
    bench.run(60_000)
    bench.give(signals.Disconnected())
    heard = len(bench.said)
    bench.run(HOUR_MS, echoes=False)
    assert len(bench.said) == heard

    bench.connect()
    again = bench.said[heard:]
    assert list(taken(again)) == list(range(1, bench.state.sampling.last_no + 1))
    assert [len(each.zones[0].air_c) for each in again] == [256, 111]
    assert [each.age_ms // 1_000 for each in again] == [111 * 10, 0]


def test_a_new_connection_sends_none_before_its_first_echo_and_after_a_second_without() -> None:
    bench = Bench()
    bench.run(60_000)
    bench.give(signals.Connected())
    bench.run(900, echoes=False)
    assert bench.said == []
    bench.run(11_000, echoes=False)
    assert [each.echo for each in bench.said] == [None]
    bench.give(signals.Received(Echo(1)))
    assert [(each.first_no, each.echo) for each in bench.said] == [(1, None), (1, 1)]


def test_when_the_gateway_was_away_and_speaks_again_all_that_is_held_is_sent_again() -> None:
    bench = Bench()
    bench.connect()
    bench.run(60_000)
    bench.run(31_000, echoes=False)
    heard = len(bench.said)
    bench.give(signals.Received(Echo(9)))
    assert [each.first_no for each in bench.said[heard:]] == [1]
    bench.give(signals.Received(Echo(10)))
    assert len(bench.said) == heard + 1


def test_when_a_few_echoes_are_missing_what_was_sent_since_is_sent_again_and_no_more() -> None:
    bench = Bench()
    bench.connect()
    bench.run(120_000)
    bench.run(6_000, echoes=False)
    sure_no = bench.state.sampling.heard_no
    bench.run(9_000, echoes=False)
    bench.give(signals.Received(Echo(9)))
    sent_since = [each for each in bench.said if each.first_no > sure_no]
    assert sure_no == 12
    assert [each.first_no for each in sent_since] == []
    bench.run(16_000, echoes=False)
    heard = len(bench.said)
    assert bench.said[-1].first_no == 13
    bench.give(signals.Received(Echo(10)))
    assert [each.first_no for each in bench.said[heard:]] == [13]
    bench.give(signals.Received(Echo(11)))
    assert len(bench.said) == heard + 1


def test_the_newest_are_held_and_fit_a_message_even_with_four_zones() -> None:
    bench = Bench(tuple(Zone))
    bench.run((SAMPLES_HELD + 100) * 10_000, echoes=False)
    assert len(bench.state.sampling.held) == SAMPLES_HELD
    bench.connect()
    assert list(taken(bench.said)) == list(range(102, SAMPLES_HELD + 102))
    assert max(len(encode(each)) for each in bench.said) < MAX_MESSAGE_BYTES


def test_the_largest_report_a_controller_can_make_fits_a_message() -> None:
    bench = Bench(tuple(Zone))
    state: Controller = bench.state
    coldest = tuple(signals.ZoneSample(zone, -127.9375, -127.9375) for zone in Zone)
    bench.connect()
    for _ in range(4):
        bench.do(step(state, signals.ProbesRead((coldest,) * MAX_SAMPLES), bench.now()))
    assert max(len(encode(each)) for each in bench.said) < MAX_MESSAGE_BYTES


def test_a_new_boot_counts_from_one_again_and_holds_nothing() -> None:
    bench = Bench()
    bench.run(HOUR_MS, echoes=False)
    later, outputs = boot(
        bench.state.memory, contacts={1: False}, reason="power_on", now=bench.now(), random=random_bytes
    )
    assert outputs[0] == signals.ReadProbes((bench.civil_ms,))
    step(later, bench.read((bench.civil_ms,)), bench.now())
    assert (later.sampling.last_no, len(later.sampling.held)) == (1, 1)


def test_a_look_between_two_samples_is_told_by_beats_and_is_no_sample() -> None:
    bench = Bench()
    shown = (ZoneReading(Zone.CHILLED, 9.0, 9.0),)
    bench.give(signals.ProbesShown(shown))
    assert bench.state.zones == shown
    assert bench.state.sampling.last_no == 1
