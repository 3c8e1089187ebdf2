"""What somebody in front of a column may see: where they stand, and the orders this browser may collect from there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from app.db.quarantines import kept_shut
from app.db.tables import compartment, customer_order, load_run, locker, parcel, pickup_window, site
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState

# Paid, and not over: an order that may still come to a locker, or lies in one.
LIVE = (OrderState.PAID, OrderState.PACKED, OrderState.READY)


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """An order that is not over, and its parcels behind doors that it may open, each with the place of its door."""

    order: Row[Any]
    parcels: Sequence[Row[Any]]


def column_here(conn: Connection, *, locker_id: str, column_no: int) -> Row[Any] | None:
    """The locker with its site, where it has such a column."""
    query: Select[Any] = (
        select(
            locker,
            site.c.name_zh.label("site_zh"),
            site.c.name_en.label("site_en"),
            compartment.c.column_no,
        )
        .join_from(locker, site)
        .join(compartment, compartment.c.locker_id == locker.c.id)
        .where(locker.c.id == locker_id, compartment.c.column_no == column_no)
        .limit(1)
    )
    return conn.execute(query).one_or_none()


def live_orders(conn: Connection, *, person_id: str | None, order_ids: Collection[str]) -> list[LiveOrder]:
    """The live orders of a person, and those of these ids, whose links were opened in this browser; oldest first."""
    theirs = or_(customer_order.c.person_id == person_id, customer_order.c.id.in_(order_ids))
    query: Select[Any] = (
        select(
            customer_order.c.id,
            customer_order.c.order_no,
            customer_order.c.state,
            customer_order.c.site_id,
            site.c.name_zh,
            site.c.name_en,
            site.c.address_zh,
            site.c.address_en,
            site.c.timezone,
            pickup_window.c.opens_at,
            pickup_window.c.closes_at,
            load_run.c.removal_from,
        )
        .join_from(customer_order, site)
        .join(pickup_window, pickup_window.c.id == customer_order.c.window_id)
        .join(load_run, load_run.c.run_no == customer_order.c.run_no)
        .where(theirs, customer_order.c.state.in_(LIVE))
        .order_by(pickup_window.c.opens_at, customer_order.c.order_no)
    )
    return [LiveOrder(row, _lying(conn, row)) for row in conn.execute(query).all()]


def columns_of(conn: Connection, *, site_id: str) -> tuple[Row[Any], Sequence[Row[Any]]] | None:
    """A site, and each column of its lockers with its zone and the doors in it; `None`: there is no such site."""
    found = conn.execute(select(site).where(site.c.id == site_id)).one_or_none()
    if found is None:
        return None
    columns = (locker.c.id, locker.c.position, locker.c.name_zh, locker.c.name_en, compartment.c.column_no)
    query: Select[Any] = (
        select(
            *columns,
            func.min(compartment.c.zone).label("zone"),
            func.min(compartment.c.door).label("first_door"),
            func.max(compartment.c.door).label("last_door"),
        )
        .join_from(compartment, locker)
        .where(compartment.c.site_id == site_id)
        .group_by(*columns)
        .order_by(locker.c.position, compartment.c.column_no)
    )
    return found, conn.execute(query).all()


def _lying(conn: Connection, order: Row[Any]) -> Sequence[Row[Any]]:
    door = (compartment.c.site_id == order.site_id) & (compartment.c.door == parcel.c.door)
    query: Select[Any] = (
        select(
            parcel.c.id,
            parcel.c.door,
            compartment.c.column_no,
            compartment.c.row_no,
            compartment.c.locker_id,
            locker.c.name_zh.label("locker_zh"),
            locker.c.name_en.label("locker_en"),
        )
        .join_from(parcel, compartment, door)
        .join(locker, locker.c.id == compartment.c.locker_id)
        .where(parcel.c.order_id == order.id, parcel.c.state == ParcelState.LOADED)
        .order_by(parcel.c.door)
    )
    shut = kept_shut(conn, order_id=order.id)
    return [row for row in conn.execute(query).all() if row.id not in shut]
