"""What a judge owes each food that went through a known history, computed from the truth alone, in steps of 10 s.

*Owed*: food was surely over a line (by more than the probe's noise) for as long as the line says, so the verdict has to
be there. *Allowed*: food may have been over it, all that was hidden from the gateway included, so the verdict may be
there. Between both lies what whole minutes and the probe's steps leave open. What a faulty probe hides is owed from
when the fault has to be known by its documented signs; what has none is counted apart, as unseeable.
`docs/cold-chain.md` has the same in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.cold_world import STEP_S, STEPS_A_MINUTE, BadProbe, Truth
from locker_protocol.cold_chain.policy import ClassPolicy, ColdPolicy, Line

SURE_K = 0.1  # one step of noise and half a step of rounding: 0.09375
GAP_SLACK_MIN = 2  # a minute that holds one sample is known, its other 50 s are hidden: one at each end of a gap
HOUR_STEPS = 360


@dataclass(frozen=True, slots=True)
class Stay:
    """Where food lay: the zone's number in its locker, from a step to before another."""

    zone: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Food:
    """One food class in one parcel. `since`: the step of the driver's last good reading."""

    food_class: str
    since: int
    stays: tuple[Stay, ...]

    @property
    def until(self) -> int:
        return self.stays[-1].end


@dataclass(frozen=True, slots=True)
class Owed:
    """The step by whose end a line was surely crossed, and the minute by whose fold the verdict has to be there."""

    crossed: int
    by_minute: int


def owed(
    food: Food,
    lines: Sequence[Line],
    rules: ClassPolicy,
    locker: Sequence[Truth],
    bad: dict[int, BadProbe],
    policy: ColdPolicy,
) -> tuple[Owed | None, bool]:
    """Give the earliest verdict that is owed, and whether one was earned behind a fault that nothing shows."""
    found: list[Owed] = []
    unseeable = False
    for line in lines:
        crossed = _crossed(food, line, rules, locker, bad)
        if crossed is None:
            continue
        by_minute = _due(food, crossed, locker, bad, policy)
        if by_minute is None:
            unseeable = True
        elif (by_minute + 1) * STEPS_A_MINUTE <= food.until:
            found.append(Owed(crossed, by_minute))
    return min(found, key=lambda each: each.by_minute, default=None), unseeable


