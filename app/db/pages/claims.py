"""What a household sees of its claims: what may still be claimed of an order, until when, and what was answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.claim_lines import LINES, claimable, policy_of

CLAIMS = text("""
    SELECT c.id, c.state, c.kind, c.quantity, c.granted_minor, c.currency, c.made_at, c.answer, c.refund_no, c.first_by,
        c.words, r.done_at AS refunded_at, d.name_zh, d.name_en, p.claim_id IS NOT NULL AS photo
    FROM claim c JOIN order_line l USING (order_id, line_no) JOIN product d ON d.id = l.product_id
    LEFT JOIN refund r ON r.refund_no = c.refund_no LEFT JOIN claim_photo p ON p.claim_id = c.id
    WHERE c.order_id = :order_id ORDER BY c.made_at, c.id
""")
PHOTO = text("""
    SELECT p.jpeg FROM claim_photo p JOIN claim c ON c.id = p.claim_id JOIN customer_order o ON o.id = c.order_id
    WHERE c.id = :claim_id AND (CAST(:owner_id AS text) IS NULL OR o.person_id = :owner_id)
""")


@dataclass(frozen=True, slots=True)
class OrderClaims:
    """An order's claims, and the lines of which something may be claimed until `until`."""

    claims: Sequence[Row[Any]]
    lines: Sequence[Row[Any]]
    until: datetime | None


def of_order(conn: Connection, *, order_id: str, site_id: str, now: datetime) -> OrderClaims:
    """What was claimed of an order and what may be."""
    within = timedelta(hours=policy_of(conn, site_id=site_id).claim_within_h)
    lines = [
        row
        for row in conn.execute(LINES, {"order_id": order_id})
        if row.collected_at and now <= row.collected_at + within and row.came and claimable(row).left_minor > 0
    ]
    until = max((row.collected_at + within for row in lines), default=None)
    return OrderClaims(conn.execute(CLAIMS, {"order_id": order_id}).all(), lines, until)


def photo_of(conn: Connection, *, claim_id: str, owner_id: str | None) -> bytes | None:
    """A claim's photo as JPEG; with `owner_id`, only if the order is theirs."""
    found = conn.execute(PHOTO, {"claim_id": claim_id, "owner_id": owner_id}).scalar_one_or_none()
    return bytes(found) if found is not None else None
