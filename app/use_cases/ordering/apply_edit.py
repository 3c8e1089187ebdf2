"""A wish to change a paid order is carried out, whole or not at all; its caller holds the order's row.

Decides with `domain.editing` whether it may, takes what is needed more and gives back what is needed less, and books no
money: that is `edit_order`'s for what goes back, and the payment's for what was added. Never called without a savepoint
or a transaction that its caller rolls back on a refusal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, text

from app.db.held_changes import Held, Place, change_held, lock_held
from app.db.moves import note
from app.domain.basket import LiveGoods, ProductUnavailable, refuse_late
from app.domain.capacity import demand
from app.domain.editing import EditedLine, Standing, pieces, refuse_uneditable, revise, total_minor
from app.domain.errors import NotFound
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.parcelling import DoorType, Goods, PlannedParcel, TooLargeForLockers, plan_parcels
from app.domain.shelf_life import KeepsTooShort, Perishable, good_until
from app.use_cases.ordering.redraw_parcels import Drawing, redraw_parcels
from locker_protocol.ids import RandomBytes
from locker_protocol.vocabulary import Zone

EDITED = "edited"

LOCK_ORDER = text("""
    SELECT o.id, o.order_no, o.state, o.person_id, o.site_id, o.run_no, o.window_id, o.stock_run_no, o.currency,
        o.total_minor, least(r.order_by, r.called_off_at) AS order_by
    FROM customer_order o JOIN load_run r USING (run_no) WHERE o.id = :order_id FOR UPDATE OF o
""")
# Statements of their own: one that waited for the lock would see them as they were before.
LINES = text("""
    SELECT product_id, price_minor, sum(quantity)::int AS pieces, bool_or(picked_at IS NOT NULL) AS picked
    FROM order_line WHERE order_id = :order_id GROUP BY product_id, price_minor ORDER BY product_id, price_minor
""")
REFUNDED = text("SELECT EXISTS (SELECT FROM refund_line WHERE order_id = :order_id)")
PARCELS = text("SELECT DISTINCT state FROM parcel WHERE order_id = :order_id")
WINDOW = text("""
    SELECT w.id, w.run_no, w.closes_at, r.load_from, r.removal_from, least(r.order_by, r.called_off_at) AS order_by,
        (
            SELECT json_agg(t) FROM (
                SELECT zone, size, min(volume_ml) AS volume_ml, min(longest_mm) AS longest_mm
                FROM compartment WHERE site_id = r.site_id GROUP BY zone, size
            ) t
        ) AS doors
    FROM pickup_window w JOIN load_run r USING (run_no) WHERE w.id = :window_id AND r.site_id = :site_id
""")
PRODUCTS = text("""
    SELECT p.id, p.name_zh, p.name_en, coalesce(p.cap_minor, p.price_minor) AS charged_minor, p.zone, p.tolerates,
        p.life_h, p.volume_ml, p.longest_mm, p.weight_g, p.flags, p.active AND s.run_no IS NOT NULL AS sold
    FROM product p LEFT JOIN run_stock s ON s.product_id = p.id AND s.run_no = :run_no
    WHERE p.id = ANY(:products)
""")
WRITE_ORDER = text("""
    UPDATE customer_order SET run_no = :run_no, window_id = :window_id, total_minor = :total, version = version + 1
    WHERE id = :order_id
""")

Pieces = Mapping[tuple[str, int], int]
NO_PRICES: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order before it is changed; its row is locked."""

    row: Row[Any]
    pieces: Pieces
    standing: Standing


@dataclass(frozen=True, slots=True)
class Revised:
    """What an order shall become: its lines, and the window it shall be collected in."""

    lines: Sequence[EditedLine]
    window: Row[Any]
    products: Mapping[str, Row[Any]]


def lock_ordered(conn: Connection, *, order_id: str) -> Ordered:
    """Lock and read an order. Raises NotFound."""
    row = conn.execute(LOCK_ORDER, {"order_id": order_id}).one_or_none()
    if row is None:
        raise NotFound(what="order")
    lines = conn.execute(LINES, {"order_id": order_id}).all()
    standing = Standing(
        state=OrderState(row.state),
        order_by=row.order_by,
        moved=row.stock_run_no is not None,
        picked=any(line.picked for line in lines),
        refunded=conn.execute(REFUNDED, {"order_id": order_id}).scalar_one(),
        parcels=frozenset(ParcelState(state) for state in conn.execute(PARCELS, {"order_id": order_id}).scalars()),
    )
    return Ordered(row, {(line.product_id, line.price_minor): line.pieces for line in lines}, standing)


