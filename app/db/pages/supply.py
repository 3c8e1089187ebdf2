"""What operators see of suppliers and lots, pickers of the lots on the shelf, and residents of the lot of the day.

Reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.supplying import needed

MOST_ROWS = 200
MOST_ORDERS = 2_000
LATELY = timedelta(days=14)

SUPPLIERS = text("""
    SELECT s.*, (SELECT count(*) FROM product p WHERE p.supplier_id = s.id) AS products
    FROM supplier s ORDER BY s.active DESC, s.name_zh
""")
SUPPLIER = text("SELECT * FROM supplier WHERE id = :id")
BROUGHT = text("SELECT id, name_zh, name_en, active FROM product WHERE supplier_id = :id ORDER BY position, id")
OTHERS = text("""
    SELECT id, name_zh, name_en FROM product WHERE supplier_id IS DISTINCT FROM :id AND active ORDER BY position, id
""")
RUNS = text("""
    SELECT r.run_no, r.kind, r.local_date, r.order_by, r.load_from, s.name_zh, s.name_en, s.timezone,
        r.order_by <= :now AS closed
    FROM load_run r JOIN site s ON s.id = r.site_id
    WHERE r.removal_from > :now AND r.called_off_at IS NULL ORDER BY r.load_from, s.site_no LIMIT 40
""")
RUN = text("""
    SELECT r.run_no, r.kind, r.local_date, r.order_by, r.load_from, s.name_zh, s.name_en, s.timezone,
        r.order_by <= :now AS closed
    FROM load_run r JOIN site s ON s.id = r.site_id WHERE r.run_no = :run_no
""")
# An order that was moved to another run has the goods of the run it was placed for.
ORDERED = text("""
    SELECT p.id, p.name_zh, p.name_en, p.unit_zh, p.unit_en, sum(l.quantity)::bigint AS ordered
    FROM customer_order o JOIN order_line l ON l.order_id = o.id JOIN product p ON p.id = l.product_id
    WHERE coalesce(o.stock_run_no, o.run_no) = :run_no AND p.supplier_id = :supplier_id
        AND o.state IN ('paid', 'packed', 'ready', 'collected')
    GROUP BY p.id ORDER BY p.position, p.id
""")
LOTS = text("""
    SELECT t.id, t.code, t.state, t.expires_on, t.received, t.taken, t.received_at, t.expires_on < :today AS over,
        p.id AS product_id, p.name_zh, p.name_en, s.name_zh AS supplier_zh, s.name_en AS supplier_en
    FROM lot t JOIN product p ON p.id = t.product_id LEFT JOIN supplier s ON s.id = t.supplier_id
    WHERE (:q = '' OR position(lower(:q) IN lower(concat_ws(' ', t.code, p.id, p.name_zh, p.name_en, t.grower))) > 0)
        AND (:q <> '' OR t.expires_on >= :since OR t.state <> 'open')
    ORDER BY t.state = 'open', t.expires_on, t.id LIMIT :most
""")
LOT = text("""
    SELECT t.*, p.name_zh, p.name_en, s.name_zh AS supplier_zh, s.name_en AS supplier_en, f.at AS photo_at,
        r.begun_at, r.ended_at, r.reason, r.orders AS recalled_orders,
        coalesce(nullif(w.display_name, ''), w.role) AS who,
        (SELECT count(*) FROM lot_recall_order x WHERE x.lot_id = t.id AND x.at IS NOT NULL) AS dealt_with
    FROM lot t JOIN product p ON p.id = t.product_id LEFT JOIN supplier s ON s.id = t.supplier_id
    LEFT JOIN lot_photo f ON f.lot_id = t.id LEFT JOIN lot_recall r ON r.lot_id = t.id
    LEFT JOIN person w ON w.id = r.person_id
    WHERE t.id = :id
""")
# What was taken back to be picked again from another lot is known to the recall only.
ORDERS = text("""
    SELECT o.id, o.order_no, o.state, s.name_zh, s.name_en, x.at AS dealt_at, x.step, coalesce(g.pieces, 0) AS pieces,
        g.parcels
    FROM (
        SELECT order_id FROM line_lot WHERE lot_id = :id UNION SELECT order_id FROM lot_recall_order WHERE lot_id = :id
    ) a JOIN customer_order o ON o.id = a.order_id JOIN site s ON s.id = o.site_id
    LEFT JOIN lot_recall_order x ON x.lot_id = :id AND x.order_id = o.id
    LEFT JOIN LATERAL (
        SELECT sum(q.quantity) AS pieces,
            json_agg(DISTINCT jsonb_build_object('ref', p.ref, 'state', p.state, 'door', p.door)) AS parcels
        FROM line_lot q JOIN order_line l USING (order_id, line_no) JOIN parcel p ON p.id = l.parcel_id
        WHERE q.lot_id = :id AND q.order_id = o.id
    ) g ON true
    ORDER BY s.site_no, o.order_no LIMIT :most
""")
COUNT = text("SELECT count(DISTINCT order_id) FROM line_lot WHERE lot_id = :id")
SHELF = text("""
    SELECT t.code, t.expires_on, t.received - t.taken AS left_over FROM lot t
    WHERE t.product_id = :product_id AND t.state = 'open' AND t.taken < t.received AND t.expires_on >= (
        SELECT max(p.collect_until AT TIME ZONE s.timezone)::date FROM parcel p
        JOIN customer_order o ON o.id = p.order_id JOIN site s ON s.id = o.site_id WHERE p.id = ANY(:parcels)
    ) ORDER BY t.expires_on, t.id LIMIT 8
