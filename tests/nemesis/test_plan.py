"""Faults by a seed: every kind has its turn, everybody is hurt in turn, and each when somebody begins something."""

import asyncio
from collections import Counter

import pytest

from app.nemesis.nemesis import Nemesis
from app.nemesis.plan import LASTS, Fault, Kind, plan_faults
from locker_protocol.clock import RealClock

PROCESSES = ["postgres", "uplink", "bus", "web", "worker"]
CABLES = ["web-postgres", "worker-uplink", "lockers-bus"]
TARGETS = dict.fromkeys(Kind, CABLES) | {Kind.KILL: PROCESSES, Kind.STOP: PROCESSES, Kind.CLOCK: ["civil"]}


def test_every_kind_has_its_turn_and_every_target_before_it_is_hurt_again() -> None:
    planned = plan_faults(7, faults=len(Kind) * len(PROCESSES), targets=TARGETS)

    assert Counter(each.kind for each in planned) == dict.fromkeys(Kind, len(PROCESSES))
    for at in range(0, len(planned), len(Kind)):
        assert {each.kind for each in planned[at : at + len(Kind)]} == set(Kind)
    assert Counter(each.target for each in planned if each.kind is Kind.KILL) == dict.fromkeys(PROCESSES, 1)
    assert {each.target for each in planned if each.kind is Kind.HOLD} == set(CABLES)
    assert all(LASTS[each.kind][0] <= each.lasts_s <= LASTS[each.kind][1] for each in planned)


def test_the_same_seed_plans_the_same_and_another_something_else() -> None:
    assert plan_faults(1, faults=20, targets=TARGETS) == plan_faults(1, faults=20, targets=TARGETS)
    assert plan_faults(1, faults=20, targets=TARGETS) != plan_faults(2, faults=20, targets=TARGETS)


def test_at_a_higher_pace_the_same_faults_last_and_rest_shorter() -> None:
    slow, fast = (plan_faults(1, faults=20, targets=TARGETS, pace=pace) for pace in (1, 4))

    assert [(each.kind, each.target, each.amount) for each in slow] == [
        (each.kind, each.target, each.amount) for each in fast
    ]
    assert [round(each.lasts_s / 4, 2) for each in slow] == [each.lasts_s for each in fast]
    assert [round(each.rest_s / 4, 2) for each in slow] == [each.rest_s for each in fast]


def test_a_kind_that_can_hurt_nobody_is_left_out() -> None:
    planned = plan_faults(1, faults=20, targets={**TARGETS, Kind.DISK_FULL: []})

    assert len(planned) == 20
    assert Kind.DISK_FULL not in {each.kind for each in planned}


class Doings:
    """Faults that last until they are let go."""

    def __init__(self) -> None:
        self.begun: list[Fault] = []
        self.healed: list[Fault] = []
        self.over = asyncio.Event()

    async def do(self, fault: Fault) -> None:
        self.begun.append(fault)
        try:
            await self.over.wait()
        finally:
            self.healed.append(fault)


FAULTS = [Fault(Kind.HOLD, "one", 1, 0, 0), Fault(Kind.STOP, "two", 1, 0, 3_600), Fault(Kind.KILL, "three", 0, 0, 0)]


def test_one_fault_at_a_time_and_the_next_when_the_one_before_is_over_and_has_rested() -> None:
    async def run() -> None:
        doings = Doings()
        nemesis = Nemesis(FAULTS, RealClock(), doings.do)
        await say(nemesis, "ordering", 3)
        assert doings.begun == FAULTS[:1]
        doings.over.set()
        await asyncio.sleep(0.01)
        await say(nemesis, "paying", 2)
        assert doings.begun == doings.healed == FAULTS[:2]
        await say(nemesis, "paying", 2)  # the second rests for an hour
        assert doings.begun == FAULTS[:2]
        assert [(each.kind, each.phase, each.number) for each in nemesis.done] == [
            (Kind.HOLD, "ordering", 1),
            (Kind.STOP, "paying", 1),
        ]

    asyncio.run(run())


def test_what_lasts_is_healed_at_the_end_and_nothing_begins_any_more() -> None:
    async def run() -> None:
        doings = Doings()
        nemesis = Nemesis(FAULTS, RealClock(), doings.do)
        await say(nemesis, "loading", 1)
        assert doings.healed == []
        await nemesis.stop()
        assert doings.healed == FAULTS[:1]
        await say(nemesis, "loading", 3)
        assert doings.begun == FAULTS[:1]

    asyncio.run(run())


def test_a_fault_that_could_not_be_done_is_told_at_the_end() -> None:
    async def fail(_fault: Fault) -> None:
        raise KeyError("no such cable")

    async def run() -> None:
        nemesis = Nemesis(FAULTS, RealClock(), fail)
        await say(nemesis, "loading", 1)
        with pytest.raises(KeyError):
            await nemesis.stop()

    asyncio.run(run())


async def say(nemesis: Nemesis, phase: str, times: int) -> None:
    for _ in range(times):
        nemesis.moment(phase)
        for _ in range(5):  # turns of the loop, for a fault's task
            await asyncio.sleep(0)
