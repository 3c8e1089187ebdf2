"""The same order again: what of it can be had now, and what is different.

Decides what goes into the basket and how each product differs: gone, fewer left, dearer, cheaper, or replaced by what
the person wants instead: something of its kind that is no dearer, only for those who chose "similar". Never orders.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Difference(StrEnum):
    """How a product of an earlier order is not what it was."""

    GONE = "gone"
    FEWER = "fewer"
    DEARER = "dearer"
    CHEAPER = "cheaper"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Before:
    """What was ordered of a product, and what one cost, in minor units."""

    product_id: str
    quantity: int
    price_minor: int


@dataclass(frozen=True, slots=True)
class Offered:
    """A product as it is sold now for a run; `kind`: what may stand for one another."""

    product_id: str
    price_minor: int
    left: int
    kind: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Changed:
    """One difference; `other_id` is the replacement's product."""

    product_id: str
    difference: Difference
    before: int
    now: int
    other_id: str = ""


def again(
    before: Sequence[Before], offered: Mapping[str, Offered], kinds: Mapping[str, tuple[str, str]], *, similar: bool
) -> tuple[dict[str, int], list[Changed]]:
    """What to put into the basket, by product, and what is different. `kinds`: of what was ordered, sold or not."""
    basket: dict[str, int] = {}
    changes: list[Changed] = []
    for line in before:
        now = offered.get(line.product_id)
        left = now.left if now else 0
        if now is not None and left > 0:
            basket[line.product_id] = min(line.quantity, left)
            changes += _differences(line, now)
            continue
        other = _instead(line, offered, kinds.get(line.product_id), basket) if similar else None
        if other is None:
            changes.append(Changed(line.product_id, Difference.GONE, line.quantity, 0))
        else:
            count = min(line.quantity, other.left)
            basket[other.product_id] = count
            changes.append(Changed(line.product_id, Difference.REPLACED, line.quantity, count, other.product_id))
    return basket, changes


def _differences(line: Before, now: Offered) -> list[Changed]:
    found: list[Changed] = []
    if now.left < line.quantity:
        found.append(Changed(line.product_id, Difference.FEWER, line.quantity, now.left))
    if now.price_minor != line.price_minor:
        way = Difference.DEARER if now.price_minor > line.price_minor else Difference.CHEAPER
        found.append(Changed(line.product_id, way, line.price_minor, now.price_minor))
    return found


def _instead(
    line: Before, offered: Mapping[str, Offered], kind: tuple[str, str] | None, taken: Mapping[str, int]
) -> Offered | None:
    """The one nearest in price among those of its kind that are no dearer."""
    fit = [
        one
        for one in offered.values()
        if one.kind == kind and one.left > 0 and one.price_minor <= line.price_minor and one.product_id not in taken
    ]
    return max(fit, key=lambda one: (one.price_minor, one.product_id), default=None)
