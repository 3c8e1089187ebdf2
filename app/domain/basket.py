"""What may be ordered at all. Decides on the wish alone; what is left of stock and doors is taken in the database."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.errors import DomainError

MOST_OF_ONE = 99
MOST_LINES = 60


class Substitution(StrEnum):
    """What people want where something is short: asked once an order."""

    SIMILAR = "similar"
    REFUND = "refund"


class NothingInBasket(DomainError):
    """An order needs something to order."""

    code = "nothing_in_basket"
    status = 422


class QuantityAbsurd(DomainError):
    """Facts: `product`, `most`."""

    code = "quantity_absurd"
    status = 422


class TooManyLines(DomainError):
    """Facts: `most`."""

    code = "too_many_lines"
    status = 422


class IdempotencyKeyInvalid(DomainError):
    """A key has 8 to 128 visible ASCII characters."""

    code = "idempotency_key_invalid"
    status = 422


class IdempotencyKeyReused(DomainError):
    """The key belongs to another request of the same person."""

    code = "idempotency_key_reused"
    status = 422


class OrderCycleClosed(DomainError):
    """Orders for this run have ended. Fact: `order_by`, ISO 8601 UTC."""

    code = "order_cycle_closed"


class LiveGoods(DomainError):
    """Live animals are handed over at a staffed table only. Facts: the product."""

    code = "live_goods"


class ProductUnavailable(DomainError):
    """Not sold, or not for this run. Facts: `product`, and its names where it exists."""

    code = "product_unavailable"


class WindowFull(DomainError):
    """Everybody who may come in this window is coming."""

    code = "window_full"


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product of which fewer are left than were wanted."""

    product_id: str
    wanted: int
    left: int


class SoldOut(DomainError):
    """Facts: the first short product, `wanted`, `left`. `shortages` has all of them."""

    code = "sold_out"

    def __init__(self, shortages: Sequence[Shortage], **facts: str | int) -> None:
        first = shortages[0]
        super().__init__(**{"product": first.product_id, "wanted": first.wanted, "left": first.left, **facts})
        self.shortages = tuple(shortages)


@dataclass(frozen=True, slots=True)
class BasketLine:
    """So many of a product."""

    product_id: str
    quantity: int


def checked_basket(lines: Iterable[BasketLine]) -> Mapping[str, int]:
    """Add lines of the same product up, in the order of the products' ids. Raises what is wrong with the wish."""
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.product_id] = wanted.get(line.product_id, 0) + line.quantity
        if line.quantity < 1 or wanted[line.product_id] > MOST_OF_ONE:
            raise QuantityAbsurd(product=line.product_id, most=MOST_OF_ONE)
    if not wanted:
        raise NothingInBasket
    if len(wanted) > MOST_LINES:
        raise TooManyLines(most=MOST_LINES)
    return dict(sorted(wanted.items()))


def checked_key(key: str) -> str:
    """Give an idempotency key back. Raises IdempotencyKeyInvalid."""
    if not 8 <= len(key) <= 128 or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyInvalid
    return key


def request_hash(
    *,
    window_id: int,
    wanted: Mapping[str, int],
    low_door: bool,
    substitution: Substitution = Substitution.REFUND,
    guest_contact: str | None = None,
) -> bytes:
    """What makes two requests the same request."""
    asked = [window_id, wanted, low_door, substitution.value, *([guest_contact] if guest_contact else [])]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()


def refuse_late(*, order_by: datetime, now: datetime) -> None:
    """Refuse once orders have ended. Raises OrderCycleClosed."""
    if now >= order_by:
        raise OrderCycleClosed(order_by=order_by.isoformat())
