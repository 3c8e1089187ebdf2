"""What the API answers with, one read a function. The API's schemas choose from what comes back.

Lists are read in parts: at most `limit` rows behind the row whose sort key is `after`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, func, literal, select, text, tuple_
from sqlalchemy import Row as SqlRow

from app.db.tables import (
    compartment,
    customer_order,
    load_run,
    locker,
    parcel,
    pickup_window,
    product,
    remote_command,
    site,
)
from app.domain.parcel_state import ParcelState

Row = RowMapping | Mapping[str, Any]

After = tuple[Any, ...] | None

NOBODYS_WORK = (ParcelState.DRAFT, ParcelState.CANCELLED)


# With the lines in the same statement: whoever places an order waits for this answer.
ONE_ORDER = text("""
    SELECT o.*, w.opens_at, w.closes_at, r.kind, r.local_date, (
        SELECT json_agg(json_build_object('product_id', l.product_id, 'quantity', l.quantity,
            'price_minor', l.price_minor, 'line_minor', l.line_minor, 'parcel_ref', p.ref) ORDER BY l.line_no)
        FROM order_line l LEFT JOIN parcel p ON p.id = l.parcel_id WHERE l.order_id = o.id
    ) AS lines
    FROM customer_order o JOIN pickup_window w ON w.id = o.window_id JOIN load_run r ON r.run_no = o.run_no
    WHERE o.id = :order_id AND o.person_id = :person_id
""")
ITS_PARCELS = text("""
    SELECT p.*, (
        SELECT cause FROM quarantine q WHERE q.parcel_id = p.id AND q.state IN ('open', 'condemned')
        ORDER BY found_at DESC LIMIT 1
    ) AS kept_shut
    FROM parcel p WHERE p.order_id = :order_id ORDER BY p.ref
""")


def behind(
    columns: Sequence[ColumnElement[Any]], after: After, *, descending: bool = False
) -> list[ColumnElement[bool]]:
    """The condition that begins a part behind the row that has these values; none when a list begins."""
    if after is None:
        return []
    there = tuple_(*columns)
    last = tuple_(*(literal(value, column.type) for value, column in zip(after, columns, strict=True)))
    return [there < last if descending else there > last]


def sites(conn: Connection, *, after: After, limit: int) -> list[Row]:
    """The sites with their lockers and how many doors they have."""
    doors = select(func.count()).where(compartment.c.locker_id == locker.c.id).scalar_subquery().label("doors")
    lockers = conn.execute(select(locker, doors).order_by(locker.c.site_id, locker.c.position)).mappings().all()
    return [
        {**row, "lockers": [one for one in lockers if one["site_id"] == row["id"]]}
        for row in conn.execute(
            select(site).where(*behind([site.c.site_no], after)).order_by(site.c.site_no).limit(limit)
        ).mappings()
    ]


def open_windows(conn: Connection, *, site_id: str, now: datetime, after: After, limit: int) -> Sequence[Row]:
    """The windows of a site that can still be ordered for, soonest first."""
    key = (pickup_window.c.opens_at, pickup_window.c.id)
    return (
        conn.execute(
            select(
                pickup_window.c.id,
                pickup_window.c.opens_at,
                pickup_window.c.closes_at,
                (pickup_window.c.order_cap - pickup_window.c.orders_taken).label("places_left"),
                load_run.c.run_no,
                load_run.c.kind,
                load_run.c.local_date,
                load_run.c.order_by,
            )
            .join_from(pickup_window, load_run)
            .where(load_run.c.site_id == site_id, load_run.c.order_by > now, load_run.c.called_off_at.is_(None))
            .where(*behind(key, after))
            .order_by(*key)
            .limit(limit)
        )
        .mappings()
        .all()
    )


def site_exists(conn: Connection, *, site_id: str) -> bool:
    """Whether there is such a site."""
    return conn.execute(select(site.c.id).where(site.c.id == site_id)).one_or_none() is not None


def products(conn: Connection, *, after: After, limit: int) -> Sequence[Row]:
    """What is on sale."""
    key = (product.c.category_id, product.c.position, product.c.id)
    on_sale = select(product).where(product.c.active, *behind(key, after)).order_by(*key).limit(limit)
    return conn.execute(on_sale).mappings().all()


def orders_of(conn: Connection, *, person_id: str, after: After, limit: int) -> Sequence[Row]:
    """A person's orders, newest first."""
    key = (customer_order.c.placed_at, customer_order.c.id)
    theirs = _orders().where(customer_order.c.person_id == person_id, *behind(key, after, descending=True))
    return conn.execute(theirs.order_by(*(column.desc() for column in key)).limit(limit)).mappings().all()


def order_of(conn: Connection, *, person_id: str, order_id: str) -> Row | None:
    """One order with its lines and parcels; `None` when it is unknown or somebody else's: the same on purpose."""
    found = conn.execute(ONE_ORDER, {"order_id": order_id, "person_id": person_id}).mappings().one_or_none()
    if found is None:
        return None
    parcels = conn.execute(ITS_PARCELS, {"order_id": order_id}).mappings().all()
    return {**found, "lines": found["lines"] or (), "parcels": parcels}


def parcels_of_run(conn: Connection, *, run_no: int, after: After, limit: int) -> Sequence[Row] | None:
    """The parcels of a run with what their labels need; `None` when there is no such run."""
    if conn.execute(select(load_run.c.run_no).where(load_run.c.run_no == run_no)).one_or_none() is None:
        return None
    key = (customer_order.c.order_no, parcel.c.ref)
    return (
        conn.execute(
            select(parcel, customer_order.c.order_no, customer_order.c.run_no, site.c.site_no)
            .join_from(parcel, customer_order)
            .join(site, site.c.id == customer_order.c.site_id)
            .where(customer_order.c.run_no == run_no, parcel.c.state.not_in(NOBODYS_WORK), *behind(key, after))
            .order_by(*key)
            .limit(limit)
        )
        .mappings()
        .all()
    )


def command(conn: Connection, *, command_id: str) -> SqlRow[Any] | None:
    """What was asked of a site, and what it answered."""
    return conn.execute(select(remote_command).where(remote_command.c.id == command_id)).one_or_none()


def _orders() -> Any:  # noqa: ANN401  SQLAlchemy spells the type of eleven columns
    return (
        select(
            customer_order,
            pickup_window.c.opens_at,
            pickup_window.c.closes_at,
            load_run.c.kind,
            load_run.c.local_date,
        )
        .join_from(customer_order, pickup_window, customer_order.c.window_id == pickup_window.c.id)
        .join(load_run, load_run.c.run_no == customer_order.c.run_no)
    )
