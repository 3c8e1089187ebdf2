"""The exact solver that allocation is measured against: OR-tools CP-SAT, on one core.

It decides everything at once: which orders are placed, which pieces go together behind a door, in which zone and size
class. It may group goods in any way at all, ours among them; hard rules are the same (zone or hours tolerated, volume,
longest side, weight, doors). Doors of a class are counted, not named: by Hall's condition every such choice has doors.
An order may take at most one parcel a zone more than any way that we know of takes there.

`solve` is the strongest form of the problem that we found; `solve_by_name` is the plain one, where each piece of each
order goes behind a door with a number. Both have the same optimum.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from app.domain.allocation import FreeDoor
from app.domain.capacity import CounterKey
from app.domain.parcelling import MAX_PARCEL_G, DoorType, Goods, Parcels, may_stand_in
from benchmarks.cut_runs import Order, Run
from locker_protocol.vocabulary import SIZES, SizeClass, Zone

CORES = 1


@dataclass(frozen=True, slots=True)
class Solved:
    """How many orders it placed; `proven`: no plan places more. Seconds of one core, solving only."""

    placed: int
    proven: bool
    seconds: float


def solve(run: Run, ways: Sequence[Sequence[Parcels]], *, limit_s: float, must: Sequence[int] | None = None) -> Solved:
    """Place as many of a run's orders as can be; with `must`, exactly those, or none can be (`placed` is 0 then)."""
    model = cp_model.CpModel()
    taken: dict[CounterKey, list[cp_model.IntVar]] = {key: [] for key in run.wall.left}
    chosen = range(len(run.orders)) if must is None else must
    placed = [_order(model, run, run.orders[number], ways[number], taken) for number in chosen]
    for key, uses in taken.items():
        if uses:
            model.add(sum(uses) <= run.wall.left[key])
    if must is None:
        model.maximize(sum(placed))
    else:
        model.add(sum(placed) == len(placed))
    return _solved(model, placed, limit_s)


def solve_by_name(run: Run, *, limit_s: float) -> Solved:
    """The same, with every door by its number."""
    model = cp_model.CpModel()
    users: dict[int, list[cp_model.IntVar]] = {door.door: [] for door in run.wall.doors}
    placed = [_order_by_name(model, run, order, users) for order in run.orders]
    for each in users.values():
        model.add_at_most_one(each)
    model.maximize(sum(placed))
    return _solved(model, placed, limit_s)


def _solved(model: cp_model.CpModel, placed: Sequence[cp_model.IntVar], limit_s: float) -> Solved:
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds, solver.parameters.num_workers = limit_s, CORES
    before = time.process_time()
    status = solver.solve(model)
    seconds = time.process_time() - before
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    proven = status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
    return Solved(sum(solver.value(each) for each in placed) if found else 0, proven, seconds)


def _order_by_name(
    model: cp_model.CpModel, run: Run, order: Order, users: Mapping[int, list[cp_model.IntVar]]
) -> cp_model.IntVar:
    placed = model.new_bool_var("")
    pieces: dict[int, list[cp_model.IntVar]] = {item.line: [] for item in order}
    for door in run.wall.doors:
        goods = [i for i in order if may_stand_in(door.zone, own=i.zone, tolerates=i.tolerates, hours=run.hours)]
        inside = [(item, model.new_int_var(0, item.quantity, "")) for item in goods if _takes(door, item)]
        used = model.new_bool_var("")
        users[door.door].append(used)
        model.add_implication(used, placed)
        model.add(sum(item.volume_ml * count for item, count in inside) <= door.volume_ml * used)
        model.add(sum(item.weight_g * count for item, count in inside) <= MAX_PARCEL_G * used)
        for item, count in inside:
            pieces[item.line].append(count)
    for item in order:
        model.add(sum(pieces[item.line]) == item.quantity * placed)
    return placed


def _order(
    model: cp_model.CpModel,
    run: Run,
    order: Order,
    ways: Sequence[Parcels],
    taken: Mapping[CounterKey, list[cp_model.IntVar]],
) -> cp_model.IntVar:
    """Variables of one order; returns the one that says whether it is placed."""
    placed = model.new_bool_var("")
    pieces: dict[int, list[cp_model.IntVar]] = {item.line: [] for item in order}
    for zone in sorted({door.zone for door in run.wall.types}):
        goods = [i for i in order if may_stand_in(zone, own=i.zone, tolerates=i.tolerates, hours=run.hours)]
        known = max(sum(parcel.zone == zone for parcel in way) for way in ways)
        most = min(run.wall.left[zone, SizeClass.S], sum(item.quantity for item in goods), known + 1)
        larger: list[cp_model.IntVar] | None = None
        for _ in range(most):
            larger = _parcel(model, run, zone, goods, larger, pieces, taken)
            model.add_implication(larger[0], placed)
    for item in order:
        model.add(sum(pieces[item.line]) == item.quantity * placed)
    return placed


def _parcel(
    model: cp_model.CpModel,
    run: Run,
    zone: Zone,
    goods: Sequence[Goods],
    larger: Sequence[cp_model.IntVar] | None,
    pieces: Mapping[int, list[cp_model.IntVar]],
    taken: Mapping[CounterKey, list[cp_model.IntVar]],
) -> list[cp_model.IntVar]:
    """A parcel that may be; its variables say "needs this class of the zone's or a larger one", smallest first."""
    types = sorted((door for door in run.wall.types if door.zone == zone), key=lambda door: SIZES.index(door.size))
    needs = [model.new_bool_var("") for _ in types]
    for smaller, next_larger in pairwise(needs):
        model.add_implication(next_larger, smaller)
    for before, own in zip(larger or (), needs, strict=False):
        model.add_implication(own, before)  # parcels of a zone are alike: the larger come first
    inside = []
    for item in goods:
        least = next((at for at, door in enumerate(types) if _takes(door, item)), None)
        if least is not None:
            count = model.new_int_var(0, item.quantity, "")
            model.add(count <= item.quantity * needs[least])
            pieces[item.line].append(count)
            inside.append((item, count))
    steps = [types[0].volume_ml, *(b.volume_ml - a.volume_ml for a, b in pairwise(types))]
    model.add(
        sum(item.volume_ml * count for item, count in inside)
        <= sum(step * need for step, need in zip(steps, needs, strict=True))
    )
    model.add(sum(item.weight_g * count for item, count in inside) <= MAX_PARCEL_G * needs[0])
    for size in SIZES:
        at = next((at for at, door in enumerate(types) if SIZES.index(door.size) >= SIZES.index(size)), None)
        if at is not None:
            taken[zone, size].append(needs[at])
    return needs


def _takes(door: DoorType | FreeDoor, item: Goods) -> bool:
    return item.volume_ml <= door.volume_ml and item.longest_mm <= door.longest_mm
