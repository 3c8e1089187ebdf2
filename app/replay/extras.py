"""What people do beside ordering, paying and collecting, with `--everything`. Drawn from seed and the basket's name.

Decides shares only: how often somebody changes their mind, complains, or finds a shelf empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from app.replay.chance import chance, pick

T = TypeVar("T", bound=StrEnum)


class Edits(StrEnum):
    """How somebody changes an order before its cut-off."""

    SMALLER = "smaller"
    LARGER = "larger"
    NEVER_PAID = "never_paid"
    NO = "no"


class Cancels(StrEnum):
    """At which stage somebody cancels."""

    OPEN = "open"
    CLOSED = "closed"
    PACKED = "packed"
    READY = "ready"
    NO = "no"


class Claims(StrEnum):
    """What somebody says of a line they collected; `absurd` is refused at once."""

    MISSING = "missing"
    SPOILED = "spoiled"
    SHORT_WEIGHT = "short_weight"
    ABSURD = "absurd"
    NO = "no"


class Handles(StrEnum):
    """What a picker does with a line of a bag that is picked by hand."""

    SHORT = "short"
    REPLACES = "replaces"
    CHOOSES_LOT = "chooses_lot"
    CHANGES_MIND = "changes_mind"
    PICKS = "picks"


EDITS: Mapping[Edits, float] = {Edits.SMALLER: 0.03, Edits.LARGER: 0.03, Edits.NEVER_PAID: 0.01}
CANCELS: Mapping[Cancels, float] = {each: 0.01 for each in Cancels if each is not Cancels.NO}
CLAIMS: Mapping[Claims, float] = {
    Claims.MISSING: 0.03,
    Claims.SPOILED: 0.03,
    Claims.SHORT_WEIGHT: 0.02,
    Claims.ABSURD: 0.01,
}
HANDLES: Mapping[Handles, float] = {
    Handles.SHORT: 0.06,
    Handles.REPLACES: 0.06,
    Handles.CHOOSES_LOT: 0.1,
    Handles.CHANGES_MIND: 0.03,
}
ORDERS_AGAIN, READS, WANTS_SIMILAR, BY_HAND = 0.02, 0.1, 0.5, 0.15
MOST_OF_ALL = 0.9


@dataclass(frozen=True, slots=True)
class Wants:
    """What else somebody will do with one order."""

    edits: Edits = Edits.NO
    cancels: Cancels = Cancels.NO
    claims: Claims = Claims.NO
    orders_again: bool = False
    reads: bool = False
    similar: bool = False


@dataclass(frozen=True, slots=True)
class Extras:
    """Draws it. `often` multiplies every share: a short run sees all of it too."""

    seed: int
    often: float = 1

    def wants(self, name: str) -> Wants:
        """What the person with this order will do."""
        return Wants(
            pick(self.seed, self._shares(EDITS, Edits.NO), "edits", name),
            pick(self.seed, self._shares(CANCELS, Cancels.NO), "cancels", name),
            pick(self.seed, self._shares(CLAIMS, Claims.NO), "claims", name),
            self._is(ORDERS_AGAIN, "again", name),
            self._is(READS, "reads", name),
            chance(self.seed, "similar", name) < WANTS_SIMILAR,
        )

    def by_hand(self, order_id: str, ref: str) -> bool:
        """Whether a bag is picked line by line."""
        return self._is(BY_HAND, "by hand", order_id, ref)

    def handles(self, order_id: str, line_no: int) -> Handles:
        """What happens to a line of such a bag."""
        return pick(self.seed, self._shares(HANDLES, Handles.PICKS), "handles", order_id, line_no)

    def _is(self, share: float, *name: str | int) -> bool:
        return chance(self.seed, *name) < min(MOST_OF_ALL, share * self.often)

    def _shares(self, shares: Mapping[T, float], rest: T) -> Mapping[T, float]:
        """The shares, together at most nearly all, and what is left over."""
        factor = min(self.often, MOST_OF_ALL / sum(shares.values()))
        return {**{choice: share * factor for choice, share in shares.items()}, rest: 1}
