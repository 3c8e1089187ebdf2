"""Random thermal histories with labelled truth, and years in which nothing is wrong: how often the judgement errs.

python -m benchmarks.cold_histories [--histories 100000] [--seed 1] [--locker-years 10] [--processes 1] [--json OUT]

A history is what one food class of one parcel went through; ten of them share a locker's afternoon (a *world*) of two
zones. Exit 1 when a verdict that was owed is missing or late, or one was given that nothing allowed. The healthy years
are cut into weeks, each a world of its own with four zones and 40 openings a day; a page is any alarm of a zone and any
verdict but "fine". Labels: `cold_labels.py`; what they mean: `docs/cold-chain.md`.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.cold_healthy import healthy_week
from benchmarks.cold_labels import Food, Owed, allowed, owed
from benchmarks.cold_plights import World, random_world
from benchmarks.cold_world import STEPS_A_MINUTE, Truth, readings, samples_of_minute
from locker_protocol.cold_chain import faults, minutes
from locker_protocol.cold_chain.judge import MINUTE_MS, Verdict, judge_all
from locker_protocol.cold_chain.minutes import ProbeFaults, Sampled
from locker_protocol.cold_chain.policy import DEFAULT_POLICY, ClassPolicy
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import Zone

FOODS_A_WORLD = 10
STEP_MS = 10_000
WEEKS_A_YEAR = 365.25 / 7

Lain = list[tuple[Zone, ZoneMinute]]
Judging = Callable[[str, int, int, Lain], Verdict]
Folding = Callable[[int, Sequence[Sampled], ProbeFaults, int], ZoneMinute]

Blanking = Callable[[ZoneMinute, faults.SensorWatch], ZoneMinute]


def judged(food_class: str, since_ms: int, until_ms: int, lain: Lain) -> Verdict:
    """Judge as gateway and export do."""
    return judge_all(food_class, since_ms, until_ms, DEFAULT_POLICY, lain)


def folded(minute: int, samples: Sequence[Sampled], believed: ProbeFaults, open_s: int) -> ZoneMinute:
    """Fold as the gateway does."""
    return minutes.fold(minute, samples, faults=believed, open_s=open_s)


@dataclass(slots=True)
class Tally:
    """How many of what."""

    worlds: int = 0
    histories: int = 0
    truth: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    behind: Counter[str] = field(default_factory=Counter)  # histories with a bad product probe, by fault
    errors: Counter[str] = field(default_factory=Counter)
    unseeable: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.worlds += other.worlds
        self.histories += other.histories
        self.unseeable += other.unseeable
        self.truth += other.truth
        self.given += other.given
        self.behind += other.behind
        self.errors += other.errors
        self.examples = [*self.examples, *other.examples][:20]


# Which minutes the gateway had of each zone, and from which minute of the world on it had them so.
Version = tuple[int, list[list[ZoneMinute | None]]]


def run(
    seed: int, histories: int, *, judge: Judging = judged, fold: Folding = folded, blank: Blanking = faults.disbelieved
) -> Tally:
    """Judge so many histories, numbered from a seed."""
    tally = Tally()
    number = 0
    while tally.histories < histories:
        tally.add(run_world(f"{seed}/{number}", judge=judge, fold=fold, blank=blank))
        number += 1
    return tally


def run_world(
    name: str, *, judge: Judging = judged, fold: Folding = folded, blank: Blanking = faults.disbelieved
) -> Tally:
    """Judge the histories of one world; its name is its seed."""
    random = Random(name)
    world = random_world(random)
    versions = record(random, world, fold, blank)
    tally = Tally(worlds=1)
    for food in world.foods(random, FOODS_A_WORLD):
        _judge_food(tally, name, world, food, versions, judge)
    return tally


def record(random: Random, world: World, fold: Folding, blank: Blanking) -> list[Version]:
    """Let the gateway see a world minute by minute; give the record as it stood at first and after each rewriting."""
    told = [readings(random, world.locker, world.bad_of(zone), zone) for zone in range(len(world.locker))]
    watches = {truth.zone: faults.SensorWatch() for truth in world.locker}
    kept: list[list[ZoneMinute | None]] = [[] for _ in world.locker]
    versions: list[Version] = [(0, kept)]
    for minute in range(len(world.locker[0].air) // STEPS_A_MINUTE):
        seen = {
            truth.zone: faults.Seen(minute, samples_of_minute(truth, *told[zone], minute), open_s(truth, minute))
            for zone, truth in enumerate(world.locker)
        }
        faults.watch(watches, seen)
        if any(watched.reaches_back_to is not None for watched in watches.values()):
            kept = [_without(zone, watches[truth.zone], blank) for zone, truth in zip(kept, world.locker, strict=True)]
            versions.append((minute, kept))
        for zone, truth in enumerate(world.locker):
            one = seen[truth.zone]
            watched = watches[truth.zone]
            kept[zone].append(fold(minute, one.samples, watched.faults, one.open_s) if one.samples else None)
    return versions


def open_s(truth: Truth, minute: int) -> int:
    first = minute * STEPS_A_MINUTE
    return 10 * truth.open_steps[first : first + STEPS_A_MINUTE].count(True)


def _without(kept: list[ZoneMinute | None], watched: faults.SensorWatch, blank: Blanking) -> list[ZoneMinute | None]:
    return [None if minute is None else blank(minute, watched) for minute in kept]


def _judge_food(tally: Tally, name: str, world: World, food: Food, versions: list[Version], judge: Judging) -> None:
    rules = DEFAULT_POLICY.of(food.food_class)
    assert rules is not None
    live = _Live(world, food, versions, judge)
    bad = world.bad_product_probes()
    tally.histories += 1
    tally.given[live.worst()] += 1
    for zone in {stay.zone for stay in food.stays} & set(bad):
        tally.behind[bad[zone].fault] += 1
    for error in _errors(tally, world, food, rules, live):
        tally.errors[error] += 1
        tally.examples.append(f"{error}: world {name}, {food}, {live.final()}, {bad}")


def _errors(tally: Tally, world: World, food: Food, rules: ClassPolicy, live: "_Live") -> Iterator[str]:
    bad = world.bad_product_probes()
    everything = [*rules.quarantine, *rules.discard]
    discard, hidden = owed(food, rules.discard, rules, world.locker, bad, DEFAULT_POLICY)
    closed, hidden_too = owed(food, everything, rules, world.locker, bad, DEFAULT_POLICY)
    tally.truth["discard" if discard else "quarantine" if closed else "fine"] += 1
    tally.unseeable += (hidden and discard is None) or (hidden_too and closed is None)
    if discard and not live.gives({"discard"}, discard):
        yield "missed_or_late_discard"
    if closed and not live.gives({"quarantine", "discard"}, closed):
        yield "missed_or_late_quarantine"
    if world.may_hide_what_is_well():
        return
    if live.worst() == "discard" and not allowed(food, rules.discard, rules, world.locker, bad):
        yield "discard_without_cause"
    if live.worst() != "fine" and not allowed(food, everything, rules, world.locker, bad):
        yield "quarantine_without_cause"


class _Live:
    """What a judge said of one food as the record grew and was rewritten."""

    def __init__(self, world: World, food: Food, versions: list[Version], judge: Judging) -> None:
        self._food, self._judge = food, judge
        self._until = food.until // STEPS_A_MINUTE
        self._versions = [(written, _lain(world, food, kept)) for written, kept in versions if written < self._until]
        self._ends = [self._at(self._until, lain) for _, lain in self._versions[-1:]]
        for number, (_, lain) in enumerate(self._versions[:-1]):
            self._ends.append(self._at(self._versions[number + 1][0], lain))

    def final(self) -> Verdict:
        return self._ends[0]

    def worst(self) -> str:
        """Give the worst that was ever said: it shut the door."""
        levels = {verdict.level for verdict in self._ends}
        return next(level for level in ("discard", "quarantine", "fine") if level in levels)

    def gives(self, levels: set[str], due: Owed) -> bool:
        """Say whether a verdict was there by the minute it was owed, and stayed."""
        lain = next(lain for written, lain in reversed(self._versions) if written <= due.by_minute)
        return self._at(due.by_minute + 1, lain).level in levels and self.final().level in levels

    def _at(self, until_minute: int, lain: Lain) -> Verdict:
        return self._judge(self._food.food_class, self._food.since * STEP_MS, until_minute * MINUTE_MS, lain)


def _lain(world: World, food: Food, kept: list[list[ZoneMinute | None]]) -> Lain:
    lain: dict[int, tuple[Zone, ZoneMinute]] = {}
    for stay in food.stays:
        zone = world.locker[stay.zone].zone
        for number in range(stay.start // STEPS_A_MINUTE, -(-stay.end // STEPS_A_MINUTE)):
            minute = (kept[stay.zone][number] if number < len(kept[stay.zone]) else None) or minutes.unmeasured(number)
            lain[number] = (zone, minutes.joined(lain[number][1], minute) if number in lain else minute)
    return list(lain.values())


def main() -> int:
    """Print the figures, write them, and say whether the judgement ever failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--locker-years", type=float, default=10)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    began = time.monotonic()
    tally, healthy = measure(asked.seed, asked.histories, asked.locker_years, asked.processes)
    figures = figures_of(tally) | {"healthy": healthy, "seed": asked.seed, "seconds": round(time.monotonic() - began)}
    print(json.dumps(figures, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if tally.errors else 0


def measure(seed: int, histories: int, locker_years: float, processes: int) -> tuple[Tally, dict[str, object]]:
    """Share the work out in parts whose seeds do not depend on how many processes there are."""
    part = 1000
    seeds = [seed * 1_000_000 + number for number in range(-(-histories // part))]
    weeks = round(locker_years * WEEKS_A_YEAR)
    tally, pages, minutes_seen = Tally(), Counter[str](), 0
    with ProcessPoolExecutor(processes) as pool:
        for each in pool.map(run, seeds, [min(part, histories)] * len(seeds)):
            tally.add(each)
        for week in pool.map(healthy_week, (f"{seed}/{number}" for number in range(weeks))):
            pages += week.pages
            minutes_seen += week.zone_minutes
    years = weeks / WEEKS_A_YEAR
    return tally, {
        "locker_years": round(years, 3),
        "zone_minutes": minutes_seen,
        "pages": dict(pages),
        "pages_per_10_locker_years": round(10 * pages.total() / years, 2) if years else None,
    }


def figures_of(tally: Tally) -> dict[str, object]:
    return {
        "worlds": tally.worlds,
        "histories": tally.histories,
        "truth": dict(tally.truth),
        "given": dict(tally.given),
        "errors": dict(tally.errors),
        "behind_a_bad_product_probe": dict(tally.behind),
        "unseeable": tally.unseeable,
        "examples": tally.examples,
    }


if __name__ == "__main__":
    sys.exit(main())
