"""A zone's cold, with two nodes and the machine that keeps it. Pure; time is civil. Figures: `docs/fridge.md`.

    C_air dTa/dt  = (U_wall + leak + doors) (Tout - Ta) + U_food (Tf - Ta) - machine
    C_food dTf/dt = U_food (Ta - Tf)

`Ta` air, `Tf` food (a probe in a gel pack, as a product would be), `Tout` the lobby through its day. A door that opens
lets its own air out at once and then lets through what its weight moves, as far as its compartment gives it on; what
is moist in that freezes on the evaporator. Solved by implicit Euler, stable at any step, so a demo day may run in
minutes. It never decides whether food may be eaten.
"""

from dataclasses import dataclass, field
from math import cos, pi

from firmware_sim.cold_machine import MAKES, Machine
from firmware_sim.humid_air import AIR_J_PER_KG_K, Air, air_at, brought_by, through_door_kg_s
from locker_protocol.bus_messages import ZoneReading
from locker_protocol.ids import RandomBytes
from locker_protocol.vocabulary import Zone

LOBBY_C, LOBBY_SWING_K, LOBBY_HUMIDITY = 24.0, 2.5, 0.55
DAY_MS = 86_400_000
HOTTEST_MS = 7 * 3_600_000  # 15:00 in China, in UTC
AIR_J_PER_K = 10_000.0  # air, liner, shelves and evaporator
FOOD_KG, FOOD_J_PER_KG_K = 16.0, 3_900.0
FOOD_W_PER_KG_K = 0.94
WITHOUT_FAN = 0.7
WALL_W_PER_K = 3.0
DOOR_M3, DOOR_WIDTH_M, DOOR_HEIGHT_M = 0.06, 0.4, 0.3
COMPARTMENT_KG_S = 0.008
INSIDE_HUMIDITY = 0.9
# Moist air brings at most so much more heat than dry air as warm; a smaller difference than this brings no frost.
MOST_LATENT, LEAST_DIFFERENCE_K = 3.0, 1.0
# An evaporator in air warmer than this is above zero: it drips, and does not freeze.
FREEZES_BELOW_C = 6.0
MAX_STEP_S = 10.0
MAX_STEPS = 2_200
# A thermostat needs short steps, or the compressor overshoots; after so long under it nothing earlier can be felt.
FORGOTTEN_AFTER_S = 6 * 3600.0
PROBE_STEP_C = 0.0625  # a DS18B20's
LOWEST_C, HIGHEST_C = -60.0, 90.0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What bears on a zone from outside: its open doors, the cabinet's power, heat in the room, a gasket that leaks."""

    open_doors: int = 0
    powered: bool = True
    hotter_k: float = 0.0
    leak_w_per_k: float = 0.0


USUAL = Circumstances()


