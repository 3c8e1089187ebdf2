"""The allocation benchmark on a few small runs: the exact solver bounds us, and we come close to it."""

from random import Random

import pytest

from app.domain.parcelling import ways_to_parcel
from benchmarks.allocation import measure_run, place_at_once, place_in_turn
from benchmarks.cut_runs import Run, cut_runs, read_orders
from benchmarks.exact import solve, solve_by_name

SEED = 5


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """A run at the smaller site."""
    chance = Random(SEED)
    return list(cut_runs(read_orders(None, chance), 2, chance))[1:]


def test_nothing_beats_the_proven_optimum_and_ours_come_close(runs: list[Run]) -> None:
    for run in runs:
        measured = measure_run(run, limit_s=60)

        assert measured is not None
        assert measured.in_turn <= measured.in_turn_best <= measured.optimum
        assert measured.in_turn_best - measured.in_turn <= 1
        assert measured.at_once <= measured.optimum <= measured.at_once + 1


def test_a_run_wants_a_tenth_to_a_third_more_doors_than_there_are(runs: list[Run]) -> None:
    for run in runs:
        assert place_in_turn(run) < len(run.orders)
        assert place_at_once(run) < len(run.orders)


def test_both_forms_of_the_exact_problem_have_the_same_optimum(runs: list[Run]) -> None:
    small = Run(runs[0].wall, runs[0].hours, runs[0].orders[:2])
    ways = [ways_to_parcel(o, doors=small.wall.types, left=small.wall.left, hours=small.hours) for o in small.orders]

    counted, named = solve(small, ways, limit_s=60), solve_by_name(small, limit_s=60)

    assert (counted.placed, counted.proven) == (named.placed, named.proven) == (2, True)
