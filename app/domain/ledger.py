"""Double entry: every movement of money as entries that sum to zero. Debits are positive, credits negative.

`provider_clearing` is what was captured; it stands against where that money is: `customer_held` (owed until people have
their goods), `sales`, or `refunds` (gone back). So the ledger's zero is the sentence captured = held + sold + refunded.
Corrections are new entries, never changes.
"""

from dataclasses import dataclass
from enum import StrEnum


class Account(StrEnum):
    """The accounts; the table `ledger_entry` allows no others."""

    PROVIDER_CLEARING = "provider_clearing"
    CUSTOMER_HELD = "customer_held"
    SALES = "sales"
    REFUNDS = "refunds"


class Kind(StrEnum):
    """Why money moved."""

    CAPTURE = "capture"
    SALE = "sale"
    REFUND = "refund"
    RETURN = "return"  # earned money is owed again: a refund after the goods were collected


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


def postings(kind: Kind, amount_minor: int) -> tuple[Posting, Posting]:
    """The two sides of a movement of `amount_minor`."""
    assert amount_minor > 0, "the kind says which way money goes"
    debit, credit = _SIDES[kind]
    return Posting(debit, amount_minor), Posting(credit, -amount_minor)
