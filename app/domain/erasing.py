"""May somebody's account be erased now? Not while food or money of theirs is under way, and not while they work here.

Decides that and nothing else. What goes and what stays: `use_cases/people/erase_account.py` and docs/privacy.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.domain.errors import DomainError
from app.domain.roles import Role


class OrderUnderWay(DomainError):
    """An order is not over yet. Facts: `order_no`, and `until` when it is over at the latest, in its site's time."""

    code = "order_under_way"


class MoneyUnderWay(DomainError):
    """Money is still on its way back. Fact: `refund_no`."""

    code = "money_under_way"


class ClaimWaiting(DomainError):
    """Somebody still looks into what they claimed. Fact: `order_no`."""

    code = "claim_waiting"


class StaffAccount(DomainError):
    """Whoever works here keeps their account until an administrator ends that."""

    code = "staff_account"


class NotSure(DomainError):
    """Erasing cannot be undone, so it is asked for twice."""

    code = "not_sure"
    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """An order that is not over: until when its site keeps its food at the latest."""

    order_no: str
    until: datetime
    timezone: str


def refuse_erasing(role: Role, orders: Sequence[UnderWay], *, refunds: Sequence[str], claims: Sequence[str]) -> None:
    """Raises StaffAccount, OrderUnderWay for the order that takes longest, MoneyUnderWay, or ClaimWaiting."""
    if role is not Role.RESIDENT:
        raise StaffAccount
    if orders:
        last = max(orders, key=lambda each: each.until)
        raise OrderUnderWay(
            order_no=last.order_no, until=f"{last.until.astimezone(ZoneInfo(last.timezone)):%Y-%m-%d %H:%M}"
        )
    if refunds:
        raise MoneyUnderWay(refund_no=refunds[0])
    if claims:
        raise ClaimWaiting(order_no=claims[0])
