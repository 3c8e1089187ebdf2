"""Moist air at sea level, pure: what a litre of it carries, and how much passes an open door. It knows no fridge.

Saturation: Magnus in the form of the WMO's guide no. 8 (over ice below 0 °C). Enthalpy: the usual linear one, from dry
air and liquid water at 0 °C. The flow through a door: Gosney and Olama (1975), heavy air falling out below, light air
coming in above.
"""

from dataclasses import dataclass
from math import exp, sqrt

PRESSURE_PA = 101_325.0
AIR_J_PER_KG_K = 1_006.0
STEAM_J_PER_KG_K = 1_860.0
VAPORISE_J_PER_KG = 2_501_000.0
MELT_J_PER_G = 334.0
GRAVITY = 9.81


@dataclass(frozen=True, slots=True)
class Air:
    """`moisture`: kilograms of water in a kilogram of dry air."""

    celsius: float
    moisture: float

    @property
    def kg_per_m3(self) -> float:
        """Density, its moisture left out of account."""
        return 353.0 / (273.15 + self.celsius)

    @property
    def j_per_kg(self) -> float:
        """Enthalpy."""
        return AIR_J_PER_KG_K * self.celsius + self.moisture * (VAPORISE_J_PER_KG + STEAM_J_PER_KG_K * self.celsius)


def air_at(celsius: float, humidity: float) -> Air:
    """Air of a relative humidity from 0 to 1."""
    steam_pa = humidity * _saturation_pa(celsius)
    return Air(celsius, 0.622 * steam_pa / (PRESSURE_PA - steam_pa))


def brought_by(volume_m3: float, outside: Air, inside: Air) -> float:
    """Joules that so much outside air brings where it takes the place of inside air, condensing included."""
    return volume_m3 * outside.kg_per_m3 * (outside.j_per_kg - inside.j_per_kg)


def through_door_kg_s(width_m: float, height_m: float, outside: Air, inside: Air) -> float:
    """Air that changes places through an open door, by its own weight alone."""
    light, heavy = sorted((outside.kg_per_m3, inside.kg_per_m3))
    middle = float((2 / (1 + (light / heavy) ** (1 / 3))) ** 1.5)
    flow_m3_s = 0.221 * width_m * height_m * sqrt(GRAVITY * height_m * (1 - light / heavy)) * middle
    return flow_m3_s * outside.kg_per_m3


def _saturation_pa(celsius: float) -> float:
    if celsius < 0:
        return 611.2 * exp(22.46 * celsius / (272.62 + celsius))
    return 611.2 * exp(17.62 * celsius / (243.12 + celsius))