def _crossed(
    food: Food, line: Line, rules: ClassPolicy, locker: Sequence[Truth], bad: dict[int, BadProbe]
) -> int | None:
    needed = max(1, line.for_s // STEP_S)
    counted = 0
    for stay in food.stays:
        truth = locker[stay.zone]
        slice_c = truth.product[stay.start : stay.end]
        if not slice_c:
            continue
        if line.side == "below" and truth.zone in rules.tolerates:
            continue
        worst_c = max(slice_c) if line.side == "above" else min(slice_c)
        if not _surely_over(worst_c, line):
            counted = 0 if line.counted == "continuous" else counted
            continue
        must_be_seen = line.counted == "at_once" or line.side == "below"
        for step, value_c in enumerate(slice_c, stay.start):
            if _surely_over(value_c, line) and not (must_be_seen and _hidden(stay.zone, step, locker, bad)):
                counted += 1
                if counted >= needed:
                    return step
            elif line.counted == "continuous":
                counted = 0
    return None


def _surely_over(value_c: float, line: Line) -> bool:
    return value_c > line.limit_c + SURE_K if line.side == "above" else value_c < line.limit_c - SURE_K


def _hidden(zone: int, step: int, locker: Sequence[Truth], bad: dict[int, BadProbe]) -> bool:
    fault = bad.get(zone)
    return not locker[zone].heard[step] or (fault is not None and fault.probe == "product" and step >= fault.start)


def _due(food: Food, crossed: int, locker: Sequence[Truth], bad: dict[int, BadProbe], policy: ColdPolicy) -> int | None:
    """Give the minute by whose fold a line crossed at a step is owed; `None`: nothing shows it."""
    known_by = crossed
    gap = False
    for stay in food.stays:
        if stay.start > crossed:
            break
        last = min(stay.end, crossed + 1)
        gap = gap or not all(locker[stay.zone].heard[stay.start : last])
        fault = bad.get(stay.zone)
        if fault is not None and fault.probe == "product" and fault.start < last:
            shown = shown_by(fault, locker[stay.zone], locker)
            if shown is None:
                return None
            gap, known_by = True, max(known_by, shown)
    slack = policy.gap_s // 60 + GAP_SLACK_MIN if gap else 0
    return known_by // STEPS_A_MINUTE + slack


def shown_by(fault: BadProbe, truth: Truth, locker: Sequence[Truth]) -> int | None:
    """Give the step by which the signs of a fault of the product probe are there; `None`: not in this world."""
    match fault.fault:
        case "silent" | "out_of_range" | "magic":
            return fault.start
        case "jumping" | "noisy":
            return fault.start + 30 * STEPS_A_MINUTE
        case "too_good":
            return _all_heard_for_an_hour(fault, locker)
        case "stuck":
            return _stuck_shows(fault, truth)
        case _:
            return None  # swapped, crossed, drifting: openings and steady running show them (test_faults.py)


def _stuck_shows(fault: BadProbe, truth: Truth) -> int | None:
    """A probe that stands still shows when the air was 2 K away for an hour, with nothing nearer in between."""
    stuck_c = truth.product[fault.start]
    away = 0
    for step in range(fault.start, len(truth.air)):
        away = away + 1 if truth.heard[step] and abs(truth.air[step] - stuck_c) >= 2.1 else 0
        if away >= HOUR_STEPS + 2 * STEPS_A_MINUTE:
            return step
    return None


def _all_heard_for_an_hour(fault: BadProbe, locker: Sequence[Truth]) -> int | None:
    """That nothing moves shows after an hour in which all of it was heard."""
    heard = 0
    for step in range(fault.start, len(locker[0].heard)):
        heard = heard + 1 if all(truth.heard[step] for truth in locker) else 0
        if heard >= HOUR_STEPS + 2 * STEPS_A_MINUTE:
            return step
    return None


def allowed(
    food: Food, lines: Sequence[Line], rules: ClassPolicy, locker: Sequence[Truth], bad: dict[int, BadProbe]
) -> bool:
    """Say whether one of these lines may have been crossed, as far as the gateway could know."""
    return any(_may_be_over(food, line, rules, locker, bad) for line in lines)


def _may_be_over(food: Food, line: Line, rules: ClassPolicy, locker: Sequence[Truth], bad: dict[int, BadProbe]) -> bool:
    needed = max(1, line.for_s // 60)
    minutes = _doubtful_minutes(food, line, rules, locker, bad)
    if line.counted != "continuous":
        return len(minutes) >= needed
    run, before = 0, -2
    for minute in sorted(minutes):
        run = run + 1 if minute == before + 1 else 1
        before = minute
        if run >= needed:
            return True
    return False


def _doubtful_minutes(
    food: Food, line: Line, rules: ClassPolicy, locker: Sequence[Truth], bad: dict[int, BadProbe]
) -> set[int]:
    minutes: set[int] = set()
    if line.counted != "at_once":
        minutes.update(range(food.since // STEPS_A_MINUTE, food.stays[0].start // STEPS_A_MINUTE + 1))
    for stay in food.stays:
        truth = locker[stay.zone]
        if line.side == "below" and truth.zone in rules.tolerates:
            continue
        whole = range(stay.start // STEPS_A_MINUTE * STEPS_A_MINUTE, min(len(truth.product), stay.end + STEPS_A_MINUTE))
        for step in whole:
            if _maybe_over(truth.product[step], line) or (
                line.counted != "at_once" and _hidden(stay.zone, step, locker, bad)
            ):
                minutes.add(step // STEPS_A_MINUTE)
    return minutes


def _maybe_over(value_c: float, line: Line) -> bool:
    return value_c > line.limit_c - SURE_K if line.side == "above" else value_c < line.limit_c + SURE_K
