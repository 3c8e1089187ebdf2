"""Processes die in turn, each in the middle of something, the same for the same seed."""

from collections import Counter

from app.replay.kills import PAUSE_MS, PHASES, Killer, plan_kills
from locker_protocol.clock import Now

PROCESSES = ["postgres", "uplink", "bus", "web", "worker"]


class Watch:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def now(self) -> Now:
        return Now(self.ms, self.ms)


def test_every_process_and_every_phase_has_its_turn() -> None:
    planned = plan_kills(5, kills=20, orders=400, processes=PROCESSES)

    assert Counter(each.process for each in planned) == dict.fromkeys(PROCESSES, 4)
    assert Counter(each.phase for each in planned) == dict.fromkeys(PHASES, 5)
    assert [each.after for each in planned] == sorted(each.after for each in planned)


def test_the_same_seed_plans_the_same_and_another_something_else() -> None:
    def plan(seed: int) -> object:
        return plan_kills(seed, kills=8, orders=100, processes=PROCESSES)

    assert plan(1) == plan(1)
    assert plan(1) != plan(2)


def test_a_process_dies_at_its_moment_and_the_next_has_time_to_come_back() -> None:
    watch, dead = Watch(), list[str]()
    killer = Killer(plan_kills(1, kills=4, orders=8, processes=PROCESSES), watch, dead.append)

    for _ in range(50):
        for phase in PHASES:
            killer.moment(phase)
    assert len(dead) == 1

    for _ in range(50):
        watch.ms += PAUSE_MS
        for phase in PHASES:
            killer.moment(phase)
    assert len(dead) == 4
    assert Counter(kill.process for kill in killer.done) == Counter(dead)
