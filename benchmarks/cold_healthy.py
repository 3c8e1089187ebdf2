"""A week of a locker with which nothing is wrong: four zones, forty openings a day, weather, two visits, a restart.

Any alarm and any verdict but "fine" is a false page. The lobby stays between 10 and 34 °C.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from benchmarks.cold_world import STEPS_A_MINUTE, Plight, Stretch, Truth, live_through, readings, samples_of_minute
from locker_protocol.cold_chain import alarms, faults
from locker_protocol.cold_chain.bounds import bounds_of
from locker_protocol.cold_chain.judge import Exposure, begin, expose, verdict
from locker_protocol.cold_chain.minutes import Sampled, fold
from locker_protocol.cold_chain.policy import DEFAULT_POLICY
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import Zone

DAY = 1440
WEEK = 7 * DAY
VISITS = (6 * 60, 15 * 60)  # minutes of a day: breakfast and evening
OPENINGS_A_DAY = 40
LYING = {
    Zone.FROZEN: ("frozen",),
    Zone.CHILLED: ("chilled_strict", "chilled_tcs", "chilled_quality", "cool_sensitive", "ambient"),
    Zone.COOL: ("cool_sensitive", "ambient"),
    Zone.AMBIENT: ("ambient",),
}


@dataclass(slots=True)
class Week:
    """What was paged in how many minutes."""

    zone_minutes: int = 0
    judged_minutes: int = 0
    pages: Counter[str] = field(default_factory=Counter)


def healthy_week(name: str, *, days: int = 7) -> Week:
    """Watch one week; its name is its seed."""
    random = Random(name)
    steps = days * DAY * STEPS_A_MINUTE
    mean, swing, hottest = random.uniform(14, 30), random.uniform(1, 4), random.uniform(13, 17) / 24
    lobby = [mean + swing * math.cos(math.tau * (minute / DAY - hottest)) for minute in range(days * DAY + 1)]
    plights, loads = _plights(random, days)
    locker = [live_through(random, zone, steps, lobby, plights[zone]) for zone in Zone]
    restart = random.randrange(days * DAY)
    return _watched(random, locker, loads, restart)


def _plights(random: Random, days: int) -> tuple[dict[Zone, Plight], set[int]]:
    plights = {zone: Plight() for zone in Zone}
    loads: set[int] = set()
    for day in range(days):
        for opened in _openings(random):
            zone = random.choices(list(Zone), weights=(3, 11, 6, 3))[0]
            start = (day * DAY + opened) * STEPS_A_MINUTE + random.randrange(6)
            plights[zone].openings.append(Stretch(start, start + random.randint(1, 4)))
        for visit in VISITS:
            loads.update(_visit(random, plights, day * DAY + visit))
    for zone in (Zone.FROZEN, Zone.CHILLED, Zone.COOL):
        phase = random.randrange(8 * 60)
        for start in range(phase, days * DAY, 8 * 60):
            lasts = random.randint(15, 25)
            plights[zone].defrosts.append(Stretch(start * STEPS_A_MINUTE, (start + lasts) * STEPS_A_MINUTE))
    return plights, loads


def _openings(random: Random) -> list[int]:
    """Three quarters of the openings fall between 16:30 and 21:30, most of these in the first two hours."""
    rush = [int(990 + min(299, random.expovariate(1 / 80))) for _ in range(OPENINGS_A_DAY * 3 // 4)]
    return [*rush, *(random.randrange(7 * 60, 22 * 60) for _ in range(OPENINGS_A_DAY // 4))]


def _visit(random: Random, plights: dict[Zone, Plight], minute: int) -> Iterator[int]:
    """A driver opens each door of a zone for half a minute, one after the other."""
    for zone, doors in ((Zone.CHILLED, 8), (Zone.COOL, 4), (Zone.FROZEN, 3), (Zone.AMBIENT, 2)):
        for _ in range(doors):
            start = minute * STEPS_A_MINUTE
            plights[zone].openings.append(Stretch(start, start + random.randint(2, 5)))
            yield minute
            minute += 1


def _watched(random: Random, locker: list[Truth], loads: set[int], restart: int) -> Week:
    told = [readings(random, locker, [], zone) for zone in range(len(locker))]
    watches = {truth.zone: faults.SensorWatch() for truth in locker}
    zones = {truth.zone: alarms.ZoneWatch() for truth in locker}
    bounds = {truth.zone: bounds_of(DEFAULT_POLICY, truth.zone, LYING[truth.zone]) for truth in locker}
    exposures: dict[Zone, list[Exposure]] = {}
    week = Week()
    for number in range(len(locker[0].air) // STEPS_A_MINUTE):
        seen = {
            truth.zone: faults.Seen(number, _samples(truth, told[at], number, restart), _open_s(truth, number))
            for at, truth in enumerate(locker)
        }
        faults.watch(watches, seen)
        for zone, one in seen.items():
            minute = fold(number, one.samples, faults=watches[zone].faults, open_s=one.open_s) if one.samples else None
            week.zone_minutes += 1
            moves = alarms.watch_zone(
                zones[zone], number, minute, bounds=bounds[zone], policy=DEFAULT_POLICY, loaded=number in loads
            )
            week.pages.update(f"{zone} {move.alarm} {move.fault or ''}".strip() for move in moves if move.found)
            _judge(week, exposures, zone, minute, number)
    return week


def _judge(
    week: Week, exposures: dict[Zone, list[Exposure]], zone: Zone, minute: ZoneMinute | None, number: int
) -> None:
    """Each class is loaded at each evening's visit and lies until the next: a day, as long as any food may."""
    if number % DAY == VISITS[1] + 20 or zone not in exposures:
        exposures[zone] = [begin(food_class, number * 60_000) for food_class in LYING[zone]]
    before = exposures[zone]
    after = [expose(exposure, DEFAULT_POLICY, zone, minute, number) for exposure in before]
    exposures[zone] = after
    week.judged_minutes += len(after)
    for old, new in zip(before, after, strict=True):
        if new.quarantined_at != old.quarantined_at or new.discarded_at != old.discarded_at:
            week.pages[f"{zone} {new.food_class} {verdict(new, DEFAULT_POLICY).level}"] += 1


def _samples(
    truth: Truth, told: tuple[list[float | None], list[float | None]], number: int, restart: int
) -> list[Sampled]:
    """Two minutes are lost when the controller starts again, and its probes say 85 °C first, as their manual has it."""
    if restart <= number < restart + 2:
        return []
    samples = samples_of_minute(truth, *told, number)
    if number == restart + 2:
        samples[0] = Sampled(samples[0].at_ms, 85.0, 85.0, samples[0].cooling, samples[0].defrosting)
    return samples


def _open_s(truth: Truth, number: int) -> int:
    return 10 * truth.open_steps[number * STEPS_A_MINUTE : (number + 1) * STEPS_A_MINUTE].count(True)
