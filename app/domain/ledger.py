"""Double entry: every movement of money as entries that sum to zero. Debits are positive, credits negative.

`provider_clearing` is what was captured; it stands against where that money is: `customer_held` (owed until people have
their goods), `sales`, or `refunds` (gone back). So the ledger's zero is the sentence captured = held + sold + refunded.
What claims gave back is taken off no sale but stands beside it as the cost of a hand-off (`claims_…`): captured + what
claims cost = held + sold + refunded. Corrections are new entries, never changes.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.hand_off import HandOff


class Account(StrEnum):
    """The accounts; the table `ledger_entry` allows no others."""

    PROVIDER_CLEARING = "provider_clearing"
    CUSTOMER_HELD = "customer_held"
    SALES = "sales"
    REFUNDS = "refunds"
    # What claims cost, by the hand-off that caused them (`domain.hand_off`).
    CLAIMS_SUPPLIER = "claims_supplier"
    CLAIMS_PACKING = "claims_packing"
    CLAIMS_TRANSPORT = "claims_transport"
    CLAIMS_LOCKER = "claims_locker"
    CLAIMS_COLLECTION = "claims_collection"
    CLAIMS_UNKNOWN = "claims_unknown"


class Kind(StrEnum):
    """Why money moved."""

    CAPTURE = "capture"
    SALE = "sale"
    REFUND = "refund"
    RETURN = "return"  # earned money is owed again: a refund after the goods were collected
    CLAIM_COST = "claim_cost"  # what a claim gave back is no lost sale but the cost of a hand-off
    COST_MOVED = "cost_moved"  # another hand-off caused it


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a transaction."""

    account: Account
    amount_minor: int


_SIDES = {
    Kind.CAPTURE: (Account.PROVIDER_CLEARING, Account.CUSTOMER_HELD),
    Kind.SALE: (Account.CUSTOMER_HELD, Account.SALES),
    Kind.REFUND: (Account.CUSTOMER_HELD, Account.REFUNDS),
    Kind.RETURN: (Account.SALES, Account.CUSTOMER_HELD),
}


def claim_cost(hand_off: HandOff, amount_minor: int) -> tuple[Posting, Posting]:
    """The two sides of what a granted claim cost: the sale stands, the hand-off bears it."""
    return Posting(_cost_of(hand_off), amount_minor), Posting(Account.SALES, -amount_minor)


def cost_moved(before: HandOff, after: HandOff, amount_minor: int) -> tuple[Posting, Posting]:
    """The two sides of a cost that another hand-off caused."""
    return Posting(_cost_of(after), amount_minor), Posting(_cost_of(before), -amount_minor)


def postings(kind: Kind, amount_minor: int) -> tuple[Posting, Posting]:
    """The two sides of a movement of `amount_minor`."""
    assert amount_minor > 0, "the kind says which way money goes"
    debit, credit = _SIDES[kind]
    return Posting(debit, amount_minor), Posting(credit, -amount_minor)


def _cost_of(hand_off: HandOff) -> Account:
    return Account(f"claims_{hand_off.value}")
