"""A bag is filled and sealed: what differs from the order goes back line by line, and the last bag packs the order.

`seal_parcel.py` comes here when every line was picked by hand. Whoever only says "packed" (a program, or a site where
the bag lies behind a door) says: all of it as ordered, what is sold by weight at its estimate. A bag with nothing in it
is cancelled, and an order with nothing left is refunded.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.engine import announce
from app.db.moves import move_order, move_parcels
from app.db.outbox import put_entry
from app.db.pick_lines import lock_order, read_lines, write_line
from app.domain.order_state import OrderEvent, OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.picking import PickedLine, amounts_back
from app.domain.refunding import RefundCause
from app.settings import Settings
from app.use_cases.collecting.end_order import end_order
from app.use_cases.collecting.issue_credential import issue_credential
from app.use_cases.money.decide_refund import decide_refund
from app.use_cases.telling.tell_order import tell_order_ready, tell_packing
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.site_entries import CancelOrder

STATES = text("SELECT id, state FROM parcel WHERE order_id = :order_id AND state <> 'cancelled'")
# Behind its door, or taken from there already.
LIES = frozenset({ParcelState.LOADED, ParcelState.COLLECTED})
NOTHING: Mapping[str, Any] = {}


def pack_parcel(
    conn: Connection,
    *,
    parcel_id: str,
    person_id: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Record that a picker packed a parcel. Raises NotFound, or IllegalMove when it is not waiting to be packed."""
    record_packed(
        conn,
        parcel_id=parcel_id,
        actor=f"person:{person_id}",
        now=now,
        settings=settings,
        person_id=person_id,
        random=random,
    )


def record_packed(
    conn: Connection,
    *,
    parcel_id: str,
    actor: str,
    now: datetime,
    settings: Settings,
    person_id: str | None = None,
    values: Mapping[str, Any] = NOTHING,
    random: RandomBytes = random_bytes,
) -> None:
    """Record a parcel as packed, whoever found that it is, with further columns. Raises as `pack_parcel` does."""
    order = lock_order(conn, parcel_id=parcel_id)
    # In the order of the products, so that two bags with the same goods lock their lots one after the other.
    for line in sorted(read_lines(conn, parcel_id=parcel_id), key=lambda line: str(line.product_id)):
        if line.picked_at is None:
            write_line(conn, line, person_id=person_id, now=now, picked_quantity=line.quantity)
    lines = read_lines(conn, parcel_id=parcel_id)
    empty = bool(lines) and not any(line.picked_quantity or line.substitute_quantity for line in lines)
    event = ParcelEvent.CANCELLED if empty else ParcelEvent.PACKED
    states = {row.id: ParcelState(row.state) for row in conn.execute(STATES, {"order_id": order.id})}
    state = states.pop(parcel_id, ParcelState.CANCELLED)
    packed = {} if empty else {"packed_at": now, "packed_by": person_id, **values}
    move = {"order_id": order.id, "actor": actor, "now": now}
    move_parcels(conn, parcel_ids=[parcel_id], state=state, event=event, values=packed, **move)
    for run_no in {line.run_no for line in lines}:
        announce(conn, f"run:{run_no}")
    if order.state == OrderState.PAID:  # of a withdrawn order all money goes back anyway
        _give_back(conn, lines, actor, now, random)
    if ParcelState.PLANNED not in states.values():
        _finish(conn, order, actor, now, settings, random, nothing_left=empty and not states)
        if empty and states and set(states.values()) <= LIES:
            _make_ready(conn, order.id, actor, now, settings, random)


def _give_back(conn: Connection, lines: Sequence[Row[Any]], actor: str, now: datetime, random: RandomBytes) -> None:
    for line in lines:
        for cause, amount in amounts_back(_as_picked(line)).items():
            decide_refund(
                conn,
                order_id=line.order_id,
                cause=cause,
                cause_key=f"{cause.value}:{line.line_no}",
                lines={line.line_no: amount},
                actor=actor,
                now=now,
                random=random,
            )


def _as_picked(line: Row[Any]) -> PickedLine:
    return PickedLine(
        quantity=line.quantity,
        picked=line.picked_quantity,
        price_minor=line.price_minor,
        estimate_minor=min(line.estimate_minor, line.price_minor),
        catch_weight=line.cap_minor is not None,
        net_g=line.net_g,
        weight_g=line.weight_g,
        food_class=line.food_class,
        substitute_quantity=line.substitute_quantity or 0,
        substitute_minor=line.substitute_minor or 0,
    )


def _finish(
    conn: Connection,
    order: Row[Any],
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes,
    *,
    nothing_left: bool,
) -> None:
    """Pack the order with its last bag, or end it when no bag holds anything."""
    move = {"order_id": order.id, "state": OrderState(order.state), "actor": actor, "now": now}
    if nothing_left:
        end_order(conn, cause=RefundCause.SHORT, random=random, **move)
        put_entry(conn, site_id=order.site_id, entry=CancelOrder(order_id=order.id), order_id=order.id, now=now)
    else:
        move_order(conn, event=OrderEvent.ALL_PACKED, **move)
        issue_credential(conn, order_id=order.id, now=now, settings=settings, random=random)
    tell_packing(conn, order_id=order.id, nothing_left=nothing_left, now=now, random=random)


def _make_ready(
    conn: Connection, order_id: str, actor: str, now: datetime, settings: Settings, random: RandomBytes
) -> None:
    """The van was faster: what is left of the order was loaded before its last bag turned out empty."""
    loaded = OrderEvent.ALL_LOADED
    move_order(conn, order_id=order_id, state=OrderState.PACKED, event=loaded, actor=actor, now=now)
    tell_order_ready(conn, order_id=order_id, settings=settings, now=now, random=random)
