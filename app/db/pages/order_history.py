"""A person's orders, newest first, a page at a time, with what they come to. However many there are, a page reads few.

A cursor is the last order's place and id; it is no secret and shows nothing of others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.types import DateTime

PAGE = 20

# What people call these states.
FILTERS: Mapping[str, tuple[str, ...]] = {
    "open": ("awaiting_payment", "paid", "packed", "ready", "expiring"),
    "collected": ("collected",),
    "refunded": ("refunded",),
    "let_go": ("released",),
}

ORDERS = text("""
    SELECT o.id, o.order_no, o.state, o.total_minor, o.currency, o.placed_at, s.name_zh, s.name_en, s.timezone,
        w.opens_at, w.closes_at,
        (
            SELECT array_agg(DISTINCT p.picture) FROM order_line l JOIN product p ON p.id = l.product_id
            WHERE l.order_id = o.id
        ) AS pictures,
        (SELECT coalesce(sum(amount_minor), 0)::bigint FROM refund r WHERE r.order_id = o.id AND r.cause NOT IN
            ('late_payment', 'second_payment', 'edited', 'edit_gone')) AS back_minor
    FROM customer_order o JOIN site s ON s.id = o.site_id JOIN pickup_window w ON w.id = o.window_id
    WHERE o.person_id = :person_id AND (CAST(:states AS text[]) IS NULL OR o.state = ANY(:states))
        AND (CAST(:at AS timestamptz) IS NULL OR (o.placed_at, o.id) < (:at, :id))
    ORDER BY o.placed_at DESC, o.id DESC LIMIT :limit
""").bindparams(bindparam("at", type_=DateTime(timezone=True)))
# What was refunded of orders that were changed is not in their total any more.
TOTALS = text("""
    SELECT o.currency, count(*) AS orders, sum(o.total_minor - coalesce(r.back, 0))::bigint AS kept_minor
    FROM customer_order o LEFT JOIN LATERAL (
        SELECT sum(amount_minor) AS back FROM refund WHERE order_id = o.id
            AND cause NOT IN ('late_payment', 'second_payment', 'edited', 'edit_gone')
    ) r ON true
    WHERE o.person_id = :person_id AND o.state NOT IN ('awaiting_payment', 'released')
        AND (CAST(:states AS text[]) IS NULL OR o.state = ANY(:states))
    GROUP BY o.currency ORDER BY o.currency
""")


@dataclass(frozen=True, slots=True)
class History:
    """Some orders, what all of them come to by currency, and where the next page begins (empty: nowhere)."""

    orders: Sequence[Row[Any]]
    totals: Sequence[Row[Any]]
    next_cursor: str


def order_history(conn: Connection, *, person_id: str, shown: str = "", cursor: str = "") -> History:
    """A page of a person's orders. A filter or a cursor that is none shows the first page of all."""
    states = list(FILTERS[shown]) if shown in FILTERS else None
    at, order_id = _read(cursor)
    asked = {"person_id": person_id, "states": states, "at": at, "id": order_id, "limit": PAGE + 1}
    rows = conn.execute(ORDERS, asked).all()
    totals = conn.execute(TOTALS, {"person_id": person_id, "states": states}).all()
    more = rows[PAGE - 1] if len(rows) > PAGE else None
    return History(rows[:PAGE], totals, f"{more.placed_at.isoformat()}~{more.id}" if more else "")


def _read(cursor: str) -> tuple[datetime | None, str]:
    at, _, order_id = cursor.partition("~")
    try:
        placed_at = datetime.fromisoformat(at)
    except ValueError:
        return None, ""
    return (placed_at, order_id[:32]) if placed_at.tzinfo else (None, "")
