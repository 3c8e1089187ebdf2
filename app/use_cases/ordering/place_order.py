"""A basket becomes an order that holds stock, a place in the window and doors of the run for ten minutes.

Decides in one transaction, all or nothing; a refusal leaves no trace. The same key gives the same answer again. Never
takes money and never picks doors. Six statements, whatever the basket's size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from app.db.engine import announce
from app.db.holds import lock_counters, take_place, take_stock
from app.domain.basket import (
    BasketLine,
    IdempotencyKeyReused,
    LiveGoods,
    ProductUnavailable,
    Substitution,
    checked_basket,
    checked_key,
    refuse_late,
    request_hash,
)
from app.domain.capacity import demand
from app.domain.errors import NotFound
from app.domain.holding import HOLD
from app.domain.order_number import order_no, parcel_ref
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.parcelling import DoorType, Goods, PlannedParcel, TooLargeForLockers, plan_parcels
from app.domain.shelf_life import KeepsTooShort, Perishable, collect_until, good_until
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes
from locker_protocol.vocabulary import Zone

CLAIM_KEY = text("""
    INSERT INTO idempotent_request (person_id, key, request_hash, made_at) VALUES (:person, :key, :hash, :now)
    ON CONFLICT DO NOTHING
""")
EARLIER_ANSWER = text("SELECT request_hash, answer FROM idempotent_request WHERE person_id = :person AND key = :key")

LOAD_WINDOW = text("""
    SELECT w.id, w.run_no, w.closes_at, r.site_id, r.load_from, r.removal_from, s.currency,
        least(r.order_by, r.called_off_at) AS order_by,
        nextval('order_number') AS number,
        (
            SELECT json_agg(t) FROM (
                SELECT zone, size, min(volume_ml) AS volume_ml, min(longest_mm) AS longest_mm
                FROM compartment WHERE site_id = r.site_id GROUP BY zone, size
            ) t
        ) AS doors
    FROM pickup_window w JOIN load_run r USING (run_no) JOIN site s ON s.id = r.site_id
    WHERE w.id = :window_id
""")

LOAD_PRODUCTS = text("""
    SELECT p.id, p.name_zh, p.name_en, p.price_minor, p.cap_minor, p.zone, p.tolerates, p.life_h,
        p.volume_ml, p.longest_mm, p.weight_g, p.flags
    FROM product p JOIN run_stock s ON s.product_id = p.id AND s.run_no = :run_no
    WHERE p.active AND p.id = ANY(:products)
""")

WRITE = text("""
    WITH placed AS (
        INSERT INTO customer_order (id, order_no, person_id, site_id, run_no, window_id, state, currency, total_minor,
            low_door, substitution, placed_at, hold_until)
        VALUES (:order_id, :order_no, :person, :site_id, :run_no, :window_id, :state, :currency, :total,
            :low_door, :substitution, :now, :hold_until)
    ), drawn AS (
        INSERT INTO parcel (id, ref, order_id, state, zone, size, volume_ml, longest_mm, weight_g, collect_until)
        SELECT id, ref, :order_id, :draft, zone, size, volume_ml, longest_mm, weight_g, collect_until
        FROM jsonb_to_recordset(:parcels) AS p(id text, ref text, zone text, size text, volume_ml int, longest_mm int,
            weight_g int, collect_until timestamptz)
    ), lined AS (
        INSERT INTO order_line (order_id, line_no, product_id, parcel_id, quantity, price_minor, line_minor)
        SELECT :order_id, line_no, product_id, parcel_id, quantity, price_minor, quantity * price_minor
        FROM jsonb_to_recordset(:lines) AS l(line_no int, product_id text, parcel_id text, quantity int,
            price_minor bigint)
    ), held AS (
        INSERT INTO capacity_hold (order_id, run_no, zone, size_or_larger, count)
        SELECT :order_id, :run_no, zone, size, count
        FROM jsonb_to_recordset(:holds) AS h(zone text, size text, count int)
    ), taken AS (
        UPDATE run_capacity c SET taken = c.taken + h.count
        FROM jsonb_to_recordset(:holds) AS h(zone text, size text, count int)
        WHERE c.run_no = :run_no AND c.zone = h.zone AND c.size_or_larger = h.size
    ), told AS (
        INSERT INTO history (at, order_id, subject, subject_id, event, to_state, actor)
        VALUES (:now, :order_id, 'order', :order_id, 'placed', :state, :actor)
    )
    UPDATE idempotent_request SET answer = :answer WHERE person_id = :person AND key = :key
