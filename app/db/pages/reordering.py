"""What an earlier order was, and what is sold now in its place. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.pages.shop import choose, open_windows
from app.domain.reordering import Before, Changed, Offered, again

ORDER = text("SELECT id, substitution FROM customer_order WHERE id = :order_id AND person_id = :person_id")
BEFORE = text("""
    SELECT l.product_id, sum(l.quantity)::int AS pieces, max(l.price_minor) AS price_minor, p.category_id, p.zone
    FROM order_line l JOIN product p ON p.id = l.product_id WHERE l.order_id = :order_id
    GROUP BY l.product_id, p.category_id, p.zone ORDER BY min(l.line_no)
""")
# Of the same shelves only: what may stand in for something.
OFFERED = text("""
    SELECT p.id, coalesce(p.cap_minor, p.price_minor) AS charged_minor, p.category_id, p.zone,
        coalesce(s.total - s.taken, CASE WHEN CAST(:run_no AS int) IS NULL THEN p.stock_a_run ELSE 0 END) AS left_over
    FROM product p LEFT JOIN run_stock s ON s.product_id = p.id AND s.run_no = :run_no
    WHERE p.active AND NOT 'live' = ANY(p.flags) AND p.category_id = ANY(:categories)
""")
NAMES = text("SELECT id, name_zh, name_en FROM product WHERE id = ANY(:products)")


@dataclass(frozen=True, slots=True)
class Again:
    """What goes into the basket, and what is different."""

    basket: Mapping[str, int]
    changes: list[Changed]


def again_page(
    conn: Connection, *, order_id: str, person_id: str, site_id: str, window_id: int | None, now: datetime
) -> Again | None:
    """A person's order as it could be had now for their window, or the next; `None` when it is none of theirs."""
    order = conn.execute(ORDER, {"order_id": order_id, "person_id": person_id}).one_or_none()
    if order is None:
        return None
    window = choose(open_windows(conn, site_id=site_id, now=now), window_id)
    rows = conn.execute(BEFORE, {"order_id": order_id}).all()
    asked = {"run_no": window.run_no if window else None, "categories": sorted({row.category_id for row in rows})}
    offered = {row.id: _offered(row) for row in conn.execute(OFFERED, asked)}
    before = [Before(row.product_id, row.pieces, row.price_minor) for row in rows]
    kinds = {row.product_id: (row.category_id, row.zone) for row in rows}
    return Again(*again(before, offered, kinds, similar=order.substitution == "similar"))


def names(conn: Connection, *, product_ids: list[str]) -> Mapping[str, Row[Any]]:
    """Names by product, also of what is no longer sold."""
    return {row.id: row for row in conn.execute(NAMES, {"products": product_ids})}


def _offered(row: Row[Any]) -> Offered:
    return Offered(row.id, row.charged_minor, row.left_over, (row.category_id, row.zone))
