"""A basket becomes an order that holds stock, a place in the window and doors of the run for ten minutes.

Decides in one transaction, all or nothing; a refusal leaves no trace. The same key gives the same answer again. Never
takes money and never picks doors. Two statements, whatever the basket's size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

import msgspec
from sqlalchemy import Connection, Row, text

from app.db.statement import Statement, as_json
from app.domain.basket import (
    BasketLine,
    IdempotencyKeyReused,
    LiveGoods,
    OrderCycleClosed,
    ProductUnavailable,
    Shortage,
    SoldOut,
    Substitution,
    WindowFull,
    checked_basket,
    checked_key,
    refuse_late,
    request_hash,
)
from app.domain.capacity import CounterKey, demand
from app.domain.errors import NotFound
from app.domain.holding import HOLD
from app.domain.order_number import order_no, parcel_ref
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.parcelling import DoorType, Goods, PlannedParcel, TooLargeForLockers, plan_parcels
from app.domain.shelf_life import KeepsTooShort, Perishable, collect_until, good_until
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes
from locker_protocol.vocabulary import SizeClass, Zone

# One statement claims the key, locks the run's counters (only for who got the key: a repeat must not hold them while it
# waits) and reads what the plan needs. No row: the key was used before, or the account is erased; who erases it locks
# the person.
BEGIN = Statement("""
    WITH claimed AS (
        INSERT INTO idempotent_request (person_id, key, request_hash, made_at)
        SELECT id, :key, :hash, :now FROM person WHERE id = :person AND erased_at IS NULL FOR KEY SHARE
        ON CONFLICT DO NOTHING RETURNING key
    ), counters AS (
        SELECT c.zone, c.size_or_larger, greatest(0, c.total - c.taken - c.blocked) AS left_over
        FROM run_capacity c
        WHERE c.run_no = (SELECT run_no FROM pickup_window WHERE id = :window_id) AND EXISTS (SELECT FROM claimed)
        ORDER BY c.zone, c.size_or_larger FOR UPDATE
    )
    SELECT w.id, w.run_no, w.closes_at, r.site_id, r.load_from, r.removal_from, s.currency,
        least(r.order_by, r.called_off_at) AS order_by,
        nextval('order_number') AS number,
        (SELECT json_agg(c)::text FROM counters c) AS counters,
        (
            SELECT json_agg(t)::text FROM (
                SELECT zone, size, min(volume_ml) AS volume_ml, min(longest_mm) AS longest_mm
                FROM compartment WHERE site_id = r.site_id GROUP BY zone, size
            ) t
        ) AS doors,
        (
            SELECT json_agg(t ORDER BY t.id)::text FROM (
                SELECT p.id, p.name_zh, p.name_en, coalesce(p.cap_minor, p.price_minor) AS price_minor, p.zone,
                    p.tolerates, p.life_h, p.volume_ml, p.longest_mm, p.weight_g, p.flags
                FROM product p JOIN run_stock s ON s.product_id = p.id AND s.run_no = r.run_no
                WHERE p.active AND p.id = ANY(:products)
            ) t
        ) AS products
    FROM claimed
    LEFT JOIN (pickup_window w JOIN load_run r USING (run_no) JOIN site s ON s.id = r.site_id) ON w.id = :window_id
