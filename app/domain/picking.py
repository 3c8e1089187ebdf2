"""What a picker may do with a line of an order, which inner bag its goods take, and what goes back to whoever paid.

Decides on one line at a time. What was missing is refunded, what was replaced costs no more than what was ordered, and
what is weighed costs its weight, never more than was charged.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import DomainError
from app.domain.refunding import RefundCause
from app.domain.weighing import tolerance_g

LONGEST_SEAL = 32


class ShortReason(StrEnum):
    """Why pieces are missing."""

    NOT_DELIVERED = "not_delivered"
    SPOILED = "spoiled"
    DAMAGED = "damaged"
    OTHER = "other"


class InnerBag(StrEnum):
    """What goods go into inside their tote."""

    SHARED = "shared"
    OWN = "own"  # sealed and alone: it can be taken out of a parcel by itself
    READY_TO_EAT = "ready_to_eat"


class WrongProduct(DomainError):
    """That is another product, or none of ours. Fact: `scanned`."""

    code = "wrong_product"


class WrongTote(DomainError):
    """Nothing of this product goes into that tote. Fact: `ref`."""

    code = "wrong_tote"


class PickedAlready(DomainError):
    """This line is done already. Fact: `ref`."""

    code = "picked_already"


class NotPicked(DomainError):
    """Nothing was done with this line yet, so there is nothing to take back."""

    code = "not_picked"


class MustBeWeighed(DomainError):
    """What is sold by weight is not only counted."""

    code = "must_be_weighed"


class LinesOpen(DomainError):
    """A tote is sealed when all its lines are done. Fact: `left`."""

    code = "lines_open"


class MissingAbsurd(DomainError):
    """How many are missing: at least one, and no more than were ordered. Fact: `most`."""

    code = "missing_absurd"
    status = 422


class SealAbsurd(DomainError):
    """A seal's number has at most that many plain letters, digits and signs. Fact: `most`."""

    code = "seal_absurd"
    status = 422


class SubstituteNotWanted(DomainError):
    """Whoever ordered it wants the money instead."""

    code = "substitute_not_wanted"


class SubstituteUnsuitable(DomainError):
    """It is of another kind, needs another temperature, keeps too short, or is sold by weight."""

    code = "substitute_unsuitable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedLine:
    """A line as packed. `price_minor` is what one was charged, `estimate_minor` what one is worth before weighing.

    `net_g` is what one should weigh; `weight_g` what all picked pieces weighed; `None` where nobody weighed.
    """

    quantity: int
    picked: int
    price_minor: int
    estimate_minor: int
    catch_weight: bool
    net_g: int | None
    weight_g: int | None
    food_class: str
    substitute_quantity: int = 0
    substitute_minor: int = 0


def inner_bag(*, food_class: str, flags: Collection[str]) -> InnerBag:
    """The bag that keeps raw meat, fish and tofu, and what leaks or smells, off everything else."""
    if food_class == "chilled_strict" or {"seal_apart", "leaks", "smells"} & set(flags):
        return InnerBag.OWN
    return InnerBag.READY_TO_EAT if "ready_to_eat" in flags else InnerBag.SHARED


def amounts_back(line: PickedLine) -> Mapping[RefundCause, int]:
    """Minor units of a line that go back, by cause; together never more than it was charged."""
    missing = line.quantity - line.picked - line.substitute_quantity
    replaced = line.price_minor - min(line.substitute_minor, line.estimate_minor, line.price_minor)
    amounts = {
        RefundCause.SHORT: missing * line.price_minor,
        RefundCause.SUBSTITUTE: line.substitute_quantity * replaced,
        RefundCause.WEIGHT: line.picked * line.price_minor - _worth(line),
    }
    return {cause: amount for cause, amount in amounts.items() if amount > 0}


def _worth(line: PickedLine) -> int:
    """What the picked pieces cost; fractions are rounded down, in the buyer's favour."""
    charged = line.picked * line.price_minor
    if line.catch_weight:
        if line.weight_g is None:
            return min(charged, line.picked * line.estimate_minor)
        assert line.net_g, "the schema wants it of catch weight"
        return min(charged, line.weight_g * line.estimate_minor // line.net_g)
    if line.weight_g is None or not line.net_g:
        return charged
    declared = line.picked * line.net_g
    if declared - line.weight_g <= tolerance_g(declared, food_class=line.food_class):
        return charged
    return charged * line.weight_g // declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a substitute and what it stands for are compared by."""

    product_id: str
    category_id: str
    zone: str
    catch_weight: bool
    keeps: bool  # as long as its parcel may be collected, where that parcel stands


def may_stand_for(candidate: Candidate, ordered: Candidate) -> bool:
    """True when one may be packed instead of the other."""
    return (
        candidate.product_id != ordered.product_id
        and (candidate.category_id, candidate.zone) == (ordered.category_id, ordered.zone)
        and candidate.keeps
        and not candidate.catch_weight
    )


def checked_seal(text: str) -> str | None:
    """A seal's number without blanks around it; `None` where there is none. Raises SealAbsurd."""
    seal = text.strip()
    if len(seal) > LONGEST_SEAL or not (seal.isascii() and seal.isprintable()):
        raise SealAbsurd(most=LONGEST_SEAL)
    return seal or None
