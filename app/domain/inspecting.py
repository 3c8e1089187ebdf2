"""What staff decide about food that was kept shut: what stays in the bag, and what does not.

Decides what may be released: nothing whose discard line was crossed, and nothing that is too warm or too cold in the
hand of who looks. Never how warm it was before: its site knows that.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.domain.degrees import check_degrees, written
from app.domain.errors import DomainError
from locker_protocol.cold_chain.policy import ColdPolicy, Line


class QuarantineOver(DomainError):
    """Somebody decided before, or its site did."""

    code = "quarantine_over"


class KeptShut(DomainError):
    """This food is kept shut for food safety; nothing of it is handed out."""

    code = "kept_shut"


class DiscardLineCrossed(DomainError):
    """What is past its discard line is never released. Facts: `name_zh`, `name_en`."""

    code = "discard_line_crossed"


class ProbeOutside(DomainError):
    """Measured now, the food is not as cold as it has to be. Facts: `name_zh`, `name_en`, `degrees`, `limit`."""

    code = "probe_outside"


class NotInBag(DomainError):
    """A line is named that is not in this bag."""

    code = "not_in_bag"
    status = 422


@dataclass(frozen=True, slots=True)
class Kept:
    """A line that is to stay in the bag: what it is called, and by which classes it is judged."""

    name_zh: str
    name_en: str
    food_classes: frozenset[str]


def check_release(
    kept: Mapping[int, Kept], *, condemned: Collection[str], probe_c: float, policy: ColdPolicy
) -> list[str]:
    """The classes that stay in the bag. Raises DiscardLineCrossed, ProbeOutside or ProbeUnlikely."""
    check_degrees(probe_c)
    for line in kept.values():
        if line.food_classes & set(condemned):
            raise DiscardLineCrossed(name_zh=line.name_zh, name_en=line.name_en)
    for line in kept.values():
        for food_class in sorted(line.food_classes):
            if (limit := _outside(food_class, probe_c, policy)) is not None:
                facts = {"degrees": written(probe_c), "limit": written(limit)}
                raise ProbeOutside(name_zh=line.name_zh, name_en=line.name_en, **facts)
    return sorted({food_class for line in kept.values() for food_class in line.food_classes})


def _outside(food_class: str, probe_c: float, policy: ColdPolicy) -> float | None:
    """The limit that is passed now, if one is; for how long does not matter to who is to eat it."""
    rules = policy.of(food_class)
    lines: list[Line] = [] if rules is None else rules.quarantine
    for line in lines:
        if probe_c > line.limit_c if line.side == "above" else probe_c < line.limit_c:
            return line.limit_c
    return None
