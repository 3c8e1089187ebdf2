"""A zone's cold, with two nodes, and the thermostat that keeps it. Pure; time is civil.

    C_air dTa/dt  = U_wall (Tout - Ta) + U_door n (Tout - Ta) + U_food (Tf - Ta) - P on
    C_food dTf/dt = U_food (Ta - Tf)

`Ta` air, `Tf` food (a probe in a gel pack, as a product would be), `Tout` the lobby, `n` open doors, `on` the
compressor, which starts `BAND_K` above its target and stops `BAND_K` below. Solved by implicit Euler, stable at any
step, so a demo day may run in minutes. The constants are chosen, not measured: a shut chilled column at 24 °C runs its
compressor about a quarter of the time and five times an hour; a door open for a minute warms its air by 4 K and its
food by a tenth. It never decides whether food may be eaten.
"""

from dataclasses import dataclass

from locker_protocol.bus_messages import ZoneReading
from locker_protocol.ids import RandomBytes
from locker_protocol.vocabulary import Zone

TARGET_C: dict[Zone, float | None] = {
    Zone.FROZEN: -20.0,
    Zone.CHILLED: 2.0,
    Zone.COOL: 12.5,
    Zone.AMBIENT: None,
}
LOBBY_C = 24.0
BAND_K = 0.8
AIR_J_PER_K = 20_000.0  # air, liner, shelves and evaporator
FOOD_J_PER_K = 60_000.0  # about 17 kg of produce
WALL_W_PER_K = 2.5
DOOR_W_PER_K = 60.0
FOOD_W_PER_K = 15.0
COMPRESSOR_W = 200.0
MAX_STEP_S = 10.0
MAX_STEPS = 2200
# A thermostat needs short steps, or the compressor overshoots; after so long under it nothing earlier can be felt.
FORGOTTEN_AFTER_S = 6 * 3600.0
PROBE_STEP_C = 0.0625  # a DS18B20's
LOWEST_C, HIGHEST_C = -60.0, 90.0


@dataclass(slots=True)
class ZoneFridge:
    """One zone of one locker. `target_c` of `None`: no compressor."""

    zone: Zone
    target_c: float | None
    air_c: float
    food_c: float
    lobby_c: float = LOBBY_C
    compressor_on: bool = False
    settled_at_ms: int | None = None

    def advance(self, civil_ms: int, *, open_doors: int, powered: bool) -> None:
        """Bring the zone up to `civil_ms` under the given circumstances; a clock put back changes nothing."""
        before_ms, self.settled_at_ms = self.settled_at_ms, civil_ms
        if before_ms is None or civil_ms <= before_ms:
            return
        span_s = (civil_ms - before_ms) / 1000
        if powered and self.target_c is not None:
            span_s = min(span_s, FORGOTTEN_AFTER_S)
        steps = min(MAX_STEPS, int(span_s / MAX_STEP_S) + 1)
        for _ in range(steps):
            self._step(span_s / steps, open_doors, powered=powered)

    def warm_by(self, kelvin: float) -> None:
        """Bring heat in: air and food warm alike."""
        self.air_c = _held(self.air_c + kelvin)
        self.food_c = _held(self.food_c + kelvin)

    def _step(self, step_s: float, open_doors: int, *, powered: bool) -> None:
        self._thermostat(powered=powered)
        outside = WALL_W_PER_K + DOOR_W_PER_K * open_doors
        taken_w = COMPRESSOR_W if self.compressor_on else 0.0
        food = FOOD_J_PER_K / step_s + FOOD_W_PER_K
        air = AIR_J_PER_K / step_s + outside + FOOD_W_PER_K
        from_air = AIR_J_PER_K / step_s * self.air_c + outside * self.lobby_c - taken_w
        from_food = FOOD_J_PER_K / step_s * self.food_c
        self.air_c = (from_air * food + FOOD_W_PER_K * from_food) / (air * food - FOOD_W_PER_K**2)
        self.food_c = (from_food + FOOD_W_PER_K * self.air_c) / food

    def _thermostat(self, *, powered: bool) -> None:
        if self.target_c is None or not powered:
            self.compressor_on = False
        elif self.air_c > self.target_c + BAND_K:
            self.compressor_on = True
        elif self.air_c < self.target_c - BAND_K:
            self.compressor_on = False


def new_zone(zone: Zone) -> ZoneFridge:
    """A zone that has long been running."""
    target_c = TARGET_C[zone]
    start_c = LOBBY_C if target_c is None else target_c
    return ZoneFridge(zone, target_c, start_c, start_c)


def read_probes(fridge: ZoneFridge, random: RandomBytes) -> ZoneReading:
    """Sample both probes as real ones are read: in steps, and never twice quite the same."""
    air, food = (_probe(value, noise) for value, noise in zip((fridge.air_c, fridge.food_c), random(2), strict=True))
    return ZoneReading(fridge.zone, air, food)


def _probe(value_c: float, noise: int) -> float:
    return round((value_c + (noise % 3 - 1) * PROBE_STEP_C / 2) / PROBE_STEP_C) * PROBE_STEP_C


def _held(value_c: float) -> float:
    return min(HIGHEST_C, max(LOWEST_C, value_c))