""").bindparams(*(bindparam(name, type_=JSONB) for name in ("parcels", "lines", "holds", "answer")))


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The answer to a checkout, the same for every repeat."""

    order_id: str
    order_no: str
    total_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checkout:
    """One checkout under way: what was asked, and what the database knows of it."""

    person_id: str
    key: str
    low_door: bool
    substitution: Substitution
    wanted: Mapping[str, int]
    window: Row[Any]
    products: Mapping[str, Row[Any]]
    now: datetime


def place_order(
    conn: Connection,
    *,
    person_id: str,
    window_id: int,
    lines: Sequence[BasketLine],
    idempotency_key: str,
    low_door: bool,
    now: datetime,
    substitution: Substitution = Substitution.REFUND,
    random: RandomBytes = random_bytes,
) -> PlacedOrder:
    """Place an order, or give the answer of the first time. Raises what stands in its way, and what is left instead."""
    wanted = checked_basket(lines)
    key = checked_key(idempotency_key)
    asked = request_hash(window_id=window_id, wanted=wanted, low_door=low_door, substitution=substitution)
    earlier = _claim(conn, person_id=person_id, key=key, asked=asked, now=now)
    if earlier is not None:
        return earlier
    window = _load_window(conn, window_id, now)
    products = _load_products(conn, window, wanted)
    checkout = _Checkout(
        person_id=person_id,
        key=key,
        low_door=low_door,
        substitution=substitution,
        wanted=wanted,
        window=window,
        products=products,
        now=now,
    )
    parcels = _plan(conn, checkout)
    take_stock(conn, run_no=window.run_no, quantities=wanted)
    take_place(conn, window_id=window_id)
    return _write(conn, checkout, parcels, random)


def _claim(conn: Connection, *, person_id: str, key: str, asked: bytes, now: datetime) -> PlacedOrder | None:
    """Claim the key; a second request with it waits here for the first one's end, and gets its answer."""
    claim = {"person": person_id, "key": key, "hash": asked, "now": now}
    if conn.execute(CLAIM_KEY, claim).rowcount == 1:
        return None
    earlier = conn.execute(EARLIER_ANSWER, {"person": person_id, "key": key}).one()
    if bytes(earlier.request_hash) != asked:
        raise IdempotencyKeyReused
    return PlacedOrder(**earlier.answer)


def _load_window(conn: Connection, window_id: int, now: datetime) -> Row[Any]:
    window = conn.execute(LOAD_WINDOW, {"window_id": window_id}).one_or_none()
    if window is None:
        raise NotFound
    refuse_late(order_by=window.order_by, now=now)
    return window


def _load_products(conn: Connection, window: Row[Any], wanted: Mapping[str, int]) -> dict[str, Row[Any]]:
    rows = conn.execute(LOAD_PRODUCTS, {"run_no": window.run_no, "products": list(wanted)})
    products = {row.id: row for row in rows}
    for product_id in wanted:
        if product_id not in products:
            raise ProductUnavailable(product=product_id)
        _refuse_unsuitable(products[product_id], window)
    return products


def _refuse_unsuitable(product: Row[Any], window: Row[Any]) -> None:
    if "live" in product.flags:
        raise LiveGoods(**_facts(product))
    own = Zone(product.zone)
    if good_until(_perishable(product), stands_in=own, load_from=window.load_from) < window.closes_at:
        raise KeepsTooShort(**_facts(product))


