"""Random worlds: two zones of a locker for an afternoon, what breaks in them, and the food that lies there.

Durations and strengths are drawn so that lines are crossed often, hardly, and not quite.
"""

from dataclasses import dataclass
from random import Random

from benchmarks.cold_labels import Food, Stay
from benchmarks.cold_world import TARGET_C, BadProbe, Plight, ProbeFault, Stretch, Truth, live_through, weather
from locker_protocol.vocabulary import Zone

MINUTE = 6  # steps
PROBE_FAULTS: tuple[ProbeFault, ...] = (
    "silent",
    "out_of_range",
    "magic",
    "stuck",
    "stuck",
    "jumping",
    "noisy",
    "drifting",
    "swapped",
    "crossed",
    "too_good",
)
AT_HOME = {
    Zone.FROZEN: ("frozen",),
    Zone.CHILLED: ("chilled_strict", "chilled_tcs", "chilled_tcs", "chilled_quality", "cool_sensitive", "ambient"),
    Zone.COOL: ("cool_sensitive", "cool_sensitive", "chilled_quality", "ambient"),
    Zone.AMBIENT: ("ambient",),
}


@dataclass(slots=True)
class World:
    """What truly was, and which probes lied."""

    locker: list[Truth]
    bad: dict[int, list[BadProbe]]

    def bad_of(self, zone: int) -> list[BadProbe]:
        return self.bad.get(zone, [])

    def bad_product_probes(self) -> dict[int, BadProbe]:
        return {zone: fault for zone, faults in self.bad.items() for fault in faults if fault.probe == "product"}

    def may_hide_what_is_well(self) -> bool:
        """Say whether a probe is bad in a way that may rightly make good minutes unknown, from nobody knows when on.

        An air probe that drifts away from a good product probe does so too: nobody can tell which of them it is.
        """
        return any(
            fault.fault == "drifting"
            or (fault.probe == "product" and fault.fault not in {"silent", "out_of_range", "magic"})
            for faults in self.bad.values()
            for fault in faults
        )

    def foods(self, random: Random, number: int) -> list[Food]:
        return [self._food(random) for _ in range(number)]

    def _food(self, random: Random) -> Food:
        steps = len(self.locker[0].air)
        zone = 0 if random.random() < 0.7 else 1
        food_class = random.choice(AT_HOME[self.locker[zone].zone])
        loaded = random.randrange(MINUTE, steps // 3)
        since = max(0, loaded - random.choice((0, 1, 30, 60, 80, 150)))
        until = random.randrange(loaded + 2 * MINUTE, steps) if random.random() < 0.6 else steps
        if random.random() < 0.15 and self.locker[0].zone != Zone.FROZEN != self.locker[1].zone:
            moved = random.randrange(loaded + 1, until)
            return Food(food_class, since, (Stay(zone, loaded, moved), Stay(1 - zone, moved, until)))
        return Food(food_class, since, (Stay(zone, loaded, until),))


def random_world(random: Random) -> World:
    """Make a locker's afternoon."""
    steps = MINUTE * random.choice((90, 150, 240, 240, 360, 480, 720))
    zones = random.choices(list(Zone), weights=(3, 10, 3, 1), k=1)
    zones += random.sample([zone for zone in Zone if zone not in zones], 1)
    lobby = weather(random, steps)
    bad = _bad_probes(random, steps) if random.random() < 0.35 else {}
    # A probe that lies matters most where something else is wrong as well.
    dies_at = bad[0][0].start - random.randrange(120 * MINUTE) if bad and random.random() < 0.5 else None
    locker = [_zone(random, zones[0], steps, lobby, dies_at), _zone(random, zones[1], steps, lobby, None)]
    return World(locker, bad)


def _zone(random: Random, zone: Zone, steps: int, lobby: list[float], dies_at: int | None) -> Truth:
    plight = Plight(openings=_openings(random, steps))
    if dies_at is not None:
        plight.weak.append(Stretch(max(0, dies_at), steps))
    if random.random() < 0.4 and zone != Zone.AMBIENT:
        begins = random.randrange(steps)
        plight.defrosts.append(Stretch(begins, begins + 25 * MINUTE))
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        _break(random, plight, steps)
    target = TARGET_C[zone]
    begins_c = None if target is None else target + random.choice((0.0, 0.0, 0.0, random.uniform(-2, 4)))
    return live_through(random, zone, steps, lobby, plight, begins_c=begins_c)


def _openings(random: Random, steps: int) -> list[Stretch]:
    each = [random.randrange(steps) for _ in range(int(random.expovariate(1 / 6)))]
    return [Stretch(start, start + random.randint(1, 4)) for start in each]


def _break(random: Random, plight: Plight, steps: int) -> None:
    start = random.randrange(steps) if random.random() < 0.7 else 0
    end = start + int(MINUTE * random.choice((5, 14, 16, 31, 65, 125, 250, 700)) * random.uniform(0.8, 1.3))
    stretch = Stretch(start, end)
    match random.choice(("power", "power_unheard", "dead", "weak", "leak", "wrong", "open", "unheard", "heat")):
        case "power" | "dead":
            plight.weak.append(stretch)
        case "power_unheard":
            plight.weak.append(stretch)
            plight.unheard.append(stretch)
        case "weak":
            plight.weak.append(Stretch(start, steps, random.uniform(0.05, 0.5)))
        case "leak":
            plight.leaks.append(Stretch(start, steps, random.uniform(3, 40)))
        case "wrong":
            plight.wrong.append(Stretch(start, end, random.choice((-8, -4, 2, 3, 4, 8, 20))))
        case "open":
            plight.openings.append(stretch)
        case "unheard":
            plight.unheard.append(stretch)
        case _:
            plight.weak.append(stretch)
            plight.leaks.append(Stretch(start, end, random.uniform(20, 80)))


def _bad_probes(random: Random, steps: int) -> dict[int, list[BadProbe]]:
    fault = random.choice(PROBE_FAULTS)
    start = random.randrange(1, steps)
    match fault:
        case "too_good" | "crossed":
            return {zone: [BadProbe(fault, "product", start)] for zone in (0, 1)}
        case "swapped":
            return {0: [BadProbe(fault, "product", start)]}
        case "out_of_range":
            much = random.choice((-50.0, 70.0, 99.0))
        case "drifting":
            much = random.choice((-3.0, -1.5, -0.5, 1.0))
        case _:
            much = random.uniform(1.5, 4)
    return {0: [BadProbe(fault, "product" if random.random() < 0.7 else "air", start, much)]}
