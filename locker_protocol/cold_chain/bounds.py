"""Between which temperatures a zone's air should stay, by what lies there.

Goods that stand in another zone than their own for some hours set no bounds for it. Decides nothing about food.
"""

from collections.abc import Iterable

from locker_protocol.cold_chain.policy import USUAL_CLASS, AirWarning, ClassPolicy, ColdPolicy
from locker_protocol.vocabulary import Zone


def bounds_of(policy: ColdPolicy, zone: Zone, food_classes: Iterable[str]) -> AirWarning:
    """Give the strictest bounds of the classes at home in `zone`; of the zone's usual class where none lies there.

    A class without a warning is bounded by its first quarantine lines, for as long as those allow.
    """
    usual = _known(policy, USUAL_CLASS[zone])
    lying = [rules for name in food_classes if (rules := policy.of(name)) is not None and _at_home(rules, usual)]
    bounds = [_bounds(rules) for rules in lying or [usual]]
    above = [each.above_c for each in bounds if each.above_c is not None]
    below = [each.below_c for each in bounds if each.below_c is not None]
    return AirWarning(min(above, default=None), max(below, default=None), min(each.for_s for each in bounds))


def _known(policy: ColdPolicy, food_class: str) -> ClassPolicy:
    rules = policy.of(food_class)
    if rules is None:
        raise LookupError(food_class)
    return rules


def _at_home(rules: ClassPolicy, usual: ClassPolicy) -> bool:
    return rules.target_low_c < usual.target_high_c and usual.target_low_c < rules.target_high_c


def _bounds(rules: ClassPolicy) -> AirWarning:
    if rules.warn is not None:
        return rules.warn
    above = [line for line in rules.quarantine if line.side == "above"]
    below = [line for line in rules.quarantine if line.side == "below"]
    return AirWarning(
        min((line.limit_c for line in above), default=None),
        max((line.limit_c for line in below), default=None),
        min((line.for_s for line in (*above, *below)), default=0),
    )