def _plan(conn: Connection, checkout: _Checkout) -> tuple[PlannedParcel, ...]:
    window, products = checkout.window, list(checkout.products.values())
    left = lock_counters(conn, run_no=window.run_no)
    hours = (window.closes_at - window.load_from) / timedelta(hours=1)
    doors = msgspec.convert([] if window.doors is None else window.doors, list[DoorType])
    goods = [_goods(line, row, checkout.wanted[row.id]) for line, row in enumerate(products)]
    try:
        return plan_parcels(goods, doors=doors, left=left, hours=hours)
    except TooLargeForLockers as refusal:
        raise TooLargeForLockers(**_facts(products[int(refusal.facts["line"])])) from None


def _write(conn: Connection, checkout: _Checkout, parcels: Sequence[PlannedParcel], random: RandomBytes) -> PlacedOrder:
    window, now = checkout.window, checkout.now
    number = order_no(window.number)
    parcel_rows = [_parcel_row(checkout, parcel, parcel_ref(number, i), random) for i, parcel in enumerate(parcels)]
    line_rows = _line_rows(checkout, parcels, [row["id"] for row in parcel_rows])
    total = sum(line["quantity"] * line["price_minor"] for line in line_rows)
    placed = PlacedOrder(new_id(to_wire(now), random), number, total, window.currency)
    wanted = demand((parcel.zone, parcel.size) for parcel in parcels)
    conn.execute(
        WRITE,
        {
            "order_id": placed.order_id,
            "order_no": number,
            "person": checkout.person_id,
            "site_id": window.site_id,
            "run_no": window.run_no,
            "window_id": window.id,
            "state": OrderState.AWAITING_PAYMENT.value,
            "draft": ParcelState.DRAFT.value,
            "currency": window.currency,
            "total": total,
            "low_door": checkout.low_door,
            "substitution": checkout.substitution.value,
            "now": now,
            "hold_until": now + HOLD,
            "actor": f"person:{checkout.person_id}",
            "parcels": parcel_rows,
            "lines": line_rows,
            "holds": [{"zone": zone, "size": size, "count": count} for (zone, size), count in sorted(wanted.items())],
            "answer": asdict(placed),
            "key": checkout.key,
        },
    )
    announce(conn, f"order:{placed.order_id}")
    return placed


def _parcel_row(checkout: _Checkout, parcel: PlannedParcel, ref: str, random: RandomBytes) -> dict[str, Any]:
    products = list(checkout.products.values())
    until = collect_until(
        (_perishable(products[portion.line]) for portion in parcel.portions),
        stands_in=parcel.zone,
        load_from=checkout.window.load_from,
        removal_from=checkout.window.removal_from,
    )
    return {
        "id": new_id(to_wire(checkout.now), random),
        "ref": ref,
        "zone": parcel.zone,
        "size": parcel.size,
        "volume_ml": parcel.volume_ml,
        "longest_mm": parcel.longest_mm,
        "weight_g": parcel.weight_g,
        "collect_until": until.isoformat(),
    }


def _line_rows(
    checkout: _Checkout, parcels: Sequence[PlannedParcel], parcel_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """One order line a product and parcel: what a picker puts into which bag."""
    products = list(checkout.products.values())
    found = [
        (products[portion.line], parcel_id, portion.quantity)
        for parcel, parcel_id in zip(parcels, parcel_ids, strict=True)
        for portion in parcel.portions
    ]
    return [
        {
            "line_no": line_no,
            "product_id": row.id,
            "parcel_id": parcel_id,
            "quantity": quantity,
            "price_minor": row.price_minor if row.cap_minor is None else row.cap_minor,
        }
        for line_no, (row, parcel_id, quantity) in enumerate(found, start=1)
    ]


def _goods(line: int, product: Row[Any], quantity: int) -> Goods:
    return Goods(
        line=line,
        quantity=quantity,
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
