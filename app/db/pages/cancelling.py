"""What comes back of an order if its owner cancels it now: read for the page that asks, and for who then does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.cancelling import Policy, Stage, comes_back, stage_of
from app.domain.offering import WAITS_PATIENTLY
from app.domain.order_state import OrderState

ORDER = text("""
    SELECT o.id, o.order_no, o.state, o.currency, o.site_id, s.timezone,
        r.order_by, r.called_off_at IS NOT NULL OR coalesce(r.expected_at > w.opens_at + :patience, false) AS broken,
        coalesce(p.closed_percent, 100) AS closed_percent, coalesce(p.packed_percent, 100) AS packed_percent,
        coalesce(p.ready_percent, 100) AS ready_percent
    FROM customer_order o JOIN load_run r USING (run_no) JOIN site s ON s.id = o.site_id
    JOIN pickup_window w ON w.id = o.window_id
    LEFT JOIN cancel_policy p ON p.site_id = o.site_id
    WHERE o.id = :order_id AND o.person_id = :person_id
""")
LINES = text("""
    SELECT l.line_no, l.quantity, p.name_zh, p.name_en, l.line_minor,
        l.line_minor - coalesce((
            SELECT sum(amount_minor) FROM refund_line r WHERE r.order_id = l.order_id AND r.line_no = l.line_no
        ), 0)::bigint AS left_minor
    FROM order_line l JOIN product p ON p.id = l.product_id WHERE l.order_id = :order_id ORDER BY l.line_no
""")


@dataclass(frozen=True, slots=True)
class CancelPage:
    """An order, how far it has come, and what comes back of each line, in minor units."""

    order: Row[Any]
    stage: Stage
    percent: int
    policy: Policy
    lines: Sequence[Row[Any]]
    back: Mapping[int, int]

    @property
    def back_minor(self) -> int:
        """All that comes back."""
        return sum(self.back.values())


def cancel_page(conn: Connection, *, order_id: str, person_id: str, now: datetime) -> CancelPage | None:
    """What a person's order gives back; `None` when it is none of theirs. Raises NotToBeCancelled."""
    asked = {"order_id": order_id, "person_id": person_id, "patience": WAITS_PATIENTLY}
    order = conn.execute(ORDER, asked).one_or_none()
    if order is None:
        return None
    stage = stage_of(OrderState(order.state), order_by=order.order_by, broken_promise=order.broken, now=now)
    policy = Policy(order.closed_percent, order.packed_percent, order.ready_percent)
    lines = conn.execute(LINES, {"order_id": order_id}).all()
    percent = policy.percent(stage)
    return CancelPage(
        order, stage, percent, policy, lines, comes_back({row.line_no: row.left_minor for row in lines}, percent)
    )