""")
IS_LOT = text("SELECT 1 FROM lot WHERE product_id = :product_id AND code = :code")
IN_LINE = text("""
    SELECT t.code, t.expires_on, x.quantity, x.by_hand FROM line_lot x JOIN lot t ON t.id = x.lot_id
    JOIN order_line l USING (order_id, line_no)
    WHERE l.parcel_id = :parcel_id AND l.line_no = :line_no ORDER BY t.expires_on, t.id
""")
# What is picked next, or was last: the lot somebody who orders now is likely to get.
OF_THE_DAY = text("""
    SELECT t.id, t.code, t.origin_zh, t.origin_en, t.grower, t.harvested_at, t.certificate, t.expires_on,
        f.at AS photo_at
    FROM lot t LEFT JOIN lot_photo f ON f.lot_id = t.id
    WHERE t.product_id = :product_id AND t.state = 'open' AND t.expires_on >= :today
    ORDER BY t.taken >= t.received, t.expires_on, t.id LIMIT 1
""")
PHOTO = text("SELECT f.jpeg FROM lot_photo f WHERE f.lot_id = :id")


@dataclass(frozen=True, slots=True)
class Need:
    """A product a supplier shall bring for a run: pieces ordered, and pieces to ask for."""

    product: Row[Any]
    ordered: int
    wanted: int


@dataclass(frozen=True, slots=True)
class RunNeeds:
    """What is needed of one supplier for one run."""

    supplier: Row[Any]
    run: Row[Any]
    needs: Sequence[Need]


def suppliers(conn: Connection) -> Sequence[Row[Any]]:
    """All suppliers with how many products each brings."""
    return conn.execute(SUPPLIERS).all()


def one_supplier(conn: Connection, *, supplier_id: str) -> Row[Any] | None:
    """A supplier by their id."""
    return conn.execute(SUPPLIER, {"id": supplier_id}).one_or_none()


def products_of(conn: Connection, *, supplier_id: str) -> tuple[Sequence[Row[Any]], Sequence[Row[Any]]]:
    """What a supplier brings, and what others bring or nobody."""
    return conn.execute(BROUGHT, {"id": supplier_id}).all(), conn.execute(OTHERS, {"id": supplier_id}).all()


def coming_runs(conn: Connection, *, now: datetime) -> Sequence[Row[Any]]:
    """Runs whose leftovers are not taken away yet, soonest first."""
    return conn.execute(RUNS, {"now": now}).all()


def run_needs(conn: Connection, *, supplier_id: str, run_no: int, now: datetime) -> RunNeeds | None:
    """What is needed of a supplier for a run; `None` when there is no such supplier or run."""
    supplier = one_supplier(conn, supplier_id=supplier_id)
    run = conn.execute(RUN, {"run_no": run_no, "now": now}).one_or_none()
    if supplier is None or run is None:
        return None
    rows = conn.execute(ORDERED, {"run_no": run_no, "supplier_id": supplier_id})
    needs = [Need(row, row.ordered, needed(row.ordered, margin_percent=supplier.margin_percent)) for row in rows]
    return RunNeeds(supplier, run, needs)


def lots(conn: Connection, *, q: str, today: date) -> Sequence[Row[Any]]:
    """Lots that are held or recalled, then those that are good or were lately; with `q` any that match."""
    return conn.execute(LOTS, {"q": q, "today": today, "since": today - LATELY, "most": MOST_ROWS}).all()


def one_lot(conn: Connection, *, lot_id: str) -> Row[Any] | None:
    """A lot, its product, and its recall if there is one."""
    return conn.execute(LOT, {"id": lot_id}).one_or_none()


def orders_with(conn: Connection, *, lot_id: str) -> tuple[int, Sequence[Row[Any]]]:
    """How many orders have a lot now, and each with where its bags are; those of its recall, too."""
    asked = {"id": lot_id, "most": MOST_ORDERS}
    return conn.execute(COUNT, {"id": lot_id}).scalar_one(), conn.execute(ORDERS, asked).all()


def on_shelf(conn: Connection, *, product_id: str, parcel_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Open lots that are good for all of these bags, the one to take first."""
    return conn.execute(SHELF, {"product_id": product_id, "parcels": list(parcel_ids)}).all()


def is_lot(conn: Connection, *, product_id: str, code: str) -> bool:
    """Whether a product has a lot of that code, in whatever state."""
    return conn.execute(IS_LOT, {"product_id": product_id, "code": code}).one_or_none() is not None


def in_line(conn: Connection, *, parcel_id: str, line_no: int) -> Sequence[Row[Any]]:
    """Of which lots a line's pieces are."""
    return conn.execute(IN_LINE, {"parcel_id": parcel_id, "line_no": line_no}).all()


def lot_of_the_day(conn: Connection, *, product_id: str, today: date) -> Row[Any] | None:
    """The lot that is packed from now; none when none is open."""
    return conn.execute(OF_THE_DAY, {"product_id": product_id, "today": today}).one_or_none()


def lot_photo(conn: Connection, *, lot_id: str) -> bytes | None:
    """How a lot looked when it came, as JPEG."""
    found = conn.execute(PHOTO, {"id": lot_id}).scalar_one_or_none()
    return None if found is None else bytes(found)
