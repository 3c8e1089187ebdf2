"""A paid order's parcels get doors: the plan, up to three alternatives, and the message that tells the site.

Where no door is left for a parcel, or no low one for somebody who asked, parcels of the run that lie nowhere yet get
another door, and their site is told. Where that does not help either the plan stays empty: the parcel keeps its place
among the run's counters, the site chooses among the doors that are free when it is loaded, and the order's history says
so. Its parts serve whoever plans anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, text

from app.db.engine import announce
from app.db.food_classes import CLASSES, classes_of
from app.db.moves import note
from app.db.outbox import put_entry
from app.db.paid_moves import move_to_planned
from app.db.statement import Statement
from app.domain.allocation import FreeDoor, Need, Planned, choose_doors, is_content
from app.domain.capacity import Counters, totals
from app.domain.order_state import OrderState
from app.domain.shelf_life import loadable_from
from app.settings import Settings
from app.use_cases.site.wire_time import to_wire
from app.use_cases.telling.tell_order import ORDER_FACTS, paid_notice
from locker_protocol.codec import encode
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.site_entries import ParcelManifest, PlanOrder
from locker_protocol.vocabulary import SizeClass, Zone

NO_DOOR_FREE = "no_door_free"
ACTOR = "clock"

Plan = Mapping[str, Sequence[int]]

# Two orders of a run are planned one after the other, or both would find the same door free.
LOCK_RUN = text("""
    SELECT r.run_no, r.site_id, r.load_from, r.removal_from, o.window_id, o.low_door
    FROM customer_order o JOIN load_run r USING (run_no) WHERE o.id = :order_id FOR NO KEY UPDATE OF r
""")

# Run by run, each by its index: asked in one join, past orders would be read through as soon as there are many.
FREE_DOORS = """
    WITH live AS (
        SELECT r.run_no, its.* FROM (
            SELECT run_no FROM load_run
            WHERE site_id = :site_id AND load_from < :removal_from AND removal_from > :load_from OFFSET 0
        ) r CROSS JOIN LATERAL (
            SELECT o.window_id, o.id AS order_id, coalesce(p.door, p.planned_doors[1]) AS door,
                p.door IS NOT NULL AS lies
            FROM customer_order o JOIN parcel p ON p.order_id = o.id
            WHERE o.run_no = r.run_no AND p.state IN ('planned', 'packed', 'loaded') AND NOT p.id = ANY(:parcels)
            OFFSET 0
        ) its
    ), neighbours AS (
        SELECT c.locker_id, c.column_no, count(DISTINCT live.order_id) AS orders
        FROM live JOIN compartment c ON c.site_id = :site_id AND c.door = live.door
        WHERE live.window_id = :window_id GROUP BY c.locker_id, c.column_no
    ), other_runs AS (
        SELECT door, count(*) AS parcels FROM live WHERE run_no <> :run_no GROUP BY door
    )
    SELECT c.door, c.locker_id, c.zone, c.size, c.volume_ml, c.longest_mm, c.x_mm, c.sill_mm,
        c.trouble IS NOT NULL AS in_trouble, c.openings,
        coalesce(t.parcels, 0) AS other_runs, coalesce(n.orders, 0) AS neighbours
    FROM compartment c
    LEFT JOIN neighbours n USING (locker_id, column_no)
    LEFT JOIN other_runs t USING (door)
    WHERE c.site_id = :site_id AND c.condition <> 'broken'
        AND NOT EXISTS (SELECT FROM live WHERE live.door = c.door AND (live.run_no = :run_no OR live.lies))
    ORDER BY c.door
"""

# One read for a paid order: its parcels, the free doors of its run, and what its owner is told.
TO_PLAN = Statement(f"""
    SELECT facts.*,
        (
            SELECT json_agg(p ORDER BY p.ref)::text FROM (
                SELECT id, ref, order_id, zone, size, volume_ml, longest_mm, collect_until,
                    ({CLASSES}) AS food_classes
                FROM parcel p WHERE order_id = :order_id AND state = 'draft'
            ) p
        ) AS parcels,
        (SELECT json_agg(d)::text FROM ({FREE_DOORS}) d) AS doors
    FROM ({ORDER_FACTS}) facts
