"""How many orders of an overfull run we place, beside an exact solver; how fast; and how many doors an order takes.

python -m benchmarks.allocation [--baskets FILE] [--runs 60] [--seed 1] [--limit 20] [--by-name 0] [--json OUT]

Two promises are measured. *In turn*: each order is decided when it comes, as the shop does it, and never taken back;
beside it the best that any planner could do in turn, who also regroups what was placed before. *At once*: all orders
are known, and as many as can be are placed; beside it the optimum. Who decides in turn cannot know that two small
orders come after a large one, so its share of the optimum at once is told as well, but is no fault of allocation.

Only runs whose every optimum was proven within the limit count. Our times hold all there is to do: grouping goods into
parcels, choosing which orders, choosing doors. The solver's hold its solving only, with any grouping of goods allowed
(`exact.py`). All are seconds of one core, so that a busy machine is no matter. With `--by-name N` the first N proven
runs are also given to it in the plain form, where it names doors; where it is stopped, its time until then counts, and
the ratio is at least what is told.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from app.domain.allocation import Need, Planned, choose_doors
from app.domain.capacity import CounterKey, RunFull, demand
from app.domain.parcelling import Goods, Parcels, plan_parcels, ways_to_parcel
from app.domain.run_filling import fill_run
from benchmarks.cut_runs import HOURS, Order, Run, cut_runs, read_orders, walls
from benchmarks.exact import Solved, solve, solve_by_name
from locker_protocol.vocabulary import Zone

# A basket of fewer lines says little about doors; operations research counted those of five or more.
LINES_COUNTED = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: orders placed and seconds taken, by us and by the solver; `decided`: orders that were decided upon."""

    decided: int
    in_turn: int
    in_turn_s: float
    in_turn_best: int
    in_turn_best_s: float
    at_once: int
    at_once_s: float
    optimum: int
    optimum_s: float


def measure(
    *,
    baskets: Path | None,
    runs: int,
    seed: int,
    limit_s: float,
    by_name: int = 0,
    say: Callable[[str], None] = print,
) -> dict[str, object]:
    """Everything, as JSON takes it."""
    chance = Random(seed)
    orders = read_orders(baskets, chance)
    found: list[Measured] = []
    plain: list[tuple[Solved, Measured]] = []
    for number, run in enumerate(cut_runs(orders, runs, chance), start=1):
        one = measure_run(run, limit_s)
        if one is None:
            say(f"run {number}: not proven within {limit_s:g} s")
            continue
        say(f"run {number}: {one}")
        found.append(one)
        if len(plain) < by_name:
            plain.append((solve_by_name(run, limit_s=limit_s), one))
            say(f"run {number}, doors by name: {plain[-1][0]}")
    counted = [order for order in orders if len(order) >= LINES_COUNTED] or orders
    return {
        "baskets": baskets.name if baskets else "made up",
        "seed": seed,
        "runs": runs,
        "proven": len(found),
        **_added_up(found),
        **_by_name(plain),
        "doors_an_order": _doors_an_order(counted[:5_000]),
    }


def measure_run(run: Run, limit_s: float) -> Measured | None:
    """Place one run four ways; `None` when the solver did not prove its optimum in time."""
    ways = [ways_to_parcel(order, doors=run.wall.types, left=run.wall.left, hours=run.hours) for order in run.orders]
    optimum = solve(run, ways, limit_s=limit_s)
    best = _best_in_turn(run, ways, limit_s)
    if best is None or not optimum.proven:
        return None
    in_turn, in_turn_s = _timed(lambda: place_in_turn(run))
    at_once, at_once_s = _timed(lambda: place_at_once(run))
    decided = len(run.orders)
    return Measured(decided, in_turn, in_turn_s, best[0], best[1], at_once, at_once_s, optimum.placed, optimum.seconds)


def place_in_turn(run: Run) -> int:
    """As the shop does it: counters first, then doors, order by order."""
    left, standing = dict(run.wall.left), list[Planned]()
    placed = 0
    for number, order in enumerate(run.orders):
        try:
            parcels = plan_parcels(order, doors=run.wall.types, left=left, hours=run.hours)
        except RunFull:
            continue
        for key, count in _takes(parcels).items():
            left[key] -= count
        standing = _given_doors(run, f"{number}", parcels, standing)
        placed += 1
    return placed


def place_at_once(run: Run) -> int:
    """All orders known: choose which, and give them doors."""
    ways = [ways_to_parcel(order, doors=run.wall.types, left=run.wall.left, hours=run.hours) for order in run.orders]
    chosen = fill_run([[_takes(way) for way in each] for each in ways], run.wall.left)
    standing = list[Planned]()
    for number, way in chosen.items():
        standing = _given_doors(run, f"{number}", ways[number][way], standing)
    return len(chosen)


