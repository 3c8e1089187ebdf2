"""What an operator may set for a site: how much comes back of a cancelled order, and how its goods are taxed.

Reads what was typed and says what is no rule. Never what it means for an order: `domain.cancelling` and
`domain.receipts` do. What was cancelled or sold before stays as it was.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from app.domain.errors import DomainError

MOST_BP = 10_000
LONGEST = 8
PERCENTS = ("closed_percent", "packed_percent", "ready_percent")


class SiteRuleUnreadable(DomainError):
    """Not a share of a hundred with at most two decimals (whole for what comes back). Fact: `field`."""

    code = "site_rule_unreadable"
    status = 422


class SiteRulesMoved(DomainError):
    """Somebody else changed them since they were shown; nothing was changed."""

    code = "site_rules_moved"


class SiteRulesSame(DomainError):
    """Nothing was changed, as nothing is different."""

    code = "site_rules_same"
    status = 422


class FewerBackLater(DomainError):
    """More would come back the later somebody cancels. Fact: `field`."""

    code = "fewer_back_later"
    status = 422


def read_percent(typed: str, *, field: str) -> int:
    """Whole percent, 0 to 100. Raises SiteRuleUnreadable."""
    basis_points = read_rate(typed, field=field)
    if basis_points % 100:
        raise SiteRuleUnreadable(field=field)
    return basis_points // 100


def read_rate(typed: str, *, field: str) -> int:
    """Hundredths of a percent, as typed: `9`, `9.5`, `13,25`. Raises SiteRuleUnreadable."""
    said = typed.strip().removesuffix("%").strip().replace(",", ".")
    if not said or len(said) > LONGEST or not said.isascii() or not said.replace(".", "", 1).isdigit():
        raise SiteRuleUnreadable(field=field)
    try:
        exact = Decimal(said) * 100
    except InvalidOperation as error:
        raise SiteRuleUnreadable(field=field) from error
    if exact != exact.to_integral_value() or exact > MOST_BP:
        raise SiteRuleUnreadable(field=field)
    return int(exact)


def check_percents(percents: Mapping[str, int]) -> None:
    """Nobody gets more for cancelling later. Raises FewerBackLater."""
    for earlier, later in pairwise(PERCENTS):
        if percents[later] > percents[earlier]:
            raise FewerBackLater(field=later)