""")  # noqa: S608  constants of ours

# What another transaction holds is not ours to move, and is not waited for: it may be waiting for our run.
MOVABLE = text("""
    SELECT p.*, o.low_door, c.door AS planned_door, c.locker_id, c.size AS door_size, c.volume_ml AS door_volume_ml,
        c.longest_mm AS door_longest_mm, c.x_mm, c.sill_mm, c.trouble IS NOT NULL AS in_trouble, c.openings
    FROM parcel p JOIN customer_order o ON o.id = p.order_id
    JOIN compartment c ON c.site_id = o.site_id AND c.door = p.planned_doors[1]
    WHERE o.run_no = :run_no AND o.state IN ('paid', 'packed') AND p.state IN ('planned', 'packed')
        AND p.look_door IS NULL AND c.condition <> 'broken' AND NOT p.id = ANY(:parcels)
    ORDER BY p.id FOR UPDATE OF p SKIP LOCKED
""")
MOVE = text("UPDATE parcel SET planned_doors = :doors, confirmed_at = NULL WHERE id = :id")


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftParcel:
    """A parcel before its plan, with what a manifest says of it."""

    id: str
    ref: str
    order_id: str
    zone: Zone
    size: SizeClass
    volume_ml: int
    longest_mm: int
    collect_until: datetime
    food_classes: list[str]


def allocate_order(
    conn: Connection,
    *,
    order_id: str,
    run: Row[Any],
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Plan a paid order's parcels, and tell its site and its owner. `run` is its run, locked (`move_to_paid`)."""
    found = TO_PLAN.one(conn, {"order_id": order_id, **_asked(run, [])})
    parcels = msgspec.json.decode(found.parcels, type=list[DraftParcel])
    free = msgspec.json.decode(found.doors or "[]", type=list[FreeDoor])
    plan = _choose(conn, run, parcels, free, now)
    classes = {each.id: each.food_classes for each in parcels}
    move_to_planned(
        conn,
        order_id=order_id,
        site_id=run.site_id,
        plan=plan,
        entry=encode(_entry(order_id, parcels, plan, run, classes)),
        notice=paid_notice(found, order_id=order_id, now=now, settings=settings, random=random),
        actor=ACTOR,
        now=now,
    )
    if not all(plan.values()):
        note(conn, order_id=order_id, state=OrderState.PAID, event=NO_DOOR_FREE, actor=ACTOR, now=now)


def lock_run(conn: Connection, *, order_id: str) -> Row[Any]:
    """The run of an order, for whoever plans doors of it: nobody else does meanwhile."""
    return conn.execute(LOCK_RUN, {"order_id": order_id}).one()


def find_doors(conn: Connection, *, run: Row[Any], parcels: Sequence[Row[Any]], now: datetime) -> Plan:
    """Choose doors for parcels of one order among those free at its run; nothing where none is. Others may move."""
    return _choose(conn, run, parcels, _free_doors(conn, run, parcels), now)


def doors_left(conn: Connection, *, run: Row[Any], parcels: Sequence[Row[Any]]) -> Counters:
    """What a run still has for these parcels, as counters."""
    return totals((door.zone, door.size) for door in _free_doors(conn, run, parcels))


def tell_plan(
    conn: Connection, *, run: Row[Any], parcels: Sequence[Row[Any]], plan: Plan, state: OrderState, now: datetime
) -> None:
    """Tell the site where an order's parcels are meant to lie, and its history where no door was free."""
    order_id = parcels[0].order_id
    if not all(plan.values()):
        note(conn, order_id=order_id, state=state, event=NO_DOOR_FREE, actor=ACTOR, now=now)
    classes = classes_of(conn, parcel_ids=[each.id for each in parcels])
    entry = _entry(order_id, parcels, plan, run, classes)
    put_entry(conn, site_id=run.site_id, entry=entry, order_id=order_id, now=now)


