"""What pickers and drivers see: runs, what goes into which parcel, labels, one visit's loading. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, FromClause, Row, Select, case, func, select, true

from app.db.tables import (
    customer_order,
    gateway,
    load_run,
    order_line,
    parcel,
    product,
    remote_command,
    site,
    site_event,
)
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState

# What a picker or driver has to do with: paid, and not given back.
AT_WORK = (OrderState.PAID, OrderState.PACKED, OrderState.READY, OrderState.COLLECTED)
LIVE_PARCELS = tuple(state for state in ParcelState if state not in {ParcelState.DRAFT, ParcelState.CANCELLED})
# A run stays on the list for a while after its loading time: the van may be late.
LATE_VAN = timedelta(hours=6)
# An answer older than this belongs to another visit.
THIS_VISIT = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class BagLine:
    """One product in a parcel, with what it may weigh in the hand."""

    product_id: str
    name: Mapping[str, str]
    unit: Mapping[str, str]
    picture: str
    quantity: int
    weight_g: int


@dataclass(frozen=True, slots=True)
class Bag:
    """One parcel and what goes into it."""

    id: str
    ref: str
    order_no: str
    state: ParcelState
    zone: str
    size: str
    weight_g: int
    planned_doors: Sequence[int]
    door: int | None
    lines: Sequence[BagLine]
    look_door: int | None = None


@dataclass(frozen=True, slots=True)
class RunSheet:
    """A run with all its parcels, order by order."""

    run: Row[Any]
    bags: Sequence[Bag]

    @property
    def orders(self) -> Mapping[str, Sequence[Bag]]:
        """The parcels of each order number."""
        return {order_no: list(bags) for order_no, bags in groupby(self.bags, key=lambda bag: bag.order_no)}

    def count(self, *states: ParcelState) -> int:
        """How many parcels are in one of these states."""
        return sum(1 for bag in self.bags if bag.state in states)


def runs_at_work(conn: Connection, *, now: datetime, site_id: str | None = None) -> Sequence[Row[Any]]:
    """Runs with parcels to pack or load, soonest first, with how far each is."""
    bags = _bag_counts()
    query = (
        _runs(*bags.c)
        .join(bags, true())
        .where(bags.c.parcels > 0)
        .where(func.coalesce(load_run.c.expected_at, load_run.c.load_until) > now - LATE_VAN)
        .where(load_run.c.called_off_at.is_(None))
        .order_by(load_run.c.load_from, site.c.site_no)
    )
    if site_id is not None:
        query = query.where(site.c.id == site_id)
    return conn.execute(query).all()


def run_sheet(conn: Connection, *, run_no: int) -> RunSheet | None:
    """A run with every parcel and line; `None` when there is no such run."""
    run = conn.execute(_runs().where(load_run.c.run_no == run_no)).one_or_none()
    if run is None:
        return None
    rows = conn.execute(_lines().where(customer_order.c.run_no == run_no)).all()
    return RunSheet(run, _bags(rows))


def bags_of_order(conn: Connection, *, order_id: str) -> Sequence[Bag]:
    """An order's parcels and what goes into each."""
    return _bags(conn.execute(_lines().where(customer_order.c.id == order_id)).all())


def last_load(conn: Connection, *, site_id: str, person_id: str, now: datetime) -> Row[Any] | None:
    """What this driver's phone asked this site for last, with the site's answer and what became of the door."""
    stuck = (
        select(func.count())
        .where(
            site_event.c.gateway_id == remote_command.c.gateway_id,
            site_event.c.type == "DoorStayedShut",
            site_event.c.at >= remote_command.c.asked_at,
            site_event.c.body["door"].as_integer() == remote_command.c.answered_doors[1],
        )
        .scalar_subquery()
        .label("stayed_shut")
    )
    query = (
        select(remote_command, stuck)
        .join_from(remote_command, gateway)
        .where(gateway.c.site_id == site_id, remote_command.c.person_id == person_id)
        .where(remote_command.c.kind == "load", remote_command.c.asked_at > now - THIS_VISIT)
        .order_by(remote_command.c.asked_at.desc())
        .limit(1)
    )
    return conn.execute(query).one_or_none()


def _runs(*more: Any) -> Select[Any]:  # noqa: ANN401  whatever else is counted beside
    return select(load_run, site.c.site_no, site.c.name_zh, site.c.name_en, site.c.timezone, *more).join_from(
        load_run, site
    )


def _bag_counts() -> FromClause:
    """Counted run by run: a plain join makes the planner read every order there ever was."""
    counts = [
        func.count(case((parcel.c.state.in_(states), 1))).label(f"parcels_{name}")
        for name, states in {
            "planned": [ParcelState.PLANNED],
            "packed": [ParcelState.PACKED],
            "loaded": [ParcelState.LOADED, ParcelState.COLLECTED],
        }.items()
    ]
    return (
        select(func.count().label("parcels"), func.count(customer_order.c.id.distinct()).label("orders"), *counts)
        .join_from(customer_order, parcel)
        .where(customer_order.c.run_no == load_run.c.run_no, customer_order.c.state.in_(AT_WORK))
        .where(parcel.c.state.in_(LIVE_PARCELS))
        .correlate(load_run)
        .lateral("bags")
    )


def _lines() -> Select[Any]:
    return (
        select(
            parcel,
            customer_order.c.order_no,
            order_line.c.line_no,
            order_line.c.quantity,
            product.c.id.label("product_id"),
            product.c.name_zh,
            product.c.name_en,
            product.c.unit_zh,
            product.c.unit_en,
            product.c.picture,
            product.c.weight_g.label("product_weight_g"),
        )
        .join_from(parcel, customer_order)
        .outerjoin(order_line, order_line.c.parcel_id == parcel.c.id)
        .outerjoin(product, product.c.id == order_line.c.product_id)
        .where(customer_order.c.state.in_(AT_WORK))
        .where(parcel.c.state.in_(LIVE_PARCELS))
        .order_by(customer_order.c.order_no, parcel.c.ref, order_line.c.line_no)
    )


def _bags(rows: Sequence[Row[Any]]) -> list[Bag]:
    return [_bag(list(of_one)) for _, of_one in groupby(rows, key=lambda row: row.ref)]


def _bag(rows: Sequence[Row[Any]]) -> Bag:
    first = rows[0]
    return Bag(
        id=first.id,
        ref=first.ref,
        order_no=first.order_no,
        state=ParcelState(first.state),
        zone=first.zone,
        size=first.size,
        weight_g=first.weight_g,
        planned_doors=first.planned_doors,
        door=first.door,
        lines=[_line(row) for row in rows if row.product_id is not None],
        look_door=first.look_door,
    )


def _line(row: Row[Any]) -> BagLine:
    return BagLine(
        product_id=row.product_id,
        name={"zh": row.name_zh, "en": row.name_en},
        unit={"zh": row.unit_zh, "en": row.unit_en},
        picture=row.picture,
        quantity=row.quantity,
        weight_g=row.product_weight_g,
    )
