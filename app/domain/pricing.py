"""Prices as an operator types and changes them.

Decides what a typed amount means, and which prices move together: whoever changes the price of one and leaves the unit
price and the cap alone wants them to go with it. Never touches an order: those keep the price they were placed at.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from app.domain.errors import DomainError

DEAREST_MINOR = 100_000_000
MOST_STOCK = 100_000
AMOUNT = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,3})?")
WHOLE = re.compile(r"[0-9]{1,9}")


class AmountUnreadable(DomainError):
    """No amount of money above zero. Fact: `field`."""

    code = "amount_unreadable"
    status = 422


class CountUnreadable(DomainError):
    """No whole number from 0 to 100,000. Facts: `field`, `most`."""

    code = "count_unreadable"
    status = 422


class CapBelowPrice(DomainError):
    """The most that is charged would be less than the price. Fact: `field`."""

    code = "cap_below_price"
    status = 422


@dataclass(frozen=True, slots=True)
class Prices:
    """What a product costs, in minor units: one, a legal unit of it, and at most where its weight counts."""

    price_minor: int
    unit_price_minor: int | None
    cap_minor: int | None


def read_amount(text: str, *, digits: int, field: str) -> int:
    """Read `3.90` or `3,9` as minor units of a currency with so many digits. Raises AmountUnreadable."""
    text = text.strip()
    if AMOUNT.fullmatch(text) is None:
        raise AmountUnreadable(field=field)
    minor = Decimal(text.replace(",", ".")).scaleb(digits)
    if minor != minor.to_integral_value() or not 0 < minor <= DEAREST_MINOR:
        raise AmountUnreadable(field=field)
    return int(minor)


def read_count(text: str, *, field: str) -> int:
    """Read how many. Raises CountUnreadable."""
    if WHOLE.fullmatch(text.strip()) is None or int(text) > MOST_STOCK:
        raise CountUnreadable(field=field, most=MOST_STOCK)
    return int(text)


def agreed(before: Prices, wanted: Prices) -> Prices:
    """What shall be charged. Raises CapBelowPrice."""
    unit, cap = wanted.unit_price_minor, wanted.cap_minor
    if wanted.price_minor != before.price_minor:
        if unit is not None and unit == before.unit_price_minor:
            unit = _moved(unit, before, wanted)
        if cap is not None and cap == before.cap_minor:
            cap = _moved(cap, before, wanted)
    if cap is not None and cap < wanted.price_minor:
        raise CapBelowPrice(field="cap")
    return Prices(wanted.price_minor, unit, cap)


def _moved(minor: int, before: Prices, wanted: Prices) -> int:
    exact = Decimal(minor) * wanted.price_minor / before.price_minor
    return max(1, int(exact.to_integral_value(ROUND_HALF_UP)))