def parcel_manifest(
    row: Row[Any] | DraftParcel, run: Row[Any], doors: list[int], food_classes: list[str]
) -> ParcelManifest:
    """One parcel as its site must know it; `run` has `run_no`, `load_from` and `removal_from`."""
    return ParcelManifest(
        parcel_id=row.id,
        ref=row.ref,
        order_id=row.order_id,
        run_no=run.run_no,
        zone=Zone(row.zone),
        size=SizeClass(row.size),
        volume_ml=row.volume_ml,
        longest_mm=row.longest_mm,
        doors=doors,
        loadable_from=to_wire(loadable_from(run.load_from)),
        loadable_until=to_wire(run.removal_from),
        collect_until=to_wire(row.collect_until),
        food_classes=food_classes,
    )


def _entry(
    order_id: str,
    parcels: Sequence[Row[Any] | DraftParcel],
    plan: Plan,
    run: Row[Any],
    classes: Mapping[str, list[str]],
) -> PlanOrder:
    manifests = [parcel_manifest(row, run, list(plan[row.id]), classes[row.id]) for row in parcels]
    return PlanOrder(order_id=order_id, parcels=manifests)


def _choose(
    conn: Connection,
    run: Row[Any],
    parcels: Sequence[Row[Any] | DraftParcel],
    free: Sequence[FreeDoor],
    now: datetime,
) -> Plan:
    needs = [_need(parcel) for parcel in parcels]
    choice = choose_doors(needs, free, low_door=run.low_door)
    if is_content(choice, free, low_door=run.low_door):
        return choice.doors
    asked = {"run_no": run.run_no, "parcels": [parcel.id for parcel in parcels]}
    movable = {row.id: row for row in conn.execute(MOVABLE, asked)}
    planned = [_planned(row) for row in movable.values()]
    choice = choose_doors(needs, free, low_door=run.low_door, planned=planned)
    if choice.moved:
        _move(conn, run, [movable[parcel_id] for parcel_id in sorted(choice.moved)], choice.moved, now)
    return choice.doors


def _move(conn: Connection, run: Row[Any], parcels: Sequence[Row[Any]], moved: Plan, now: datetime) -> None:
    """Write down the doors of other orders' parcels that made room, and tell the site and whoever looks."""
    conn.execute(MOVE, [{"id": row.id, "doors": list(moved[row.id])} for row in parcels])
    classes = classes_of(conn, parcel_ids=[row.id for row in parcels])
    for order_id, own in groupby(sorted(parcels, key=lambda row: row.order_id), key=lambda row: row.order_id):
        manifests = [parcel_manifest(row, run, list(moved[row.id]), classes[row.id]) for row in own]
        entry = PlanOrder(order_id=order_id, parcels=manifests)
        put_entry(conn, site_id=run.site_id, entry=entry, order_id=order_id, now=now)
        announce(conn, f"order:{order_id}")


def _planned(row: Row[Any]) -> Planned:
    door = FreeDoor(
        door=row.planned_door,
        locker_id=row.locker_id,
        zone=Zone(row.zone),
        size=SizeClass(row.door_size),
        volume_ml=row.door_volume_ml,
        longest_mm=row.door_longest_mm,
        x_mm=row.x_mm,
        sill_mm=row.sill_mm,
        in_trouble=row.in_trouble,
        openings=row.openings,
    )
    return Planned(_need(row), door, row.low_door)


def _free_doors(conn: Connection, run: Row[Any], parcels: Sequence[Row[Any]]) -> list[FreeDoor]:
    rows = conn.execute(text(FREE_DOORS), _asked(run, [row.id for row in parcels]))
    return [msgspec.convert(dict(row), FreeDoor) for row in rows.mappings()]


def _asked(run: Row[Any], parcels: Sequence[str]) -> dict[str, Any]:
    """What FREE_DOORS asks; doors planned for `parcels` themselves count as free."""
    return {
        "parcels": parcels,
        "site_id": run.site_id,
        "run_no": run.run_no,
        "window_id": run.window_id,
        "load_from": run.load_from,
        "removal_from": run.removal_from,
    }


def _need(row: Row[Any] | DraftParcel) -> Need:
    return Need(parcel_id=row.id, zone=Zone(row.zone), volume_ml=row.volume_ml, longest_mm=row.longest_mm)
