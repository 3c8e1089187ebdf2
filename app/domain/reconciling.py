"""Our books beside the payment provider's report, one to one: by reference, amount, currency and state.

Decides what differs, and which of it heals by itself: only where our books merely lag, or where the customer would be
the one to lose. Everything else waits for a person. Never moves money.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.state_table import StateTable


class MovementKind(StrEnum):
    """Which way money went."""

    CHARGE = "charge"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moved, as the provider's report has it; amounts in minor units, above zero.

    `key` is our name for it, as far as the provider kept it: what we gave as idempotency key.
    """

    kind: MovementKind
    ref: str
    key: str | None
    amount_minor: int
    currency: str
    at: datetime
    failed: bool = False  # a refund that came back


@dataclass(frozen=True, slots=True)
class Booked:
    """One of our rows: a payment or a refund. `done`: our books say that the money moved."""

    kind: MovementKind
    id: str
    ref: str | None
    order_id: str
    amount_minor: int
    currency: str
    done: bool


class DifferenceKind(StrEnum):
    """What differs; `docs/payments.md` says what to do about each."""

    UNKNOWN_HERE = "unknown_here"  # money moved there, and no row of ours says why
    NOT_DONE_HERE = "not_done_here"  # moved there, open in our books
    NOT_DONE_THERE = "not_done_there"  # moved in our books, not there
    AMOUNT = "amount"
    CURRENCY = "currency"
    TWICE = "twice"  # moved twice there for one row of ours
    CAME_BACK = "came_back"  # a refund that the bank refused afterwards


class DifferenceState(StrEnum):
    """Where a difference stands."""

    FOUND = "found"
    HEALED = "healed"
    DECIDED = "decided"


class DifferenceEvent(StrEnum):
    """What can happen to it."""

    HEALED = "healed"
    DECIDED = "decided"
    SEEN_AGAIN = "seen_again"


_S, _E = DifferenceState, DifferenceEvent

# What a person decided stays decided: the same numbers are not filed again.
DIFFERENCE_TABLE: StateTable[DifferenceState, DifferenceEvent] = {
    (_S.FOUND, _E.HEALED): _S.HEALED,
    (_S.FOUND, _E.DECIDED): _S.DECIDED,
    (_S.HEALED, _E.SEEN_AGAIN): _S.FOUND,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which the two sides do not agree; either side may be missing."""

    kind: DifferenceKind
    movement: MovementKind
    theirs: Movement | None
    ours: Booked | None

    @property
    def heals(self) -> bool:
        """Whether it may be put right without a person."""
        if self.kind is DifferenceKind.NOT_DONE_HERE:
            return True
        return self.kind is DifferenceKind.NOT_DONE_THERE and self.movement is MovementKind.REFUND

    @property
    def subject(self) -> str:
        """What it is about, the same each time it is seen."""
        return self.theirs.ref if self.theirs else self.ours.id if self.ours else ""


def compare(theirs: Sequence[Movement], ours: Sequence[Booked]) -> list[Difference]:
    """Pair both sides and return what is left or unequal.

    `ours` holds every row that `theirs` names, and every row done in the report's time; `theirs` also what moved
    earlier for those rows.
    """
    by_ref = {(row.kind, row.ref): row for row in ours if row.ref is not None}
    by_id = {(row.kind, row.id): row for row in ours}
    paired = [(line, by_ref.get((line.kind, line.ref)) or _by_key(by_id, line)) for line in theirs]
    moved = Counter((row.kind, row.id) for line, row in paired if row is not None and not line.failed)
    found = [difference for line, row in paired for difference in _of_pair(line, row, moved)]
    seen = {(row.kind, row.id) for _, row in paired if row is not None}
    missing = [row for row in ours if row.done and (row.kind, row.id) not in seen]
    return found + [Difference(DifferenceKind.NOT_DONE_THERE, row.kind, None, row) for row in missing]


def own_id(key: str) -> str:
    """The id of our row in a key of ours: a refund asked for anew adds `.2` (`domain.refunding.attempt_key`)."""
    return key.partition(".")[0]


def _by_key(by_id: Mapping[tuple[MovementKind, str], Booked], line: Movement) -> Booked | None:
    return by_id.get((line.kind, own_id(line.key))) if line.key else None


def _of_pair(line: Movement, row: Booked | None, moved: Mapping[tuple[MovementKind, str], int]) -> Iterator[Difference]:
    if row is None:
        yield Difference(DifferenceKind.UNKNOWN_HERE, line.kind, line, None)
        return
    if line.failed:
        if row.done and not moved[row.kind, row.id]:
            yield Difference(DifferenceKind.CAME_BACK, line.kind, line, row)
        return
    if moved[row.kind, row.id] > 1 and line.ref != row.ref:
        yield Difference(DifferenceKind.TWICE, line.kind, line, row)
    elif line.currency != row.currency:
        yield Difference(DifferenceKind.CURRENCY, line.kind, line, row)
    elif line.amount_minor != row.amount_minor:
        yield Difference(DifferenceKind.AMOUNT, line.kind, line, row)
    elif not row.done:
        yield Difference(DifferenceKind.NOT_DONE_HERE, line.kind, line, row)
