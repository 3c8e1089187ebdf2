"""What makes a zone cold, pure: compressor, fan, defrost and what they draw. It knows its own air and nothing of food.

A thermostat starts the compressor a band above its target and stops it a band below, but lets it neither run nor rest
for less than `LEAST_S`. Ice on the evaporator costs capacity until a defrost melts it. Figures: `docs/fridge.md`.
"""

from dataclasses import dataclass
from typing import Literal

from firmware_sim.humid_air import MELT_J_PER_G
from locker_protocol.vocabulary import Zone

LEAST_S = 150.0
DEFROST_EVERY_MS = 8 * 3_600_000
# Power that came back finds warm food: no defrost for the first hours.
DEFROST_AFTER_POWER_MS = 4 * 3_600_000
DEFROST_LEAST_S, DEFROST_MOST_S = 600.0, 1_500.0
RATED_AT_C = 25.0
LESS_PER_K = 0.01
ICE_BLOCKS_G = 800.0
BLOCKED = 0.6
WITHOUT_FAN = 0.35
FAN_W = 6.0
HEATER_INTO_AIR = 0.15
THAW_W_PER_K = 12.0


@dataclass(frozen=True, slots=True)
class Make:
    """A machine as it is built: cooling and electric watts at 25 °C outside; a rail keeps door frames from sweating."""

    target_c: float
    cools_w: float
    draws_w: float
    band_k: float = 1.5
    defrost: Literal["heater", "rest"] | None = None
    heater_w: float = 0.0
    rail_w: float = 0.0
    first_defrost_ms: int = 0


MAKES: dict[Zone, Make] = {
    Zone.FROZEN: Make(-20.0, 300.0, 250.0, 2.0, "heater", 180.0, 20.0, 2 * 3_600_000),
    Zone.CHILLED: Make(2.0, 250.0, 125.0, 1.5, "rest", 0.0, 6.0, 4 * 3_600_000),
    Zone.COOL: Make(12.5, 200.0, 80.0),
}


@dataclass(slots=True)
class Machine:
    """A running machine. `strength` from 0 to 1 is what is left of its compressor, `off_by_k` a thermostat's error."""

    make: Make
    target_c: float
    compressor_on: bool = False
    defrosting: bool = False
    ice_g: float = 0.0
    used_j: float = 0.0
    strength: float = 1.0
    fan_turns: bool = True
    off_by_k: float = 0.0
    defrost_hangs: bool = False
    _since_s: float = LEAST_S
    _defrost_ms: int | None = None
    _had_power: bool = True

    @property
    def fan_on(self) -> bool:
        """The fan turns but when a heater melts ice."""
        return self.fan_turns and self._had_power and not (self.defrosting and self.make.defrost == "heater")

    def decide(self, air_c: float, at_ms: int, *, powered: bool) -> None:
        """Switch whatever is to be switched at this moment."""
        if powered and not self._had_power:
            self._defrost_ms = max(self._defrost_ms or 0, at_ms + DEFROST_AFTER_POWER_MS)
        self._had_power = powered
        if not powered:
            self._switch(compressor=False, defrost=False)
        elif self.defrosting:
            self._may_end_defrost()
        elif self._defrost_due(at_ms):
            self._switch(compressor=False, defrost=True)
        else:
            self._switch(compressor=self._wanted(air_c), defrost=False)

    def run(self, step_s: float, air_c: float, outside_c: float) -> float:
        """Run for so long; gives the watts taken out of the air, less those of fan and heater."""
        self._since_s += step_s
        if not self._had_power:
            return 0.0
        self.used_j += step_s * self._draws_w(outside_c)
        taken_w = self._cools_w(outside_c) - (FAN_W if self.fan_on else 0.0)
        return taken_w + (self._melt(step_s, air_c) if self.defrosting else 0.0)

    def _cools_w(self, outside_c: float) -> float:
        if not self.compressor_on:
            return 0.0
        iced = 1 - BLOCKED * min(1.0, self.ice_g / ICE_BLOCKS_G)
        aired = 1.0 if self.fan_on else WITHOUT_FAN
        return max(0.0, self.make.cools_w * self.strength * iced * aired * (1 - LESS_PER_K * (outside_c - RATED_AT_C)))

    def _draws_w(self, outside_c: float) -> float:
        compressor_w = self.make.draws_w * (1 + LESS_PER_K * (outside_c - RATED_AT_C)) if self.compressor_on else 0.0
        heater_w = self.make.heater_w if self.defrosting else 0.0
        return compressor_w + heater_w + (FAN_W if self.fan_on else 0.0) + self.make.rail_w

    def _melt(self, step_s: float, air_c: float) -> float:
        """Melt ice for a step; gives the watts this takes out of the air: below zero where a heater warms it."""
        if self.make.defrost == "heater":
            into_air_w = self.make.heater_w * HEATER_INTO_AIR
            self._lose_ice((self.make.heater_w - into_air_w) * step_s)
            return -into_air_w
        return self._lose_ice(THAW_W_PER_K * max(0.0, air_c) * step_s) / step_s

    def _lose_ice(self, heat_j: float) -> float:
        melted_g = min(self.ice_g, heat_j / MELT_J_PER_G)
        self.ice_g -= melted_g
        return melted_g * MELT_J_PER_G

    def _wanted(self, air_c: float) -> bool:
        target_c = self.target_c + self.off_by_k
        band_k = -self.make.band_k if self.compressor_on else self.make.band_k
        wanted = air_c > target_c + band_k
        return self.compressor_on if wanted != self.compressor_on and self._since_s < LEAST_S else wanted

    def _defrost_due(self, at_ms: int) -> bool:
        if self.make.defrost is None:
            return False
        if self._defrost_ms is None:
            self._defrost_ms = at_ms + self.make.first_defrost_ms
        if at_ms < self._defrost_ms:
            return False
        self._defrost_ms = at_ms + DEFROST_EVERY_MS
        return True

    def _may_end_defrost(self) -> None:
        melted = self.ice_g == 0 and self._since_s >= DEFROST_LEAST_S
        if (melted or self._since_s >= DEFROST_MOST_S) and not self.defrost_hangs:
            self._switch(compressor=False, defrost=False)

    def _switch(self, *, compressor: bool, defrost: bool) -> None:
        if (compressor, defrost) != (self.compressor_on, self.defrosting):
            self.compressor_on, self.defrosting, self._since_s = compressor, defrost, 0.0
