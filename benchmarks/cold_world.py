"""Fridges as they truly are, and what their probes say: the truth that the judgement of food is held against.

A model of its own, so that what judges and what is judged by are not one piece of code: two nodes (air, product) in
steps of 10 s, a day's curve outside, a thermostat, melting ice, openings, and what breaks. Constants vary from zone to
zone by up to a quarter; they are chosen so that a shut zone at 24 °C runs a third of the time and warms by 3 K an hour
without power. It judges nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Literal

from locker_protocol.cold_chain.minutes import Sampled
from locker_protocol.vocabulary import Zone

STEP_S = 10
STEPS_A_MINUTE = 6
PROBE_STEP_C = 0.0625
TARGET_C = {Zone.FROZEN: -20.0, Zone.CHILLED: 2.0, Zone.COOL: 12.5, Zone.AMBIENT: None}

# A door's 60 L hold 5.5 kJ less than the same air at 35 °C and 60 % humidity: about three such exchanges a minute.
DOOR_W_PER_K = 10.0

ProbeFault = Literal[
    "silent", "out_of_range", "magic", "stuck", "jumping", "noisy", "drifting", "swapped", "crossed", "too_good"
]


@dataclass(slots=True)
class Stretch:
    """Something that lasts, from a step to before another. `much` is °C, W/K or a share, as its kind has it."""

    start: int
    end: int
    much: float = 0.0

    def holds(self, step: int) -> bool:
        return self.start <= step < self.end


@dataclass(slots=True)
class Plight:
    """What happens to one zone."""

    openings: list[Stretch] = field(default_factory=list)
    defrosts: list[Stretch] = field(default_factory=list)
    weak: list[Stretch] = field(default_factory=list)  # the compressor gives this share of its power
    leaks: list[Stretch] = field(default_factory=list)  # more W/K through the gasket
    wrong: list[Stretch] = field(default_factory=list)  # the thermostat is set so many K off
    unheard: list[Stretch] = field(default_factory=list)  # no samples reach the gateway


@dataclass(slots=True)
class BadProbe:
    """A probe that does not say what is, from a step on."""

    fault: ProbeFault
    probe: Literal["air", "product"]
    start: int
    much: float = 0.0


@dataclass(slots=True)
class Truth:
    """What was in one zone, step by step, °C, and what went with it."""

    zone: Zone
    air: list[float]
    product: list[float]
    cooling: list[bool]
    defrosting: list[bool]
    open_steps: list[bool]
    heard: list[bool]


def weather(random: Random, steps: int) -> list[float]:
    """Give the lobby's temperature for each minute."""
    mean, swing, phase = random.uniform(14, 32), random.uniform(1, 6), random.uniform(0, math.tau)
    return [mean + swing * math.sin(phase + math.tau * minute / 1440) for minute in range(steps // STEPS_A_MINUTE + 1)]


def live_through(
    random: Random, zone: Zone, steps: int, lobby: Sequence[float], plight: Plight, *, begins_c: float | None = None
) -> Truth:
    """Let a zone live. `begins_c`: its product at first, else its target."""
    target = TARGET_C[zone]
    air_j, food_j = 20_000 * random.uniform(0.75, 1.25), 60_000 * random.uniform(0.75, 1.25)
    wall, door, food_w = (
        2.5 * random.uniform(0.8, 1.2),
        DOOR_W_PER_K * random.uniform(0.8, 1.2),
        15 * random.uniform(0.8, 1.2),
    )
    power_w = (260 if zone == Zone.FROZEN else 200) * random.uniform(0.9, 1.1)
    melter_w = 150.0 if zone == Zone.FROZEN else 0.0  # elsewhere ice melts by itself while the compressor rests
    opened, melting = _steps(plight.openings, steps), _steps(plight.defrosts, steps)
    changes = _changes(plight, steps)
    food = begins_c if begins_c is not None else lobby[0] if target is None else target
    air, on = food, False
    airs, foods, cooling = [0.0] * steps, [0.0] * steps, [False] * steps
    per_air, per_food = STEP_S / air_j, STEP_S / food_j
    for start, end in pairwise(changes):
        cold_w = 0.0 if target is None else power_w * min((s.much for s in plight.weak if s.holds(start)), default=1.0)
        through = wall + sum(s.much for s in plight.leaks if s.holds(start))
        at = (target or 0.0) + sum(s.much for s in plight.wrong if s.holds(start))
        high, low, melts = at + 0.8, at - 0.8, melting[start]
        for step in range(start, end):
            if air > high:
                on = True
            elif air < low:
                on = False
            out = lobby[step // STEPS_A_MINUTE]
            heat = through * (out - air) + food_w * (food - air)
            if opened[step]:
                heat += door * (out - air)
            if melts:
                heat += melter_w
            elif on and cold_w:
                heat -= cold_w
                cooling[step] = True
            air += per_air * heat
            food += per_food * food_w * (air - food)
            airs[step], foods[step] = air, food
    heard = [not unheard for unheard in _steps(plight.unheard, steps)]
    return Truth(zone, airs, foods, cooling, melting, opened, heard)


def _changes(plight: Plight, steps: int) -> list[int]:
    stretches = [*plight.defrosts, *plight.weak, *plight.leaks, *plight.wrong]
    inner = {edge for stretch in stretches for edge in (stretch.start, stretch.end) if 0 < edge < steps}
    return [0, *sorted(inner), steps]


def _steps(stretches: list[Stretch], steps: int) -> list[bool]:
    marked = [False] * steps
    for stretch in stretches:
        start, end = max(0, stretch.start), min(steps, stretch.end)
        marked[start:end] = [True] * max(0, end - start)
    return marked


def readings(
    random: Random, locker: Sequence[Truth], bad: Sequence[BadProbe], of: int
) -> tuple[list[float | None], list[float | None]]:
    """Give what the probes of zone number `of` say: each within a step and a half of what is, unless it is bad."""
    air, product = _well(random, locker[of].air), _well(random, locker[of].product)
    told: dict[str, list[float | None]] = {"air": list(air), "product": list(product)}
    for fault in bad:
        _spoil(random, told, locker, fault, of)
    return told["air"], told["product"]


def _well(random: Random, true: list[float]) -> list[float]:
    """Round to the probe's steps, with one step of noise each way."""
    noise = random.choices((-0.0625, 0.0, 0.0, 0.0625), k=len(true))
    return [round((value + wrong) * 16) / 16 for value, wrong in zip(true, noise, strict=True)]


def _spoil(  # noqa: C901, PLR0912 - a fault a case
    random: Random, told: dict[str, list[float | None]], locker: Sequence[Truth], fault: BadProbe, of: int
) -> None:
    values, start = told[fault.probe], fault.start
    later = range(start, len(values))
    match fault.fault:
        case "silent":
            values[start:] = [None] * len(later)
        case "out_of_range":
            values[start:] = [fault.much] * len(later)
        case "magic":
            values[start:] = [random.choice((85.0, 85.0, -127.0, 127.94)) for _ in later]
        case "stuck":
            values[start:] = [values[start]] * len(later)
        case "jumping":
            for step in later:
                if random.random() < 0.05:
                    values[step] = (values[step] or 0.0) + random.choice((-1, 1)) * random.uniform(12, 30)
        case "noisy":
            values[start:] = [(values[step] or 0.0) + random.gauss(0, fault.much) for step in later]
        case "drifting":
            values[start:] = [(values[step] or 0.0) + fault.much * (step - start) / 360 for step in later]
        case "swapped":
            told["air"][start:], told["product"][start:] = told["product"][start:], told["air"][start:]
        case "crossed":
            other = locker[(of + 1) % len(locker)]
            told["air"][start:] = list(_well(random, other.air)[start:])
            told["product"][start:] = list(_well(random, other.product)[start:])
        case "too_good":
            for each in told.values():
                each[start:] = [each[start]] * len(later)


def samples_of_minute(truth: Truth, air: list[float | None], product: list[float | None], minute: int) -> list[Sampled]:
    """Give what reached the gateway of a minute, counted from the world's beginning."""
    first = minute * STEPS_A_MINUTE
    return [
        Sampled(step * 10_000, air[step], product[step], truth.cooling[step], truth.defrosting[step])
        for step in range(first, first + STEPS_A_MINUTE)
        if truth.heard[step]
    ]
