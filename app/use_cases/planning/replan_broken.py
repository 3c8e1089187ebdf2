"""Doors broke: parcels that were meant for them get another plan, and their site is told.

Where fewer doors are left than these orders need, as few households as possible go without; nobody else loses theirs.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.engine import announce
from app.domain.capacity import demand
from app.domain.order_state import OrderState
from app.domain.run_filling import fill_run
from app.use_cases.planning.allocate_order import doors_left, find_doors, lock_run, tell_plan
from app.use_cases.planning.replan_order import keep_plan
from locker_protocol.vocabulary import SizeClass, Zone

MEANT_FOR_BROKEN = """
    FROM parcel p JOIN compartment c ON c.site_id = o.site_id AND c.door = p.planned_doors[1]
    WHERE p.order_id = o.id AND p.state IN ('planned', 'packed') AND c.condition = 'broken'
"""
ORDERS = text(f"""
    SELECT o.id, o.state, o.run_no FROM customer_order o JOIN load_run r USING (run_no)
    WHERE o.state IN ('paid', 'packed') AND r.removal_from > :now AND r.called_off_at IS NULL
        AND EXISTS (SELECT {MEANT_FOR_BROKEN})
    ORDER BY o.id LIMIT 100 FOR UPDATE OF o SKIP LOCKED
""")  # noqa: S608  two texts of our own
PARCELS = text(f"""
    SELECT p.* FROM customer_order o CROSS JOIN LATERAL (SELECT p.* {MEANT_FOR_BROKEN}) p
    WHERE o.id = :order_id ORDER BY p.ref
""")  # noqa: S608
UNCONFIRMED = text("UPDATE parcel SET confirmed_at = NULL WHERE id = ANY(:parcels)")


def replan_broken(conn: Connection, *, now: datetime) -> int:
    """Plan anew what was meant for broken doors, at most 100 orders; returns how many."""
    orders = conn.execute(ORDERS, {"now": now}).all()
    for _, own in groupby(sorted(orders, key=lambda order: order.run_no), key=lambda order: order.run_no):
        for order in _most_first(conn, list(own)):
            _replan(conn, order, now)
    return len(orders)


def _most_first(conn: Connection, orders: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """The orders of a run: those that can all have doors again, then the others, each in the order of placing."""
    run = lock_run(conn, order_id=orders[0].id)
    parcels = [conn.execute(PARCELS, {"order_id": order.id}).all() for order in orders]
    left = doors_left(conn, run=run, parcels=[row for rows in parcels for row in rows])
    wanted = [[demand((Zone(row.zone), SizeClass(row.size)) for row in rows)] for rows in parcels]
    kept = fill_run(wanted, left)
    others = [order for number, order in enumerate(orders) if number not in kept]
    return [*(orders[number] for number in kept), *others]


def _replan(conn: Connection, order: Row[Any], now: datetime) -> None:
    run = lock_run(conn, order_id=order.id)
    parcels = conn.execute(PARCELS, {"order_id": order.id}).all()
    plan = find_doors(conn, run=run, parcels=parcels, now=now)
    keep_plan(conn, plan=plan)
    conn.execute(UNCONFIRMED, {"parcels": [row.id for row in parcels]})
    tell_plan(conn, run=run, parcels=parcels, plan=plan, state=OrderState(order.state), now=now)
    announce(conn, f"order:{order.id}")
