"""Both sides of the books, pair by pair: what agrees is silent, everything else is one difference."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.reconciling import Booked, DifferenceKind, Movement, MovementKind, compare

AT = datetime(2026, 11, 22, tzinfo=UTC)
CHARGE, REFUND = MovementKind.CHARGE, MovementKind.REFUND


def moved(kind: MovementKind = CHARGE, ref: str = "c1", key: str | None = "p1", **changes: Any) -> Movement:
    return Movement(
        **{"kind": kind, "ref": ref, "key": key, "amount_minor": 100, "currency": "CNY", "at": AT, **changes}
    )


def booked(kind: MovementKind = CHARGE, row_id: str = "p1", ref: str | None = "c1", **changes: Any) -> Booked:
    row = {
        "kind": kind,
        "id": row_id,
        "ref": ref,
        "order_id": "o",
        "amount_minor": 100,
        "currency": "CNY",
        "done": True,
    }
    return Booked(**{**row, **changes})


@pytest.mark.parametrize(
    ("theirs", "ours", "kinds"),
    [
        ([], [], []),
        ([moved()], [booked()], []),
        ([moved(key=None)], [booked()], []),
        ([moved()], [booked(ref=None, done=False)], [DifferenceKind.NOT_DONE_HERE]),
        ([moved(REFUND, "r1", "f1.2")], [booked(REFUND, "f1", "r1")], []),
        ([moved()], [], [DifferenceKind.UNKNOWN_HERE]),
        ([moved(REFUND)], [booked(CHARGE)], [DifferenceKind.UNKNOWN_HERE, DifferenceKind.NOT_DONE_THERE]),
        ([], [booked()], [DifferenceKind.NOT_DONE_THERE]),
        ([], [booked(done=False)], []),
        ([moved(amount_minor=99)], [booked()], [DifferenceKind.AMOUNT]),
        ([moved(currency="USD", amount_minor=99)], [booked()], [DifferenceKind.CURRENCY]),
        ([moved(), moved(ref="c2")], [booked()], [DifferenceKind.TWICE]),
        (
            [moved(REFUND, "r1", "f1"), moved(REFUND, "r2", "f1.2")],
            [booked(REFUND, "f1", "r1")],
            [DifferenceKind.TWICE],
        ),
        ([moved(REFUND, "r1", "f1", failed=True)], [booked(REFUND, "f1", "r1")], [DifferenceKind.CAME_BACK]),
        ([moved(REFUND, "r1", "f1", failed=True)], [booked(REFUND, "f1", None, done=False)], []),
        (
            [moved(REFUND, "r1", "f1", failed=True), moved(REFUND, "r2", "f1.2")],
            [booked(REFUND, "f1", "r2")],
            [],
        ),
    ],
)
def test_each_pair_says_what_differs(theirs: list[Movement], ours: list[Booked], kinds: list[DifferenceKind]) -> None:
    assert [each.kind for each in compare(theirs, ours)] == kinds


@pytest.mark.parametrize(
    ("theirs", "ours", "heals"),
    [
        ([moved()], [booked(done=False)], True),
        ([moved(REFUND)], [booked(REFUND, done=False)], True),
        ([], [booked(REFUND)], True),
        ([], [booked()], False),  # the customer did not pay, and has the goods: a person decides
        ([moved()], [], False),
        ([moved(amount_minor=99)], [booked()], False),
        ([moved(), moved(ref="c2")], [booked()], False),
    ],
)
def test_only_what_lags_here_or_would_cost_the_customer_heals(
    theirs: list[Movement], ours: list[Booked], *, heals: bool
) -> None:
    (difference,) = compare(theirs, ours)
    assert difference.heals is heals


def test_a_difference_keeps_its_subject_each_time_it_is_seen() -> None:
    assert compare([moved()], [])[0].subject == "c1"
    assert compare([], [booked()])[0].subject == "p1"
