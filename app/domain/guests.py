"""Ordering without an account: how many orders may be made with a contact that nobody has shown to be theirs.

A guest is a browser. Their contact is only an address to write to: it opens nothing, and whoever confirmed the same
contact is somebody else. Money is the brake on messages, since none is sent before an order is paid; what is limited
here is what money does not: messages of orders that are paid and cancelled again, and goods held by nobody.
"""

from datetime import datetime, timedelta
from math import ceil

from app.domain.errors import DomainError

MOST_ORDERS = 3
WITHIN = timedelta(hours=24)
# Of a window's places unpaid guests hold at most this part, so that no script empties a building for its residents.
MOST_HELD_PERCENT = 50


class TooManyGuestOrders(DomainError):
    """Three orders a day, by contact and by browser, without signing in. Fact: `hours` until the next."""

    code = "too_many_guest_orders"
    status = 429


class GuestsHoldTooMuch(DomainError):
    """Many are about to pay for this window without an account; whoever signs in goes first."""

    code = "guests_hold_too_much"


def refuse_more_orders(made: int, first_at: datetime | None, *, now: datetime) -> None:
    """Raises TooManyGuestOrders when `made` orders, the first of them at `first_at`, were made within a day."""
    if made >= MOST_ORDERS and first_at is not None:
        raise TooManyGuestOrders(hours=max(1, ceil((first_at + WITHIN - now) / timedelta(hours=1))))


def refuse_more_holds(held: int, *, order_cap: int) -> None:
    """Raises GuestsHoldTooMuch when `held` places of a window wait for guests to pay. One place is always theirs."""
    if held >= max(1, ceil(order_cap * MOST_HELD_PERCENT / 100)):
        raise GuestsHoldTooMuch
