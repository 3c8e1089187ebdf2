"""What an order's owner sees before they change it: what is in it, what is sold now at what price, and the windows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.pages.shop import open_windows
from app.domain.editing import Standing
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState

ORDER = text("""
    SELECT o.id, o.order_no, o.state, o.run_no, o.window_id, o.total_minor, o.currency, o.site_id,
        o.stock_run_no IS NOT NULL AS moved, s.timezone, s.name_zh, s.name_en, w.opens_at, w.closes_at,
        least(r.order_by, r.called_off_at) AS order_by,
        EXISTS (SELECT FROM order_line l WHERE l.order_id = o.id AND l.picked_at IS NOT NULL) AS picked,
        EXISTS (SELECT FROM refund_line l WHERE l.order_id = o.id) AS refunded,
        (SELECT coalesce(array_agg(DISTINCT p.state), '{}') FROM parcel p WHERE p.order_id = o.id) AS parcels
    FROM customer_order o JOIN load_run r USING (run_no) JOIN site s ON s.id = o.site_id
    JOIN pickup_window w ON w.id = o.window_id
    WHERE o.id = :order_id AND o.person_id = :person_id
""")
HAD = text("""
    SELECT product_id, price_minor, sum(quantity)::int AS pieces FROM order_line WHERE order_id = :order_id
    GROUP BY product_id, price_minor
""")
PRODUCTS = text("""
    SELECT p.id, p.name_zh, p.name_en, p.unit_zh, p.unit_en, p.picture, p.active, p.flags,
        coalesce(p.cap_minor, p.price_minor) AS charged_minor, coalesce(s.total - s.taken, 0) AS left_over
    FROM product p LEFT JOIN run_stock s ON s.product_id = p.id AND s.run_no = :run_no
    JOIN category c ON c.id = p.category_id
    WHERE p.id = ANY(:products) ORDER BY c.position, p.position, p.id
""")
OPEN = text("""
    SELECT e.id, e.difference_minor, e.made_at, o.currency FROM order_edit e JOIN customer_order o ON o.id = e.order_id
    WHERE e.order_id = :order_id AND e.state = 'awaiting_payment'
""")
LAST_DROPPED = text("""
    SELECT e.dropped_for FROM order_edit e
    WHERE e.order_id = :order_id AND e.state = 'dropped' AND e.dropped_for <> 'superseded' AND NOT EXISTS (
        SELECT FROM order_edit later WHERE later.order_id = e.order_id AND later.made_at > e.made_at
    ) ORDER BY e.closed_at DESC LIMIT 1
""")
EDITABLE = text("""
    SELECT o.id, o.order_no, w.opens_at, w.closes_at, s.timezone
    FROM customer_order o JOIN load_run r USING (run_no) JOIN pickup_window w ON w.id = o.window_id
    JOIN site s ON s.id = o.site_id
    WHERE o.person_id = :person_id AND o.site_id = :site_id AND o.state = 'paid' AND o.stock_run_no IS NULL
        AND r.order_by > :now AND r.called_off_at IS NULL
    ORDER BY o.placed_at DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class EditPage:
    """An order as it is, its pieces by product and price, the products, and when it may be collected."""

    order: Row[Any]
    standing: Standing
    had: Mapping[tuple[str, int], int]
    products: Mapping[str, Row[Any]]
    windows: Sequence[Row[Any]]

    @property
    def pieces(self) -> dict[str, int]:
        """How many of each product there are."""
        counted: dict[str, int] = {}
        for (product_id, _), count in self.had.items():
            counted[product_id] = counted.get(product_id, 0) + count
        return counted

    @property
    def prices(self) -> dict[str, int]:
        """What one more costs, of what is sold now."""
        return {row.id: row.charged_minor for row in self.products.values() if row.active}

    def paid_minor(self, product_id: str) -> int | None:
        """What a piece cost when it was ordered, where that is one price."""
        prices = [price for of, price in self.had if of == product_id]
        return prices[0] if len(prices) == 1 else None


def edit_page(
    conn: Connection, *, order_id: str, person_id: str, more: Collection[str], now: datetime
) -> EditPage | None:
    """A person's order, with the products in it and `more`; `None` when it is none of theirs."""
    order = conn.execute(ORDER, {"order_id": order_id, "person_id": person_id}).one_or_none()
    if order is None:
        return None
    standing = Standing(
        state=OrderState(order.state),
        order_by=order.order_by,
        moved=order.moved,
        picked=order.picked,
        refunded=order.refunded,
        parcels=frozenset(ParcelState(state) for state in order.parcels),
    )
    had = {(row.product_id, row.price_minor): row.pieces for row in conn.execute(HAD, {"order_id": order_id})}
    every = sorted({*more, *(product_id for product_id, _ in had)})
    products = conn.execute(PRODUCTS, {"run_no": order.run_no, "products": every})
    windows = open_windows(conn, site_id=order.site_id, now=now)
    return EditPage(order, standing, had, {row.id: row for row in products}, windows)


def open_edit(conn: Connection, *, order_id: str) -> Row[Any] | None:
    """The change that waits for its payment."""
    return conn.execute(OPEN, {"order_id": order_id}).one_or_none()


def dropped_edit(conn: Connection, *, order_id: str) -> str | None:
    """Why the newest change was not made, if it was not: a refusal's code."""
    found: str | None = conn.execute(LAST_DROPPED, {"order_id": order_id}).scalar_one_or_none()
    return found


def editable_order(conn: Connection, *, person_id: str, site_id: str, now: datetime) -> Row[Any] | None:
    """A person's newest order at a site that can still be added to."""
    asked = {"person_id": person_id, "site_id": site_id, "now": now}
    return conn.execute(EDITABLE, asked).one_or_none()
