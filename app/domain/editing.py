"""What a paid order may become until its cut-off, and what that costs.

Decides on values alone. What was ordered keeps its price; pieces that are added cost what they cost today, so a product
may stand in an order at two prices. Pieces that are taken out are the dearest ones. What is not sold any more may stay
or go, and never becomes more. Whether goods, doors and a place are left is decided where they are taken.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.basket import ProductUnavailable
from app.domain.errors import DomainError
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from locker_protocol.vocabulary import SizeClass, Zone


class EditClosed(DomainError):
    """Orders for its run have closed. Fact: `order_by`, ISO 8601 UTC."""

    code = "edit_closed"


class NotToBeEdited(DomainError):
    """Only an order that is paid and not packed can be changed. Fact: `state`."""

    code = "not_to_be_edited"


class PickingBegan(DomainError):
    """A picker holds its goods in hand already."""

    code = "picking_began"


class MovedOrder(DomainError):
    """It was moved to another van and has the goods of the first one."""

    code = "moved_order"


class PartlyRefunded(DomainError):
    """Money of one of its lines went back by hand; what is left of it cannot be counted anew."""

    code = "partly_refunded"


class NothingChanged(DomainError):
    """The order is like that already."""

    code = "nothing_changed"
    status = 422


class TooManyEdits(DomainError):
    """Its bags have no number left."""

    code = "too_many_edits"


class EditMeanwhile(DomainError):
    """The order, or the price of what is added, is not any more what it was when the edit was asked for."""

    code = "edit_meanwhile"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an order stands before it is changed."""

    state: OrderState
    order_by: datetime
    moved: bool
    picked: bool
    refunded: bool
    parcels: frozenset[ParcelState]


@dataclass(frozen=True, slots=True, order=True)
class EditedLine:
    """A product at one price, in minor units: how many there were, and how many there shall be."""

    product_id: str
    price_minor: int
    before: int
    after: int

    @property
    def difference_minor(self) -> int:
        """What it costs more; below zero: what goes back."""
        return (self.after - self.before) * self.price_minor


def refuse_uneditable(standing: Standing, *, now: datetime) -> None:
    """Raises NotToBeEdited, PickingBegan, EditClosed, MovedOrder or PartlyRefunded, the first that holds."""
    if standing.state is not OrderState.PAID:
        raise NotToBeEdited(state=standing.state.value)
    if standing.picked or not standing.parcels <= {ParcelState.PLANNED, ParcelState.CANCELLED}:
        raise PickingBegan
    if now >= standing.order_by:
        raise EditClosed(order_by=standing.order_by.isoformat())
    if standing.moved:
        raise MovedOrder
    if standing.refunded:
        raise PartlyRefunded


def revise(
    before: Mapping[tuple[str, int], int], wanted: Mapping[str, int], prices: Mapping[str, int]
) -> tuple[EditedLine, ...]:
    """Compare an order, pieces by product and price, with what is wanted by product. Raises ProductUnavailable.

    `prices`: minor units of one piece today, of what is sold.
    """
    lines: list[EditedLine] = []
    for product_id in sorted({product_id for product_id, _ in before} | set(wanted)):
        had = {price: count for (of, price), count in before.items() if of == product_id}
        lines += _revise_one(product_id, had, wanted.get(product_id, 0), prices.get(product_id))
    return tuple(sorted(lines))


def _revise_one(product_id: str, had: Mapping[int, int], wanted: int, price: int | None) -> Iterable[EditedLine]:
    after = dict(had)
    extra = wanted - sum(had.values())
    if extra > 0:
        if price is None:
            raise ProductUnavailable(product=product_id)
        after[price] = after.get(price, 0) + extra
    for dearest in sorted(had, reverse=True):
        out = min(max(0, -extra), had[dearest])
        after[dearest] -= out
        extra += out
    return [EditedLine(product_id, each, had.get(each, 0), count) for each, count in after.items()]


def difference_minor(lines: Iterable[EditedLine]) -> int:
    """What all of it costs more; below zero: what goes back."""
    return sum(line.difference_minor for line in lines)


def total_minor(lines: Iterable[EditedLine]) -> int:
    """What the order comes to afterwards."""
    return sum(line.after * line.price_minor for line in lines)


def match_bags(
    old: Sequence[tuple[str, Zone, SizeClass]], new: Sequence[tuple[Zone, SizeClass]]
) -> tuple[list[str | None], list[str]]:
    """Which bag each new parcel takes over (`None`: a new one), and which bags are not needed any more.

    A bag of the same zone and size first, then of the same zone, then any: a label that hangs already stays right.
    """
    free = list(old)
    taken: list[str | None] = [None] * len(new)
    for alike in (_same, _same_zone, _any):
        for place, wish in enumerate(new):
            found = next((bag for bag in free if taken[place] is None and alike(bag, wish)), None)
            if found is not None:
                taken[place] = found[0]
                free.remove(found)
    return taken, [bag_id for bag_id, _, _ in free]


def _same(bag: tuple[str, Zone, SizeClass], wish: tuple[Zone, SizeClass]) -> bool:
    return bag[1:] == wish


def _same_zone(bag: tuple[str, Zone, SizeClass], wish: tuple[Zone, SizeClass]) -> bool:
    return bag[1] == wish[0]


def _any(_bag: tuple[str, Zone, SizeClass], _wish: tuple[Zone, SizeClass]) -> bool:
    return True


def pieces(lines: Collection[EditedLine]) -> Mapping[str, int]:
    """How many of each product there are afterwards."""
    counted: dict[str, int] = {}
    for line in lines:
        if line.after:
            counted[line.product_id] = counted.get(line.product_id, 0) + line.after
    return counted
