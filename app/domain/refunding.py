"""How much of what was paid may go back, line by line.

Decides amounts only. A line never gives back more than it was charged; whoever asks for more gets what is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import DomainError


class RefundCause(StrEnum):
    """Why money goes back; people are told in words."""

    SHORT = "short"
    SUBSTITUTE = "substitute"
    WEIGHT = "weight"
    NOT_COLLECTED = "not_collected"
    GIVEN_UP = "given_up"
    NOT_BROUGHT = "not_brought"
    NOT_OPENED = "not_opened"  # its door would not open, and its owner did not wait for a person
    LATE_PAYMENT = "late_payment"
    SECOND_PAYMENT = "second_payment"
    RECALLED = "recalled"
    CLAIM = "claim"
    COLD_CHAIN = "cold_chain"  # it was not kept cold, and must not be eaten
    STAFF = "staff"
    EDITED = "edited"  # its owner made the order cheaper
    EDIT_GONE = "edit_gone"  # a change was paid for that could not be had any more


# The payment was none of the order's: it goes back whole, and the order has nothing of it.
NOT_OF_THE_ORDER = frozenset({RefundCause.LATE_PAYMENT, RefundCause.SECOND_PAYMENT, RefundCause.EDIT_GONE})


class NothingToRefund(DomainError):
    """All of it went back already, or it was never paid."""

    code = "nothing_to_refund"


@dataclass(frozen=True, slots=True)
class ChargedLine:
    """A line of a paid order, in minor units."""

    line_no: int
    charged_minor: int
    refunded_minor: int

    @property
    def left_minor(self) -> int:
        """What may still go back."""
        return self.charged_minor - self.refunded_minor


def shares(lines: Sequence[ChargedLine], wanted: Mapping[int, int] | None) -> dict[int, int]:
    """Minor units to refund a line: what is wanted, at most what is left; `None` wants everything that is left."""
    asked = {line.line_no: line.left_minor if wanted is None else wanted.get(line.line_no, 0) for line in lines}
    found = {line.line_no: min(asked[line.line_no], line.left_minor) for line in lines}
    return {line_no: amount for line_no, amount in found.items() if amount > 0}


def spread(amounts: Mapping[int, int], rooms: Sequence[int]) -> list[dict[int, int]]:
    """Divide amounts by line over payments that can still give back so much each, in their order."""
    left = dict(amounts)
    found: list[dict[int, int]] = []
    for room in rooms:
        part: dict[int, int] = {}
        for line_no, amount in left.items():
            part[line_no] = min(amount, room - sum(part.values()))
        left = {line_no: amount - part[line_no] for line_no, amount in left.items()}
        found.append({line_no: amount for line_no, amount in part.items() if amount > 0})
    return found


def attempt_key(refund_id: str, attempt: int) -> str:
    """The idempotency key of a refund's nth attempt; only one that surely did not happen is followed by another."""
    return refund_id if attempt == 1 else f"{refund_id}.{attempt}"
