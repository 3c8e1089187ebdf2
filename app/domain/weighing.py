"""What a weighing means: whether it can be right, whether the scale may weigh for trade, and how light is too light.

Decides on grams. Money follows in `picking.py`.
"""

from collections.abc import Collection
from datetime import date

from app.domain.errors import DomainError

# More than this many times what was expected is a typing mistake or another product.
MOST_TIMES = 3

# How many grams a weighed portion may lack: (up to grams, grams). Goods of plants, and what costs up to ¥6 a kilogram;
# then meat, poultry, eggs and fish. Source: SAMR's Measures on weighing in retail trade (order 66 of 2004), table 1.
TOLERANCES_OF_PLANTS = ((1_000, 20), (2_000, 40), (4_000, 80), (25_000, 100))
TOLERANCES_OF_ANIMALS = ((2_500, 5), (10_000, 10), (15_000, 15))
PLANTS = frozenset({"ambient", "cool_sensitive", "chilled_quality"})


class WeightAbsurd(DomainError):
    """Nothing is left without the tare, or far too much. Facts: `net_g`, `most_g`."""

    code = "weight_absurd"
    status = 422


class NotSoldByWeight(DomainError):
    """It is counted; a scale says nothing about its price."""

    code = "not_sold_by_weight"


class ScaleUnknown(DomainError):
    """No scale of ours has this number. Fact: `scale`."""

    code = "scale_unknown"
    status = 422


class ScaleNotVerified(DomainError):
    """Its verification has ended, so it may not weigh for trade. Facts: `scale`, `until` (an ISO date)."""

    code = "scale_not_verified"


def checked_net_g(*, gross_g: int, tare_g: int, expected_g: int) -> int:
    """Grams without the tare. Raises WeightAbsurd when they cannot be right."""
    net, most = gross_g - tare_g, MOST_TIMES * expected_g
    if tare_g < 0 or not 0 < net <= most:
        raise WeightAbsurd(net_g=net, most_g=most)
    return net


def refuse_unverified(scale: str, *, verified_until: date, today: date) -> None:
    """Refuse a scale whose verification has ended; its last day still counts. Raises ScaleNotVerified."""
    if today > verified_until:
        raise ScaleNotVerified(scale=scale, until=verified_until.isoformat())


def tolerance_g(declared_g: int, *, food_class: str) -> int:
    """Grams that a portion sold as `declared_g` may lack."""
    tiers: Collection[tuple[int, int]] = TOLERANCES_OF_PLANTS if food_class in PLANTS else TOLERANCES_OF_ANIMALS
    return next((grams for up_to, grams in tiers if declared_g <= up_to), max(grams for _, grams in tiers))