""")
EARLIER_ANSWER = text("SELECT request_hash, answer FROM idempotent_request WHERE person_id = :person AND key = :key")

# Takes stock, then a place, then writes everything else; each step only where the one before succeeded whole. The run's
# counters are locked and were counted, so their doors are simply taken.
WRITE = Statement("""
    WITH stock AS (
        UPDATE run_stock s SET taken = s.taken + w.quantity
        FROM (
            SELECT l.product_id, w.quantity
            FROM run_stock l
            JOIN jsonb_to_recordset(:wanted) AS w(product_id text, quantity int) ON w.product_id = l.product_id
            WHERE l.run_no = :run_no ORDER BY l.product_id FOR UPDATE OF l
        ) w
        WHERE s.run_no = :run_no AND s.product_id = w.product_id AND s.taken + w.quantity <= s.total
        RETURNING s.product_id
    ), place AS (
        UPDATE pickup_window SET orders_taken = orders_taken + 1
        WHERE id = :window_id AND orders_taken < order_cap AND (SELECT count(*) FROM stock) = :products
            AND NOT EXISTS (SELECT FROM load_run WHERE run_no = :run_no AND called_off_at IS NOT NULL)
        RETURNING run_no
    ), taken AS (
        UPDATE run_capacity c SET taken = c.taken + h.count
        FROM place, jsonb_to_recordset(:holds) AS h(zone text, size text, count int)
        WHERE c.run_no = place.run_no AND c.zone = h.zone AND c.size_or_larger = h.size
    ), placed AS (
        INSERT INTO customer_order (id, order_no, person_id, site_id, run_no, window_id, state, currency, total_minor,
            low_door, substitution, guest_contact, placed_at, hold_until)
        SELECT :order_id, :order_no, :person, :site_id, run_no, :window_id, :state, :currency, :total,
            :low_door, :substitution, :guest_contact, :now, :hold_until
        FROM place
    ), drawn AS (
        INSERT INTO parcel (id, ref, order_id, state, zone, size, volume_ml, longest_mm, weight_g, collect_until)
        SELECT id, ref, :order_id, :draft, zone, size, volume_ml, longest_mm, weight_g, collect_until
        FROM place, jsonb_to_recordset(:parcels) AS p(id text, ref text, zone text, size text, volume_ml int,
            longest_mm int, weight_g int, collect_until timestamptz)
    ), lined AS (
        INSERT INTO order_line (order_id, line_no, product_id, parcel_id, quantity, price_minor, line_minor)
        SELECT :order_id, line_no, product_id, parcel_id, quantity, price_minor, quantity * price_minor
        FROM place, jsonb_to_recordset(:lines) AS l(line_no int, product_id text, parcel_id text, quantity int,
            price_minor bigint)
    ), held AS (
        INSERT INTO capacity_hold (order_id, run_no, zone, size_or_larger, count)
        SELECT :order_id, run_no, zone, size, count
        FROM place, jsonb_to_recordset(:holds) AS h(zone text, size text, count int)
    ), told AS (
        INSERT INTO history (at, order_id, subject, subject_id, event, to_state, actor)
        SELECT :now, :order_id, 'order', :order_id, 'placed', :state, :actor FROM place
    ), answered AS (
        UPDATE idempotent_request SET answer = :answer FROM place WHERE person_id = :person AND key = :key
    )
    SELECT EXISTS (SELECT FROM place) AS done, (SELECT array_agg(product_id) FROM stock) AS products
""")

# After a WRITE that wrote no order. What our own transaction took is not among the products that are short.
LEFT = text("""
    SELECT r.called_off_at, (
        SELECT json_object_agg(product_id, total - taken) FROM run_stock
        WHERE run_no = r.run_no AND product_id = ANY(:short)
    ) AS stock
    FROM load_run r WHERE r.run_no = :run_no
""")


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The answer to a checkout, the same for every repeat."""

    order_id: str
    order_no: str
    total_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Product:
    """What a checkout must know of one product; `price_minor` is what is charged: the cap where weight counts."""

    id: str
    name_zh: str
    name_en: str
    price_minor: int
    zone: Zone
    tolerates: dict[Zone, int]
    life_h: int
    volume_ml: int
    longest_mm: int
    weight_g: int
    flags: list[str]

    def facts(self) -> dict[str, str | int]:
        """What a refusal says of it."""
        return {"product": self.id, "name_zh": self.name_zh, "name_en": self.name_en}

    def perishable(self) -> Perishable:
        """How long it keeps."""
        return Perishable(zone=self.zone, tolerates=self.tolerates, life_h=self.life_h)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counter:
    """What is left of one of the run's counters."""

    zone: Zone
    size_or_larger: SizeClass
    left_over: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checkout:
    """One checkout under way: what was asked, and what the database knows of it."""

    person_id: str
    key: str
    low_door: bool
    substitution: Substitution
    guest_contact: str | None
    wanted: Mapping[str, int]
    window: Row[Any]
    products: Sequence[_Product]
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
    guest_contact: str | None = None,
    random: RandomBytes = random_bytes,
) -> PlacedOrder:
    """Place an order, or give the answer of the first time. Raises what stands in its way, and what is left instead.

    `guest_contact`: where a guest is told, as `admit_guest` gave it; an account's own contact is asked when it is told.
    """
    wanted = checked_basket(lines)
    key = checked_key(idempotency_key)
    asked = request_hash(
        window_id=window_id, wanted=wanted, low_door=low_door, substitution=substitution, guest_contact=guest_contact
    )
    begin = {"person": person_id, "key": key, "hash": asked, "now": now, "window_id": window_id}
    window = BEGIN.row(conn, {**begin, "products": list(wanted)})
    if window is None:
        return _earlier_answer(conn, person_id=person_id, key=key, asked=asked)
    if window.id is None:
        raise NotFound
    refuse_late(order_by=window.order_by, now=now)
    checkout = _Checkout(
        person_id=person_id,
        key=key,
        low_door=low_door,
        substitution=substitution,
        guest_contact=guest_contact,
        wanted=wanted,
        window=window,
        products=_suitable(window, wanted),
        now=now,
    )
    return _write(conn, checkout, _plan(checkout), random)