def _given_doors(run: Run, name: str, parcels: Parcels, standing: Sequence[Planned]) -> list[Planned]:
    needs = [
        Need(parcel_id=f"{name}-{at}", zone=one.zone, volume_ml=one.volume_ml, longest_mm=one.longest_mm)
        for at, one in enumerate(parcels)
    ]
    used = {each.door.door for each in standing}
    free = [door for door in run.wall.doors if door.door not in used]
    choice = choose_doors(needs, free, low_door=False, planned=standing)
    assert all(choice.doors.values()), "the counters promised a door"
    by_number = {door.door: door for door in run.wall.doors}
    stays = [each for each in standing if each.need.parcel_id not in choice.moved]
    moved = {each.need.parcel_id: each.need for each in standing} | {need.parcel_id: need for need in needs}
    plans = {**choice.moved, **choice.doors}.items()
    return [*stays, *(Planned(moved[name], by_number[doors[0]], low_door=False) for name, doors in plans)]


def _best_in_turn(run: Run, ways: Sequence[Sequence[Parcels]], limit_s: float) -> tuple[int, float] | None:
    """Take each order that can stand beside all taken before, however those are grouped anew; and the seconds."""
    kept, seconds = list[int](), 0.0
    for number in range(len(run.orders)):
        solved = solve(run, ways, limit_s=limit_s, must=[*kept, number])
        seconds += solved.seconds
        if not solved.proven:
            return None
        if solved.placed:
            kept.append(number)
    return len(kept), seconds


def _timed(work: Callable[[], int]) -> tuple[int, float]:
    before = time.process_time()
    found = work()
    return found, time.process_time() - before


def _takes(parcels: Parcels) -> dict[CounterKey, int]:
    return demand((parcel.zone, parcel.size) for parcel in parcels)


def _added_up(found: Sequence[Measured]) -> dict[str, object]:
    if not found:
        return {}
    decided = sum(one.decided for one in found)
    in_turn, best = sum(one.in_turn for one in found), sum(one.in_turn_best for one in found)
    at_once, optimum = sum(one.at_once for one in found), sum(one.optimum for one in found)
    in_turn_s, best_s = sum(one.in_turn_s for one in found), sum(one.in_turn_best_s for one in found)
    at_once_s, optimum_s = sum(one.at_once_s for one in found), sum(one.optimum_s for one in found)
    return {
        "orders": decided,
        "in_turn": {
            "placed": in_turn,
            "best_placed": best,
            "share_of_best": in_turn / best,
            "share_of_optimum_at_once": in_turn / optimum,
            "ms_a_decision": in_turn_s / decided * 1_000,
            "solver_ms_a_decision": best_s / decided * 1_000,
            "times_faster": best_s / in_turn_s,
        },
        "at_once": {
            "placed": at_once,
            "optimum_placed": optimum,
            "share_of_optimum": at_once / optimum,
            "ms_a_run": at_once_s / len(found) * 1_000,
            "solver_ms_a_run": optimum_s / len(found) * 1_000,
            "times_faster": optimum_s / at_once_s,
        },
    }


def _by_name(plain: Sequence[tuple[Solved, Measured]]) -> dict[str, object]:
    if not plain:
        return {}
    seconds, ours_s = sum(solved.seconds for solved, _ in plain), sum(one.at_once_s for _, one in plain)
    return {
        "at_once_doors_by_name": {
            "runs": len(plain),
            "proven": sum(solved.proven for solved, _ in plain),
            "placed": sum(one.at_once for _, one in plain),
            "solver_placed": sum(solved.placed for solved, _ in plain),
            "solver_s_a_run_at_least": seconds / len(plain),
            "times_faster_at_least": seconds / ours_s,
        }
    }


def _doors_an_order(orders: Sequence[Order]) -> dict[str, float]:
    """Of orders with many lines alone at an empty site: by zones alone, and as we plan them for each window."""
    wall = walls()[0]

    def planned(hours: float, order: Order) -> int:
        return len(plan_parcels(order, doors=wall.types, left=wall.left, hours=hours))

    return {
        "one_a_zone_volume_ignored": _mean([len({item.zone for item in order}) for order in orders]),
        "one_and_one_frozen_volume_ignored": _mean([len({item.zone is Zone.FROZEN for item in o}) for o in orders]),
        "strict_zones": _mean([planned(HOURS[0], [_strict(item) for item in order]) for order in orders]),
        **{f"planned_for_{hours:g}_h": _mean([planned(hours, order) for order in orders]) for hours in HOURS},
    }


def _strict(item: Goods) -> Goods:
    return Goods(
        line=item.line,
        quantity=item.quantity,
        zone=item.zone,
        tolerates={},
        volume_ml=item.volume_ml,
        longest_mm=item.longest_mm,
        weight_g=item.weight_g,
    )


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baskets", type=Path, help="baskets as `caibox replay` takes them; made up without")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=20, help="seconds the solver may take for one answer")
    parser.add_argument("--by-name", type=int, default=0, help="runs that the solver also gets in the plain form")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    figures = measure(
        baskets=asked.baskets, runs=asked.runs, seed=asked.seed, limit_s=asked.limit, by_name=asked.by_name
    )
    text = json.dumps(figures, indent=2)
    print(text)
    if asked.json:
        asked.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _main()
