"""The judgement against the truth: 20,000 histories in parts, wrong judges that must be found out, healthy weeks.

A hundred thousand and ten locker-years: `python -m benchmarks.cold_histories`.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from benchmarks.cold_healthy import healthy_week
from benchmarks.cold_histories import Lain, figures_of, judged, run, run_world
from locker_protocol.cold_chain.faults import SensorWatch
from locker_protocol.cold_chain.judge import MINUTE_MS, Verdict, begin, expose, judge_all, verdict
from locker_protocol.cold_chain.minutes import ProbeFaults, Sampled, fold, known
from locker_protocol.cold_chain.policy import DEFAULT_POLICY
from locker_protocol.telemetry import SensorFault, ZoneMinute

PARTS, HISTORIES = 10, 2000
MOST_WORLDS = 200  # of ten histories each: a tenth of what all must stand


@pytest.mark.parametrize("part", range(PARTS))
def test_no_verdict_that_is_owed_is_missing_or_late_and_none_is_without_cause(part: int) -> None:
    tally = run(part, HISTORIES)
    assert not tally.errors, figures_of(tally)
    assert tally.histories == HISTORIES
    # A run that injected nothing proves nothing.
    assert min(tally.truth["discard"], tally.truth["quarantine"]) > HISTORIES // 40
    assert tally.truth["fine"] > HISTORIES // 4
    assert len(tally.behind) >= 8


def test_healthy_weeks_call_nobody() -> None:
    weeks = [healthy_week(f"test/{number}", days=3) for number in range(4)]
    assert [week.pages for week in weeks if week.pages] == []
    assert sum(week.zone_minutes for week in weeks) == 4 * 3 * 1440 * 4


def forgives_two_hours(food_class: str, since_ms: int, until_ms: int, lain: Lain) -> Verdict:
    policy = msgspec.structs.replace(DEFAULT_POLICY, gap_s=7200)
    return judge_all(food_class, since_ms, until_ms, policy, lain)


def takes_the_mean(food_class: str, since_ms: int, until_ms: int, lain: Lain) -> Verdict:
    means = [(zone, _only(minute, minute.product_mean)) for zone, minute in lain]
    return judged(food_class, since_ms, until_ms, means)


def begins_anew_behind_another_door(food_class: str, since_ms: int, until_ms: int, lain: Lain) -> Verdict:
    moves = [later[1].minute for before, later in pairwise(lain) if before[0] != later[0]]
    return judged(food_class, moves[-1] * MINUTE_MS if moves else since_ms, until_ms, lain)


def allows_food_what_air_is_allowed(food_class: str, since_ms: int, until_ms: int, lain: Lain) -> Verdict:
    quiet: Lain = []
    excused_until = 0
    for zone, minute in lain:
        if minute.open_s or minute.defrost_s:
            excused_until = minute.minute + 30
        cold = {"frozen": -2000, "cool": 1200}.get(zone, 300)
        excused = minute.minute < excused_until and known(minute)
        quiet.append((zone, _only(minute, cold) if excused else minute))
    return judged(food_class, since_ms, until_ms, quiet)


def takes_a_discard_back(food_class: str, since_ms: int, until_ms: int, lain: Lain) -> Verdict:
    """An hour in the cold, and all is forgotten."""
    exposure, cold = begin(food_class, since_ms), 0
    for zone, minute in lain:
        if minute.minute * MINUTE_MS + MINUTE_MS > until_ms:
            break
        exposure = expose(exposure, DEFAULT_POLICY, zone, minute, minute.minute)
        cold = 0 if True in exposure.over or exposure.gap else cold + 1
        if cold == 60:
            exposure = begin(food_class, (minute.minute + 1) * MINUTE_MS)
    return verdict(exposure, DEFAULT_POLICY)


def takes_unknown_for_the_last_known(food_class: str, since_ms: int, until_ms: int, lain: Lain) -> Verdict:
    filled: Lain = []
    for zone, minute in lain:
        last = filled[-1][1] if filled else minute
        filled.append((zone, minute if known(minute) else msgspec.structs.replace(last, minute=minute.minute)))
    return judged(food_class, since_ms, until_ms, filled)


def counts_from_the_middle(food_class: str, since_ms: int, until_ms: int, lain: Lain) -> Verdict:
    later = lain[len(lain) // 2 :]
    return judged(food_class, later[0][1].minute * MINUTE_MS if later else since_ms, until_ms, later)


def believes_85(minute: int, samples: Sequence[Sampled], believed: ProbeFaults, open_s: int) -> ZoneMinute:
    told = fold(minute, samples, faults=believed, open_s=open_s)
    magic = [sample.product_c for sample in samples if sample.product_c == 85.0]
    if believed.product == SensorFault.MAGIC and magic:
        return msgspec.structs.replace(_only(told, 8500), product_fault=None)
    return told


def leaves_the_past_as_it_was(minute: ZoneMinute, watched: SensorWatch) -> ZoneMinute:
    return minute


def _only(minute: ZoneMinute, value: int | None) -> ZoneMinute:
    if value is None:
        return minute
    return msgspec.structs.replace(minute, product_min=value, product_mean=value, product_max=value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"judge": forgives_two_hours},
        {"judge": takes_the_mean},
        {"judge": begins_anew_behind_another_door},
        {"judge": allows_food_what_air_is_allowed},
        {"judge": takes_a_discard_back},
        {"judge": takes_unknown_for_the_last_known},
        {"judge": counts_from_the_middle},
        {"fold": believes_85},
        {"blank": leaves_the_past_as_it_was},
    ],
    ids=lambda wrong: next(iter(wrong.values())).__name__,
)
def test_a_judge_that_is_wrong_is_found_out_by_few_histories(wrong: Any) -> None:
    # One world in fifty has a probe that says 85: these begin where there are some.
    first = 400 if "fold" in wrong else 0
    assert any(run_world(f"0/{number}", **wrong).errors for number in range(first, first + MOST_WORLDS))
