"""Orders at risk: what may go wrong for somebody unless an operator acts, the worst first.

Decides when a matter is a risk, and which of several comes first. Never what to do: the page offers that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class RiskKind(StrEnum):
    """What is at risk. The order of the words is their rank: food first, then money, then tonight's promises."""

    FOOD_SAFE_ENDS = "food_safe_ends"
    REFUND_FAILED = "refund_failed"
    EXPIRING_SILENT = "expiring_silent"
    NOT_LOADED = "not_loaded"
    NOT_PACKED = "not_packed"
    REFUND_LATE = "refund_late"
    PAYMENT_UNCLEAR = "payment_unclear"
    DOORS_SHORT = "doors_short"
    NO_DOOR = "no_door"
    NOT_COLLECTED = "not_collected"


# How long after (or, below zero, before) its moment a matter becomes a risk. The moment of each is in `db.pages.risks`.
# Trade knowledge (K): two hours are what a keeper needs to fetch a bag, one what a packer needs for the last orders.
PATIENCE: Mapping[RiskKind, timedelta] = {
    RiskKind.FOOD_SAFE_ENDS: -timedelta(hours=2),
    RiskKind.REFUND_FAILED: timedelta(),
    RiskKind.EXPIRING_SILENT: timedelta(minutes=2),
    RiskKind.NOT_LOADED: timedelta(),
    RiskKind.NOT_PACKED: -timedelta(hours=1),
    RiskKind.REFUND_LATE: timedelta(minutes=15),
    RiskKind.PAYMENT_UNCLEAR: timedelta(minutes=30),
    RiskKind.DOORS_SHORT: -timedelta(hours=24),
    RiskKind.NO_DOOR: -timedelta(hours=24),
    RiskKind.NOT_COLLECTED: timedelta(),
}
RANK = {kind: rank for rank, kind in enumerate(RiskKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One thing that might be a risk, and the moment it turns on. `about` is the order, or the run, it belongs to."""

    kind: RiskKind
    about: str
    moment: datetime
    site_id: str
    amount_minor: int = 0
    currency: str = ""
    order_no: str | None = None
    detail: str = ""  # a refund's number, a zone and size, a door: what the page says beside it
    count: int = 0


@dataclass(frozen=True, slots=True)
class Risk:
    """All that is at risk of one order or run: its worst matter, and what else is the matter with it."""

    worst: Matter
    others: Sequence[Matter]

    @property
    def since(self) -> datetime:
        """When it became a risk."""
        return at_risk_from(self.worst)


def looked_for_until(kind: RiskKind, now: datetime) -> datetime:
    """Up to which moment a matter of this kind is a risk now."""
    return now - PATIENCE[kind]


def at_risk_from(matter: Matter) -> datetime:
    """When it becomes a risk."""
    return matter.moment + PATIENCE[matter.kind]


def at_risk(matters: Iterable[Matter], *, now: datetime) -> list[Risk]:
    """One risk for each order or run that has a matter due: the worst kind first, of a kind the longest waiting."""
    by_subject: dict[str, list[Matter]] = {}
    for matter in sorted(matters, key=lambda one: (RANK[one.kind], one.moment)):
        if at_risk_from(matter) <= now:
            by_subject.setdefault(matter.about, []).append(matter)
    risks = [Risk(worst, others) for worst, *others in by_subject.values()]
    return sorted(risks, key=lambda risk: (RANK[risk.worst.kind], risk.worst.moment))


def money_at_risk(risks: Iterable[Risk]) -> dict[str, int]:
    """Minor units at risk by currency; an order counts once."""
    sums: dict[str, int] = {}
    for risk in risks:
        largest = max((risk.worst, *risk.others), key=lambda matter: matter.amount_minor)
        if largest.amount_minor:
            sums[largest.currency] = sums.get(largest.currency, 0) + largest.amount_minor
    return sums
