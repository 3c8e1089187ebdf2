"""Which lot a picker takes from: what expires first goes first.

Decides that a lot is good for a bag when its last good day is not before the day on which that bag's code ends: nothing
is handed out that expires while it waits behind its door. Never decides whether something is picked at all: pieces for
which no lot is left by our count are packed all the same, and are of no lot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.errors import DomainError


class LotNotForThis(DomainError):
    """It is of other goods, held, recalled, or expires too soon. Facts: `lot`."""

    code = "lot_not_for_this"


class LotShort(DomainError):
    """So many pieces of it can be in that line: by our count of the lot, or because the line has no more. Facts: `lot`,
    `left`.
    """

    code = "lot_short"


@dataclass(frozen=True, slots=True)
class LotLeft:
    """An open lot: its last good day, and pieces left by our count."""

    id: str
    code: str
    expires_on: date
    left: int


@dataclass(frozen=True, slots=True)
class Taken:
    """So many pieces of a lot; `by_hand`: a picker chose it."""

    lot_id: str
    quantity: int
    by_hand: bool = False


def first_expired_first(lots: Sequence[LotLeft], *, quantity: int, good_on: date) -> list[Taken]:
    """Pieces by lot, as far as lots go; `lots` in the order in which they came."""
    taken: list[Taken] = []
    for lot in sorted(
        (lot for lot in lots if lot.left > 0 and lot.expires_on >= good_on), key=lambda it: it.expires_on
    ):
        if quantity == 0:
            break
        pieces = min(lot.left, quantity)
        taken.append(Taken(lot.id, pieces))
        quantity -= pieces
    return taken


def as_chosen(lots: Sequence[LotLeft], *, code: str, chosen: int | None, quantity: int, good_on: date) -> list[Taken]:
    """`chosen` pieces of the lot a picker has in hand (`None`: as many as it has), the others first-expired-first.

    Raises LotNotForThis or LotShort.
    """
    lot = next((lot for lot in lots if lot.code == code and lot.expires_on >= good_on), None)
    if lot is None:
        raise LotNotForThis(lot=code)
    pieces = min(lot.left, quantity) if chosen is None else chosen
    if not 0 < pieces <= min(lot.left, quantity):
        raise LotShort(lot=code, left=min(lot.left, quantity))
    others = [other for other in lots if other is not lot]
    rest = first_expired_first(others, quantity=quantity - pieces, good_on=good_on)
    return [Taken(lot.id, pieces, by_hand=True), *rest]
