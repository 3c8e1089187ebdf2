"""What operators see of products and stock: prices, what each open run has and has given away, and who changed it.

Reads only.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

MOST_ROWS = 100
LATEST = 30

OPEN_RUNS = text("""
    SELECT r.run_no, r.kind, r.local_date, r.order_by, s.name_zh, s.name_en, s.timezone
    FROM load_run r JOIN site s ON s.id = r.site_id
    WHERE r.order_by > :now AND r.called_off_at IS NULL ORDER BY r.order_by, s.site_no LIMIT 60
""")
CATEGORIES = text("SELECT id, name_zh, name_en FROM category ORDER BY position, id")
HOUSE = text("SELECT currency, timezone FROM site ORDER BY site_no LIMIT 1")
PRODUCTS = text("""
    SELECT id, name_zh, name_en, unit_zh, unit_en, price_minor, unit_price_minor, unit_price_per, cap_minor,
        stock_a_run, active
    FROM product
    WHERE (:category = '' OR category_id = :category)
        AND (:q = '' OR position(lower(:q) IN lower(concat_ws(' ', id, name_zh, name_en, search))) > 0)
    ORDER BY position, id LIMIT :most
""")
RUN_STOCK = text("""
    SELECT p.id, p.name_zh, p.name_en, p.unit_zh, p.unit_en, p.active, k.total, k.taken, k.total - k.taken AS left_over
    FROM run_stock k JOIN product p ON p.id = k.product_id
    WHERE k.run_no = :run_no AND (:category = '' OR p.category_id = :category)
        AND (:q = '' OR position(lower(:q) IN lower(concat_ws(' ', p.id, p.name_zh, p.name_en, p.search))) > 0)
    ORDER BY p.position, p.id LIMIT :most
""")
CHANGES = text("""
    SELECT c.at, c.subject, c.subject_id, c.field, c.before, c.after, p.id AS product_id, p.name_zh, p.name_en,
        coalesce(nullif(w.display_name, ''), w.role) AS who
    FROM change c JOIN person w ON w.id = c.person_id
    JOIN product p ON p.id = CASE c.subject WHEN 'product' THEN c.subject_id ELSE split_part(c.subject_id, '/', 2) END
    WHERE c.subject IN ('product', 'stock') AND c.field <> 'supplier_id' ORDER BY c.id DESC LIMIT :latest
""")


def open_runs(conn: Connection, *, now: datetime) -> Sequence[Row[Any]]:
    """Runs that can still be ordered for, the next to close first."""
    return conn.execute(OPEN_RUNS, {"now": now}).all()


def categories(conn: Connection) -> Sequence[Row[Any]]:
    """The shelves."""
    return conn.execute(CATEGORIES).all()


def house(conn: Connection) -> Row[Any]:
    """The currency prices are in and the zone of what belongs to no site: those of the first site."""
    return conn.execute(HOUSE).one()


def products(conn: Connection, *, category: str, q: str) -> Sequence[Row[Any]]:
    """Products of a shelf, or whose words hold `q`; the first hundred."""
    return conn.execute(PRODUCTS, {"category": category, "q": q, "most": MOST_ROWS}).all()


def run_stock(conn: Connection, *, run_no: int, category: str, q: str) -> Sequence[Row[Any]]:
    """What a run has of each product; the first hundred."""
    return conn.execute(RUN_STOCK, {"run_no": run_no, "category": category, "q": q, "most": MOST_ROWS}).all()


def changes(conn: Connection) -> Sequence[Row[Any]]:
    """The latest changes of prices and stock, and who made them."""
    return conn.execute(CHANGES, {"latest": LATEST}).all()
