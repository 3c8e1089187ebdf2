"""What the recall of a lot does to each order that has it, by where its bag is, and how much goes back.

Decides that goods still being picked are picked again from another lot; that an order whose bag waits to be handed out
is handed out no more; and that whoever has collected it gets the money of those goods and the word not to eat them. The
site shuts orders, not single bags, so an order goes back whole once any recalled bag of it could be collected.
"""

from collections.abc import Collection
from enum import StrEnum

from app.domain.errors import DomainError
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState

LONGEST_COUNT = 6


class RecallStep(StrEnum):
    """What is done with an order."""

    PICK_AGAIN = "pick_again"
    WITHDRAW = (
        "withdraw"  # its doors stay shut; the recalled goods' money goes back at once, the rest by the site's word
    )
    WARN = "warn"  # collected: money back, and "do not eat it"
    NOTHING = "nothing"  # nothing of it is or will be in anybody's hands


class RecallCountWrong(DomainError):
    """Another number of orders than was typed. Facts: `field`, `orders`."""

    code = "recall_count_wrong"


GOES_ON = frozenset({OrderState.PAID, OrderState.PACKED, OrderState.READY})
WAITS = frozenset({ParcelState.PACKED, ParcelState.LOADED, ParcelState.RESCUED})


def steps(order: OrderState, parcels: Collection[ParcelState]) -> frozenset[RecallStep]:
    """What to do with an order whose bags with the lot stand so; empty where there is nothing to do."""
    found = set()
    if order is OrderState.PAID and ParcelState.PLANNED in parcels:
        found.add(RecallStep.PICK_AGAIN)
    if order in GOES_ON and WAITS & set(parcels):
        found.add(RecallStep.WITHDRAW)
    if ParcelState.COLLECTED in parcels:
        found.add(RecallStep.WARN)
    return frozenset(found)


def amount_back(*, kept_minor: int, of_lot: int, packed: int) -> int:
    """Minor units of a line that go back: its pieces' share of what was kept for all packed, rounded up."""
    return -(-kept_minor * of_lot // packed)
