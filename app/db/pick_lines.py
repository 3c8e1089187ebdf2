"""A line at hand: locked and read before a picker's use case decides, written after. Nobody else says what is picked.

The order's row is locked first, as everywhere, so two pickers at one order come one after the other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text, update

from app.db.engine import announce
from app.db.lots import LotInHand, keep_lots
from app.db.tables import order_line
from app.domain.errors import IllegalMove, NotFound
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.picking import Candidate, may_stand_for
from app.domain.shelf_life import Perishable, good_until
from locker_protocol.vocabulary import Zone

LOCK = text("""
    SELECT id, state, site_id FROM customer_order
    WHERE id = (SELECT order_id FROM parcel WHERE id = :parcel_id) FOR UPDATE
""")
# A statement of its own: one that waited for the lock would see the lines as they were before.
LINES = text("""
    SELECT l.*, o.order_no, o.state AS order_state, o.run_no,
        coalesce(o.stock_run_no, o.run_no) AS stock_run_no, o.substitution, r.site_id, r.load_from, s.timezone,
        p.ref, p.state AS parcel_state, p.zone AS parcel_zone, p.collect_until,
        d.category_id, d.zone, d.food_class, d.price_minor AS estimate_minor, d.cap_minor, d.net_g,
        b.price_minor AS substitute_minor
    FROM order_line l
    JOIN customer_order o ON o.id = l.order_id
    JOIN load_run r ON r.run_no = o.run_no
    JOIN site s ON s.id = r.site_id
    JOIN parcel p ON p.id = l.parcel_id
    JOIN product d ON d.id = l.product_id
    LEFT JOIN product b ON b.id = l.substitute_id
    WHERE p.id = :parcel_id ORDER BY l.line_no
""")
PARCEL_OF = text("""
    SELECT p.id FROM parcel p JOIN customer_order o ON o.id = p.order_id WHERE o.run_no = :run_no AND p.ref = :ref
""")


def lock_order(conn: Connection, *, parcel_id: str) -> Row[Any]:
    """Lock the order of a parcel: `id`, `state`, `site_id`. Raises NotFound when there is no such parcel."""
    order = conn.execute(LOCK, {"parcel_id": parcel_id}).one_or_none()
    if order is None:
        raise NotFound
    return order


def lock_lines(conn: Connection, *, parcel_id: str) -> Sequence[Row[Any]]:
    """Lock an order and read the lines of one of its parcels. Raises NotFound when there is no such parcel."""
    lock_order(conn, parcel_id=parcel_id)
    return read_lines(conn, parcel_id=parcel_id)


def read_lines(conn: Connection, *, parcel_id: str) -> Sequence[Row[Any]]:
    """The lines of a parcel without a lock, for pages."""
    return conn.execute(LINES, {"parcel_id": parcel_id}).all()


def lock_line(conn: Connection, *, parcel_id: str, line_no: int) -> Row[Any]:
    """Lock an order and read a line that may still be picked. Raises NotFound or IllegalMove."""
    found = [row for row in lock_lines(conn, parcel_id=parcel_id) if row.line_no == line_no]
    if not found:
        raise NotFound
    refuse_closed(found[0])
    return found[0]


def refuse_closed(line: Row[Any]) -> None:
    """Refuse a line whose tote is sealed or whose order is not being packed. Raises IllegalMove."""
    if (line.order_state, line.parcel_state) != (OrderState.PAID, ParcelState.PLANNED):
        raise IllegalMove(state=line.parcel_state, event=ParcelEvent.PACKED.value)


def parcel_of(conn: Connection, *, run_no: int, ref: str) -> str | None:
    """The parcel of a run with this reference."""
    found: str | None = conn.execute(PARCEL_OF, {"run_no": run_no, "ref": ref}).scalar_one_or_none()
    return found


def write_line(
    conn: Connection,
    line: Row[Any],
    *,
    person_id: str | None,
    now: datetime,
    lot: LotInHand | None = None,
    **values: Any,  # noqa: ANN401  columns
) -> None:
    """Write what was done with a locked line, by whom and of which lots; `picked_quantity=None` takes all of it back.

    Raises LotNotForThis or LotShort for a lot that was chosen.
    """
    nothing = {"picked_quantity": None, "weight_g": None, "short_reason": None}
    none_instead = {"substitute_id": None, "substitute_quantity": None}
    row = {**nothing, **none_instead, **values}
    undone = row["picked_quantity"] is None
    row |= {"picked_at": None, "picked_by": None} if undone else {"picked_at": now, "picked_by": person_id}
    at = (order_line.c.order_id == line.order_id, order_line.c.line_no == line.line_no)
    conn.execute(update(order_line).where(*at).values(**row))
    pieces = {line.product_id: row["picked_quantity"] or 0}
    if row["substitute_id"] is not None:
        pieces[row["substitute_id"]] = row["substitute_quantity"]
    keep_lots(conn, line, pieces=pieces, in_hand=lot)
    announce(conn, f"order:{line.order_id}")
    announce(conn, f"run:{line.run_no}")


def suits(product: Row[Any], line: Row[Any]) -> bool:
    """Whether a product may be packed instead of a line's, where its parcel stands and as long as it stands there."""
    tolerates = {Zone(zone): hours for zone, hours in product.tolerates.items()}
    life = Perishable(zone=Zone(product.zone), tolerates=tolerates, life_h=product.life_h)
    keeps = good_until(life, stands_in=Zone(line.parcel_zone), load_from=line.load_from) >= line.collect_until
    candidate = Candidate(
        product_id=product.id,
        category_id=product.category_id,
        zone=product.zone,
        catch_weight=product.cap_minor is not None or "live" in product.flags,
        keeps=keeps,
    )
    ordered = Candidate(
        product_id=line.product_id, category_id=line.category_id, zone=line.zone, catch_weight=False, keeps=True
    )
    return may_stand_for(candidate, ordered)
