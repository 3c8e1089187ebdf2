"""An order that lies in no locker yet goes with another van: to the same site later, or to a neighbouring one.

Decides in one transaction: doors and a place of the new run are taken and the old ones given back (its goods exist, so
no stock is), each parcel's last moment is found anew, doors are planned, the sites are told, and a live code is made
anew. Never moves an order of which anything was loaded.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.holds import move_hold
from app.db.moves import note
from app.db.outbox import put_entry
from app.db.waiting_parcels import waiting_parcels
from app.domain.capacity import RunFull
from app.domain.errors import IllegalMove, NotFound
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.replanning import NewRun, new_ends, refuse_gone, refuse_unmovable
from app.notify.texts import NoticeKind
from app.settings import Settings
from app.use_cases.collecting.issue_credential import issue_credential
from app.use_cases.planning.allocate_order import Plan, find_doors, lock_run, tell_plan
from app.use_cases.telling.tell_order import tell_order
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.site_entries import CancelOrder

MOVED = "moved"

LOCK_ORDER = text("SELECT id, state, site_id, run_no FROM customer_order WHERE id = :order_id FOR UPDATE")
NEW_RUN = text("""
    SELECT r.run_no, r.site_id, r.load_from, coalesce(r.expected_at, r.load_until) AS load_until, r.removal_from,
        r.called_off_at IS NOT NULL AS called_off, w.closes_at
    FROM load_run r JOIN pickup_window w USING (run_no) JOIN site s ON s.id = r.site_id
    JOIN customer_order o ON o.currency = s.currency
    WHERE r.run_no = :run_no AND w.id = :window_id AND o.id = :order_id
""")
STATES = text("SELECT state FROM parcel WHERE order_id = :order_id")
MOVE_ORDER = text("""
    UPDATE customer_order SET stock_run_no = coalesce(stock_run_no, run_no), run_no = :run_no, window_id = :window_id,
        site_id = :site_id, version = version + 1
    WHERE id = :order_id
""")
MOVE_PARCEL = text("""
    UPDATE parcel SET collect_until = :until, planned_doors = '{}', confirmed_at = NULL, look_door = NULL WHERE id = :id
""")
PARCELS = text("SELECT * FROM parcel WHERE order_id = :order_id AND state IN ('planned', 'packed') ORDER BY ref")
UNFIT = text("""
    SELECT p.zone FROM parcel p WHERE p.order_id = :order_id AND p.state IN ('planned', 'packed') AND NOT EXISTS (
        SELECT FROM compartment c WHERE c.site_id = :site_id AND c.condition <> 'broken' AND c.zone = p.zone
            AND c.volume_ml >= p.volume_ml AND c.longest_mm >= p.longest_mm
    ) LIMIT 1
""")
PLAN = text("UPDATE parcel SET planned_doors = :doors WHERE id = :id")
LIVE_CODE = text("SELECT 1 FROM credential WHERE order_id = :order_id AND ended_at IS NULL")


def replan_order(
    conn: Connection,
    *,
    order_id: str,
    run_no: int,
    window_id: int,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Move an order to a window of another run.

    Raises NotFound, IllegalMove, RunNotComing, KeepsTooShort, RunFull or WindowFull; the transaction is then to be
    rolled back, as a savepoint does.
    """
    order = conn.execute(LOCK_ORDER, {"order_id": order_id}).one_or_none()
    new = conn.execute(NEW_RUN, {"run_no": run_no, "window_id": window_id, "order_id": order_id}).one_or_none()
    if order is None or new is None:
        raise NotFound
    if new.run_no == order.run_no:
        raise IllegalMove(state=order.state, event=MOVED)
    ends = _checked_ends(conn, order, new, now)
    move_hold(conn, order_id=order_id, run_no=run_no, window_id=window_id)
    conn.execute(MOVE_ORDER, {"order_id": order_id, "run_no": run_no, "window_id": window_id, "site_id": new.site_id})
    conn.execute(MOVE_PARCEL, [{"id": parcel_id, "until": until} for parcel_id, until in ends.items()])
    note(conn, order_id=order_id, state=OrderState(order.state), event=MOVED, actor=actor, now=now)
    _tell_sites(conn, order, new, now)
    if conn.execute(LIVE_CODE, {"order_id": order_id}).one_or_none():
        issue_credential(conn, order_id=order_id, now=now, settings=settings, random=random)
    tell_order(conn, order_id=order_id, kind=NoticeKind.MOVED, now=now, random=random)


def keep_plan(conn: Connection, *, plan: Plan) -> None:
    """Write down which doors parcels are meant for."""
    conn.execute(PLAN, [{"id": parcel_id, "doors": list(doors)} for parcel_id, doors in plan.items()])


def _checked_ends(conn: Connection, order: Row[Any], new: Row[Any], now: datetime) -> Mapping[str, datetime]:
    states = conn.execute(STATES, {"order_id": order.id}).scalars()
    refuse_unmovable(OrderState(order.state), [ParcelState(state) for state in states])
    run = NewRun(
        load_from=new.load_from,
        load_until=new.load_until,
        removal_from=new.removal_from,
        closes_at=new.closes_at,
        called_off=new.called_off,
    )
    refuse_gone(run, now=now)
    unfit = conn.execute(UNFIT, {"order_id": order.id, "site_id": new.site_id}).scalar_one_or_none()
    if unfit is not None:
        raise RunFull(zone=unfit, left=0)
    return new_ends(waiting_parcels(conn, order_id=order.id), run)


def _tell_sites(conn: Connection, order: Row[Any], new: Row[Any], now: datetime) -> None:
    run = lock_run(conn, order_id=order.id)
    parcels = conn.execute(PARCELS, {"order_id": order.id}).all()
    plan = find_doors(conn, run=run, parcels=parcels, now=now)
    keep_plan(conn, plan=plan)
    if order.site_id != new.site_id:
        put_entry(conn, site_id=order.site_id, entry=CancelOrder(order_id=order.id), order_id=order.id, now=now)
    tell_plan(conn, run=run, parcels=parcels, plan=plan, state=OrderState(order.state), now=now)