def _earlier_answer(conn: Connection, *, person_id: str, key: str, asked: bytes) -> PlacedOrder:
    """Whoever came second with a key has waited for the first one's end by now."""
    earlier = conn.execute(EARLIER_ANSWER, {"person": person_id, "key": key}).one_or_none()
    if earlier is None:
        raise NotFound(what="person")
    if bytes(earlier.request_hash) != asked:
        raise IdempotencyKeyReused
    return PlacedOrder(**earlier.answer)


def _suitable(window: Row[Any], wanted: Mapping[str, int]) -> list[_Product]:
    products = msgspec.json.decode(window.products or "[]", type=list[_Product])
    missing = wanted.keys() - {product.id for product in products}
    if missing:
        raise ProductUnavailable(product=min(missing))
    for product in products:
        if "live" in product.flags:
            raise LiveGoods(**product.facts())
        if good_until(product.perishable(), stands_in=product.zone, load_from=window.load_from) < window.closes_at:
            raise KeepsTooShort(**product.facts())
    return products


def _plan(checkout: _Checkout) -> tuple[PlannedParcel, ...]:
    window = checkout.window
    hours = (window.closes_at - window.load_from) / timedelta(hours=1)
    doors = msgspec.json.decode(window.doors or "[]", type=list[DoorType])
    goods = [_goods(line, one, checkout.wanted[one.id]) for line, one in enumerate(checkout.products)]
    try:
        return plan_parcels(goods, doors=doors, left=_left(window), hours=hours)
    except TooLargeForLockers as refusal:
        raise TooLargeForLockers(**checkout.products[int(refusal.facts["line"])].facts()) from None


def _left(window: Row[Any]) -> dict[CounterKey, int]:
    counters = msgspec.json.decode(window.counters or "[]", type=list[_Counter])
    return {(counter.zone, counter.size_or_larger): counter.left_over for counter in counters}


def _write(conn: Connection, checkout: _Checkout, parcels: Sequence[PlannedParcel], random: RandomBytes) -> PlacedOrder:
    window, now = checkout.window, checkout.now
    number = order_no(window.number)
    parcel_rows = [_parcel_row(checkout, parcel, parcel_ref(number, i), random) for i, parcel in enumerate(parcels)]
    line_rows = _line_rows(checkout, parcels, [row["id"] for row in parcel_rows])
    total = sum(line["quantity"] * line["price_minor"] for line in line_rows)
    placed = PlacedOrder(new_id(to_wire(now), random), number, total, window.currency)
    doors = demand((parcel.zone, parcel.size) for parcel in parcels)
    holds = [{"zone": zone, "size": size, "count": count} for (zone, size), count in sorted(doors.items())]
    written = WRITE.one(
        conn,
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
            "guest_contact": checkout.guest_contact,
            "now": now,
            "hold_until": now + HOLD,
            "actor": f"person:{checkout.person_id}",
            "products": len(checkout.wanted),
            "wanted": as_json([{"product_id": one, "quantity": count} for one, count in checkout.wanted.items()]),
            "parcels": as_json(parcel_rows),
            "lines": as_json(line_rows),
            "holds": as_json(holds),
            "answer": as_json(placed),
            "key": checkout.key,
        },
    )
    if not written.done:
        _refuse(conn, checkout, short=sorted(checkout.wanted.keys() - set(written.products or ())))
    return placed


def _refuse(conn: Connection, checkout: _Checkout, *, short: Sequence[str]) -> NoReturn:
    """Say why nothing was written. Raises OrderCycleClosed, SoldOut or WindowFull."""
    left = conn.execute(LEFT, {"run_no": checkout.window.run_no, "short": short}).one()
    if left.called_off_at is not None:
        raise OrderCycleClosed(order_by=left.called_off_at.isoformat())
    if not short:
        raise WindowFull
    stock = left.stock or {}
    raise SoldOut([Shortage(product, checkout.wanted[product], stock.get(product, 0)) for product in short])


def _parcel_row(checkout: _Checkout, parcel: PlannedParcel, ref: str, random: RandomBytes) -> dict[str, Any]:
    until = collect_until(
        (checkout.products[portion.line].perishable() for portion in parcel.portions),
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
    found = [
        (checkout.products[portion.line], parcel_id, portion.quantity)
        for parcel, parcel_id in zip(parcels, parcel_ids, strict=True)
        for portion in parcel.portions
    ]
    return [
        {
            "line_no": line_no,
            "product_id": product.id,
            "parcel_id": parcel_id,
            "quantity": quantity,
            "price_minor": product.price_minor,
        }
        for line_no, (product, parcel_id, quantity) in enumerate(found, start=1)
    ]


def _goods(line: int, product: _Product, quantity: int) -> Goods:
    return Goods(
        line=line,
        quantity=quantity,
        zone=product.zone,
        tolerates=product.tolerates,
        volume_ml=product.volume_ml,
        longest_mm=product.longest_mm,
        weight_g=product.weight_g,
    )