@dataclass(slots=True)
class ZoneFridge:
    """One zone of one locker. A machine of `None`: it is not cooled."""

    zone: Zone
    machine: Machine | None
    air_c: float
    food_c: float
    food_kg: float = FOOD_KG
    lobby_c: float = LOBBY_C
    settled_at_ms: int | None = None
    _opened: int = field(default=0, repr=False)

    @property
    def compressor_on(self) -> bool:
        """It runs now."""
        return self.machine is not None and self.machine.compressor_on

    @property
    def defrosting(self) -> bool:
        """Its ice is being melted now."""
        return self.machine is not None and self.machine.defrosting

    def outside_c(self, civil_ms: int, hotter_k: float = 0.0) -> float:
        """The lobby at this time of day, `hotter_k` hotter than usual."""
        turn = 2 * pi * (civil_ms - HOTTEST_MS) / DAY_MS
        return self.lobby_c + hotter_k + LOBBY_SWING_K * cos(turn)

    def advance(self, civil_ms: int, around: Circumstances = USUAL) -> None:
        """Bring the zone up to `civil_ms` under these circumstances; a clock put back changes nothing."""
        before_ms, self.settled_at_ms = self.settled_at_ms, civil_ms
        if before_ms is None or civil_ms <= before_ms:
            return
        self._let_in(around, civil_ms)
        span_s = (civil_ms - before_ms) / 1000
        if around.powered and self.machine is not None and span_s > FORGOTTEN_AFTER_S:
            self._skip(span_s / FORGOTTEN_AFTER_S, civil_ms, around)
        else:
            self._run(span_s, civil_ms, around)

    def warm_by(self, kelvin: float) -> None:
        """Bring heat in: air and food warm alike."""
        self.air_c = _held(self.air_c + kelvin)
        self.food_c = _held(self.food_c + kelvin)

    def _skip(self, times: float, civil_ms: int, around: Circumstances) -> None:
        """Of a long time run only the end; what that used was used all the time."""
        assert self.machine is not None
        before_j = self.machine.used_j
        self._run(FORGOTTEN_AFTER_S, civil_ms, around)
        self.machine.used_j += (self.machine.used_j - before_j) * (times - 1)

    def _run(self, span_s: float, civil_ms: int, around: Circumstances) -> None:
        steps = min(MAX_STEPS, int(span_s / MAX_STEP_S) + 1)
        step_s = span_s / steps
        for left in range(steps, 0, -1):
            self._step(step_s, civil_ms - int(left * step_s * 1000), around)

    def _step(self, step_s: float, at_ms: int, around: Circumstances) -> None:
        outside_c = self.outside_c(at_ms, around.hotter_k)
        taken_w, fan_on = self._cooled(step_s, at_ms, outside_c, powered=around.powered)
        through = WALL_W_PER_K + self._through(step_s, outside_c, around, fan_on=fan_on)
        to_food = FOOD_W_PER_KG_K * self.food_kg * (1.0 if fan_on else WITHOUT_FAN)
        food_j, air_j = FOOD_J_PER_KG_K * self.food_kg / step_s, AIR_J_PER_K / step_s
        food, air = food_j + to_food, air_j + through + to_food
        from_air = air_j * self.air_c + through * outside_c - taken_w
        from_food = food_j * self.food_c
        self.air_c = _held((from_air * food + to_food * from_food) / (air * food - to_food**2))
        self.food_c = _held((from_food + to_food * self.air_c) / food)

    def _cooled(self, step_s: float, at_ms: int, outside_c: float, *, powered: bool) -> tuple[float, bool]:
        if self.machine is None:
            return 0.0, False
        self.machine.decide(self.air_c, at_ms, powered=powered)
        return self.machine.run(step_s, self.air_c, outside_c), self.machine.fan_on

    def _through(self, step_s: float, outside_c: float, around: Circumstances, *, fan_on: bool) -> float:
        """Watts a kelvin by air that goes in and out; its moisture counts as heat and becomes ice."""
        if not around.open_doors and not around.leak_w_per_k:
            return 0.0
        outside, inside = air_at(outside_c, LOBBY_HUMIDITY), self._inside()
        kg_s = around.leak_w_per_k / AIR_J_PER_KG_K
        if around.open_doors and outside_c != self.air_c:
            door_kg_s = through_door_kg_s(DOOR_WIDTH_M, DOOR_HEIGHT_M, outside, inside)
            given_on_kg_s = COMPARTMENT_KG_S * (1.0 if fan_on else WITHOUT_FAN)
            kg_s += around.open_doors / (1 / door_kg_s + 1 / given_on_kg_s)
        self._freeze(kg_s * step_s, outside, inside)
        return kg_s * AIR_J_PER_KG_K * (1 + _latent(outside, inside))

    def _let_in(self, around: Circumstances, civil_ms: int) -> None:
        """Each door that was opened just now let the cold air of its compartment fall out."""
        opened, self._opened = max(0, around.open_doors - self._opened), around.open_doors
        if opened:
            outside = air_at(self.outside_c(civil_ms, around.hotter_k), LOBBY_HUMIDITY)
            inside, volume_m3 = self._inside(), opened * DOOR_M3
            self.air_c = _held(self.air_c + brought_by(volume_m3, outside, inside) / AIR_J_PER_K)
            self._freeze(volume_m3 * outside.kg_per_m3, outside, inside)

    def _inside(self) -> Air:
        return air_at(self.air_c, INSIDE_HUMIDITY)

    def _freeze(self, kg: float, outside: Air, inside: Air) -> None:
        if self.machine is not None and self.air_c < FREEZES_BELOW_C:
            self.machine.ice_g += 1000 * kg * max(0.0, outside.moisture - inside.moisture)


def new_zone(zone: Zone) -> ZoneFridge:
    """A zone that has long been running."""
    make = MAKES.get(zone)
    machine = Machine(make, make.target_c) if make else None
    start_c = make.target_c if make else LOBBY_C
    return ZoneFridge(zone, machine, start_c, start_c)


def read_probes(fridge: ZoneFridge, random: RandomBytes) -> ZoneReading:
    """Sample both probes as real ones are read: in steps, and never twice quite the same."""
    air, food = (_probe(value, noise) for value, noise in zip((fridge.air_c, fridge.food_c), random(2), strict=True))
    return ZoneReading(fridge.zone, air, food)


def _probe(value_c: float, noise: int) -> float:
    return round((value_c + (noise % 3 - 1) * PROBE_STEP_C / 2) / PROBE_STEP_C) * PROBE_STEP_C


def _latent(outside: Air, inside: Air) -> float:
    """Heat of condensing beside each joule of warmth."""
    difference_k = outside.celsius - inside.celsius
    if difference_k < LEAST_DIFFERENCE_K:
        return 0.0
    dry_j = AIR_J_PER_KG_K * difference_k
    return min(MOST_LATENT, max(0.0, (outside.j_per_kg - inside.j_per_kg - dry_j) / dry_j))


def _held(value_c: float) -> float:
    return min(HIGHEST_C, max(LOWEST_C, value_c))
