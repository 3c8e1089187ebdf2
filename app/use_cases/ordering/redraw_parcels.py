"""An order whose goods changed gets its bags drawn anew: bags it has are filled differently, new ones are added, empty
ones are called back.

Decides nothing about whether it may: `apply_edit` did. A bag keeps its number and label wherever it can; the site hears
of all of it in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from app.db.moves import move_parcels
from app.db.outbox import put_entry
from app.domain.editing import EditedLine, TooManyEdits, match_bags
from app.domain.order_number import MOST_PARCELS, parcel_ref
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.parcelling import PlannedParcel
from app.domain.shelf_life import Perishable, collect_until
from app.use_cases.planning.allocate_order import find_doors, lock_run, parcel_manifest, tell_plan
from app.use_cases.planning.replan_order import keep_plan
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id
from locker_protocol.site_entries import PlanOrder
from locker_protocol.vocabulary import SizeClass, Zone

BAGS = text("SELECT * FROM parcel WHERE order_id = :order_id ORDER BY ref")
PLANNED = text("SELECT * FROM parcel WHERE order_id = :order_id AND state = 'planned' ORDER BY ref")
REFILL = text("""
    UPDATE parcel SET zone = b.zone, size = b.size, volume_ml = b.volume_ml, longest_mm = b.longest_mm,
        weight_g = b.weight_g, collect_until = b.collect_until, planned_doors = '{}', confirmed_at = NULL,
        look_door = NULL
    FROM jsonb_to_recordset(:bags) AS b(id text, zone text, size text, volume_ml int, longest_mm int, weight_g int,
        collect_until timestamptz)
    WHERE parcel.id = b.id
""").bindparams(bindparam("bags", type_=JSONB))
ADD = text("""
    INSERT INTO parcel (id, ref, order_id, state, zone, size, volume_ml, longest_mm, weight_g, collect_until)
    SELECT id, ref, :order_id, 'draft', zone, size, volume_ml, longest_mm, weight_g, collect_until
    FROM jsonb_to_recordset(:bags) AS b(id text, ref text, zone text, size text, volume_ml int, longest_mm int,
        weight_g int, collect_until timestamptz)
""").bindparams(bindparam("bags", type_=JSONB))
FORGET_LINES = text("DELETE FROM order_line WHERE order_id = :order_id")
WRITE_LINES = text("""
    INSERT INTO order_line (order_id, line_no, product_id, parcel_id, quantity, price_minor, line_minor)
    SELECT :order_id, line_no, product_id, parcel_id, quantity, price_minor, quantity * price_minor
    FROM jsonb_to_recordset(:lines) AS l(line_no int, product_id text, parcel_id text, quantity int,
        price_minor bigint)
""").bindparams(bindparam("lines", type_=JSONB))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What an order's bags shall hold: `portions.line` counts `lines`; `foods` are by product."""

    lines: Sequence[EditedLine]
    parcels: Sequence[PlannedParcel]
    foods: Mapping[str, Perishable]
    load_from: datetime
    removal_from: datetime


def redraw_parcels(
    conn: Connection,
    *,
    order: Row[Any],
    drawing: Drawing,
    actor: str,
    now: datetime,
    random: RandomBytes,
) -> None:
    """Write bags and lines, plan doors, tell the site. `order` has `id`, `order_no`, `site_id`. Raises TooManyEdits."""
    bags = conn.execute(BAGS, {"order_id": order.id}).all()
    old = [(row.id, Zone(row.zone), SizeClass(row.size)) for row in bags if row.state == ParcelState.PLANNED]
    kept, surplus = match_bags(old, [(parcel.zone, parcel.size) for parcel in drawing.parcels])
    rows = [_bag(parcel, drawing) for parcel in drawing.parcels]
    new = _name(rows, kept, order.order_no, len(bags), now, random)
    conn.execute(REFILL, {"bags": [row for row, bag_id in zip(rows, kept, strict=True) if bag_id]})
    conn.execute(ADD, {"order_id": order.id, "bags": new})
    conn.execute(FORGET_LINES, {"order_id": order.id})
    conn.execute(WRITE_LINES, {"order_id": order.id, "lines": _lines(drawing, [row["id"] for row in rows])})
    move = {"order_id": order.id, "actor": actor, "now": now}
    if surplus:
        move_parcels(conn, parcel_ids=surplus, state=ParcelState.PLANNED, event=ParcelEvent.CANCELLED, **move)
    if new:
        added = [row["id"] for row in new]
        move_parcels(conn, parcel_ids=added, state=ParcelState.DRAFT, event=ParcelEvent.PAID, **move)
    _tell_site(conn, order, [row for row in bags if row.id in surplus], now)


def _name(
    rows: Sequence[dict[str, Any]],
    kept: Sequence[str | None],
    order_no: str,
    used: int,
    now: datetime,
    random: RandomBytes,
) -> list[dict[str, Any]]:
    """Give each row the bag it takes over, or a new one's id and number; returns the new ones."""
    new: list[dict[str, Any]] = []
    for row, bag_id in zip(rows, kept, strict=True):
        row["id"] = bag_id or new_id(to_wire(now), random)
        if bag_id is None:
            if used + len(new) >= MOST_PARCELS:
                raise TooManyEdits
            row["ref"] = parcel_ref(order_no, used + len(new))
            new.append(row)
    return new


def _bag(parcel: PlannedParcel, drawing: Drawing) -> dict[str, Any]:
    until = collect_until(
        (drawing.foods[drawing.lines[portion.line].product_id] for portion in parcel.portions),
        stands_in=parcel.zone,
        load_from=drawing.load_from,
        removal_from=drawing.removal_from,
    )
    return {
        "zone": parcel.zone,
        "size": parcel.size,
        "volume_ml": parcel.volume_ml,
        "longest_mm": parcel.longest_mm,
        "weight_g": parcel.weight_g,
        "collect_until": until.isoformat(),
    }


def _lines(drawing: Drawing, bag_ids: Sequence[str]) -> list[dict[str, Any]]:
    found = [
        (drawing.lines[portion.line], bag_id, portion.quantity)
        for parcel, bag_id in zip(drawing.parcels, bag_ids, strict=True)
        for portion in parcel.portions
    ]
    return [
        {
            "line_no": line_no,
            "product_id": line.product_id,
            "parcel_id": bag_id,
            "quantity": quantity,
            "price_minor": line.price_minor,
        }
        for line_no, (line, bag_id, quantity) in enumerate(found, start=1)
    ]


def _tell_site(conn: Connection, order: Row[Any], surplus: Sequence[Row[Any]], now: datetime) -> None:
    run = lock_run(conn, order_id=order.id)
    parcels = conn.execute(PLANNED, {"order_id": order.id}).all()
    plan = find_doors(conn, run=run, parcels=parcels, now=now)
    keep_plan(conn, plan=plan)
    tell_plan(conn, run=run, parcels=parcels, plan=plan, state=OrderState.PAID, now=now)
    if surplus:  # no time is left in which they may be loaded: the site refuses their labels from now on
        ended = [replace(parcel_manifest(row, run, [], []), loadable_until=to_wire(now)) for row in surplus]
        put_entry(
            conn,
            site_id=order.site_id,
            entry=PlanOrder(order_id=order.id, parcels=ended),
            order_id=order.id,
            now=now,
        )
