"""Samples become minutes, and what nobody believed stays unknown."""

import math

import pytest

from locker_protocol.cold_chain.minutes import ProbeFaults, Sampled, fault_of_value, fold, known, stamped
from locker_protocol.telemetry import SensorFault, ZoneMinute, ZoneSamples
from locker_protocol.vocabulary import Zone


def samples(*product_c: float | None, air_c: float | None = 3.0) -> list[Sampled]:
    return [Sampled(index * 10_000, air_c, value) for index, value in enumerate(product_c)]


def test_a_minute_holds_the_least_the_mean_and_the_most() -> None:
    told = fold(7, samples(2.0, 2.5, 4.0), open_s=12)
    assert told == ZoneMinute(7, 3, 300, 300, 300, 200, 283, 400, open_s=12)


def test_running_and_melting_are_told_in_seconds_of_the_whole_minute() -> None:
    told = fold(7, [Sampled(0, 1.0, 1.0, cooling=True), Sampled(10, 1.0, 1.0), Sampled(20, 1.0, 1.0, defrosting=True)])
    assert (told.cooling_s, told.defrost_s) == (20, 20)


@pytest.mark.parametrize("value", [85.0, -127.0, 127.94, 85.0625, 65.1, -45.1, None, math.nan, math.inf])
def test_what_a_failed_chip_says_never_counts(value: float | None) -> None:
    assert fold(7, samples(2.0, value, 3.0)).product_max == 300
    assert fold(7, samples(value)).product_max is None
    assert not known(fold(7, samples(value)))


def test_nothing_of_a_probe_that_is_not_believed_counts() -> None:
    told = fold(7, samples(2.0), faults=ProbeFaults(product=SensorFault.STUCK))
    assert (told.product_min, told.product_fault, told.air_max, told.samples) == (None, SensorFault.STUCK, 300, 1)
    assert not known(told)


def test_a_minute_without_samples_is_not_known() -> None:
    assert not known(fold(7, []))
    assert not known(None)
    assert known(fold(7, samples(2.0)))


def test_a_run_of_samples_gets_its_times_from_its_newest() -> None:
    run = ZoneSamples(Zone.COOL, [1.0, None], [2.0, 3.0], cooling=[True, False])
    assert list(stamped(run, newest_ms=50_000, every_ms=10_000)) == [
        Sampled(40_000, 1.0, 2.0, cooling=True),
        Sampled(50_000, None, 3.0),
    ]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, SensorFault.SILENT),
        (math.nan, SensorFault.SILENT),
        (85.0, SensorFault.MAGIC),
        (-127.0, SensorFault.MAGIC),
        (127.94, SensorFault.MAGIC),
        (65.1, SensorFault.OUT_OF_RANGE),
        (-45.1, SensorFault.OUT_OF_RANGE),
        (65.0, None),
        (-45.0, None),
    ],
)
def test_each_value_of_a_failed_chip_has_its_name(value: float | None, fault: SensorFault | None) -> None:
    assert fault_of_value(value) is fault
