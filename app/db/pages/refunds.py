"""What operators see of refunds: those that wait, failed or are done, by cause, with their sums. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, text

MOST_ROWS = 200


class RefundState(StrEnum):
    """Where a refund stands."""

    FAILED = "failed"
    OPEN = "open"
    DONE = "done"


_STATE = "CASE WHEN r.done_at IS NOT NULL THEN 'done' WHEN r.failed IS NOT NULL THEN 'failed' ELSE 'open' END"
SUMS = text(f"""
    SELECT {_STATE} AS state, r.cause, r.currency, count(*) AS refunds, sum(r.amount_minor)::bigint AS amount_minor
    FROM refund r GROUP BY 1, 2, 3 ORDER BY 1, 2
""")  # noqa: S608  no input in it
LIST = text(f"""
    SELECT r.refund_no, r.order_id, r.cause, r.amount_minor, r.currency, r.decided_at, r.done_at, r.failed, r.tries,
        r.reason, {_STATE} AS state, o.order_no, s.name_zh, s.name_en, s.timezone
    FROM refund r JOIN customer_order o ON o.id = r.order_id JOIN site s ON s.id = o.site_id
    WHERE (:state = '' OR {_STATE} = :state) AND (:cause = '' OR r.cause = :cause)
    ORDER BY r.decided_at DESC, r.id DESC LIMIT :most
""")  # noqa: S608  no input in it
OF_ORDER = text(f"""
    SELECT r.refund_no, r.cause, r.amount_minor, r.currency, r.decided_at, r.done_at, r.failed, r.reason,
        {_STATE} AS state, split_part(r.decided_by, ':', 1) AS actor,
        coalesce(nullif(w.display_name, ''), w.role) AS who,
        (
            SELECT json_agg(json_build_object('line_no', l.line_no, 'amount_minor', l.amount_minor,
                'name', json_build_object('zh', p.name_zh, 'en', p.name_en)) ORDER BY l.line_no)
            FROM refund_line l JOIN order_line ol USING (order_id, line_no) JOIN product p ON p.id = ol.product_id
            WHERE l.refund_id = r.id
        ) AS lines
    FROM refund r LEFT JOIN person w ON w.id = CASE split_part(r.decided_by, ':', 1)
        WHEN 'person' THEN split_part(r.decided_by, ':', 2) END
    WHERE r.order_id = :order_id ORDER BY r.decided_at, r.id
""")  # noqa: S608  no input in it
LINES = text("""
    SELECT l.line_no, l.quantity, l.line_minor, p.name_zh, p.name_en,
        l.line_minor - coalesce((
            SELECT sum(amount_minor) FROM refund_line r WHERE r.order_id = l.order_id AND r.line_no = l.line_no
        ), 0)::bigint AS left_minor
    FROM order_line l JOIN product p ON p.id = l.product_id WHERE l.order_id = :order_id ORDER BY l.line_no
""")


@dataclass(frozen=True, slots=True)
class OrderMoney:
    """What went back of an order, and what is left of each line."""

    refunds: Sequence[Row[Any]]
    lines: Sequence[Row[Any]]


def sums(conn: Connection) -> Sequence[Row[Any]]:
    """How many refunds there are in each state, for each cause and currency, and how much."""
    return conn.execute(SUMS).all()


def refunds(conn: Connection, *, state: str, cause: str) -> Sequence[Row[Any]]:
    """Refunds, newest first; of one state or cause, where given."""
    return conn.execute(LIST, {"state": state, "cause": cause, "most": MOST_ROWS}).all()


def of_order(conn: Connection, *, order_id: str) -> OrderMoney:
    """An order's refunds, and what may still go back."""
    asked = {"order_id": order_id}
    return OrderMoney(conn.execute(OF_ORDER, asked).all(), conn.execute(LINES, asked).all())