def revise_order(
    conn: Connection,
    *,
    ordered: Ordered,
    wanted: Mapping[str, int],
    window_id: int,
    now: datetime,
    agreed: Mapping[str, int] = NO_PRICES,
) -> Revised:
    """Judge a wish by what is sold now, at today's prices or those that were `agreed`.

    Raises what `refuse_uneditable` does, NotFound for another site's window, OrderCycleClosed, ProductUnavailable,
    LiveGoods or KeepsTooShort.
    """
    refuse_uneditable(ordered.standing, now=now)
    window = conn.execute(WINDOW, {"window_id": window_id, "site_id": ordered.row.site_id}).one_or_none()
    if window is None:
        raise NotFound(what="window")
    refuse_late(order_by=window.order_by, now=now)
    every = sorted({*wanted, *(product_id for product_id, _ in ordered.pieces)})
    rows = conn.execute(PRODUCTS, {"run_no": window.run_no, "products": every})
    products = {row.id: row for row in rows}
    if unknown := sorted(set(wanted) - set(products)):
        raise ProductUnavailable(product=unknown[0])
    for product_id in wanted:
        _refuse_unsuitable(products[product_id], window, moves=window.run_no != ordered.row.run_no)
    prices = {row.id: agreed.get(row.id, row.charged_minor) for row in products.values() if row.sold}
    return Revised(revise(ordered.pieces, wanted, prices), window, products)


def apply_edit(
    conn: Connection, *, ordered: Ordered, revised: Revised, actor: str, now: datetime, random: RandomBytes
) -> None:
    """Change the order. Raises RunFull, SoldOut, WindowFull, TooLargeForLockers or TooManyEdits; roll back then."""
    order, window = ordered.row, revised.window
    at = Place(run_no=order.run_no, window_id=order.window_id)
    to = Place(run_no=window.run_no, window_id=window.id)
    goods = pieces(revised.lines)
    held, left = lock_held(conn, order_id=order.id, at=at, to=to, products=sorted(goods))
    kept = [line for line in revised.lines if line.after]
    parcels = _plan(kept, revised, left)
    doors = demand((parcel.zone, parcel.size) for parcel in parcels)
    change_held(conn, order_id=order.id, held=held, wanted=Held(at=to, doors=doors, goods=goods))
    total = total_minor(revised.lines)
    values = {"order_id": order.id, "run_no": window.run_no, "window_id": window.id, "total": total}
    conn.execute(WRITE_ORDER, values)
    drawing = Drawing(
        lines=kept,
        parcels=parcels,
        foods={row.id: _perishable(row) for row in revised.products.values()},
        load_from=window.load_from,
        removal_from=window.removal_from,
    )
    redraw_parcels(conn, order=order, drawing=drawing, actor=actor, now=now, random=random)
    note(conn, order_id=order.id, state=OrderState.PAID, event=EDITED, actor=actor, now=now)


def _refuse_unsuitable(product: Row[Any], window: Row[Any], *, moves: bool) -> None:
    """What goes to another run must be sold there, too: its stock is taken there."""
    if moves and not product.sold:
        raise ProductUnavailable(**_facts(product))
    if "live" in product.flags:
        raise LiveGoods(**_facts(product))
    food = _perishable(product)
    if good_until(food, stands_in=food.zone, load_from=window.load_from) < window.closes_at:
        raise KeepsTooShort(**_facts(product))


def _plan(kept: Sequence[EditedLine], revised: Revised, left: Mapping[Any, int]) -> tuple[PlannedParcel, ...]:
    window = revised.window
    doors = msgspec.convert([] if window.doors is None else window.doors, list[DoorType])
    hours = (window.closes_at - window.load_from) / timedelta(hours=1)
    goods = [_goods(at, line, revised.products[line.product_id]) for at, line in enumerate(kept)]
    try:
        return plan_parcels(goods, doors=doors, left=left, hours=hours)
    except TooLargeForLockers as refusal:
        line = kept[int(refusal.facts["line"])]
        raise TooLargeForLockers(**_facts(revised.products[line.product_id])) from None


def _goods(at: int, line: EditedLine, product: Row[Any]) -> Goods:
    return Goods(
        line=at,
        quantity=line.after,
        zone=Zone(product.zone),
        tolerates={Zone(zone): hours for zone, hours in product.tolerates.items()},
        volume_ml=product.volume_ml,
        longest_mm=product.longest_mm,
        weight_g=product.weight_g,
    )


def _perishable(product: Row[Any]) -> Perishable:
    tolerates = {Zone(zone): hours for zone, hours in product.tolerates.items()}
    return Perishable(zone=Zone(product.zone), tolerates=tolerates, life_h=product.life_h)


def _facts(product: Row[Any]) -> dict[str, str | int]:
    return {"product": product.id, "name_zh": product.name_zh, "name_en": product.name_en}
