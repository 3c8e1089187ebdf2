"""What a resident sees of their own orders. Whose they are is part of the question: another's are not found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from app.db.tables import (
    compartment,
    customer_order,
    history,
    ledger_entry,
    load_run,
    locker,
    order_line,
    parcel,
    person,
    photo,
    pickup_window,
    product,
    refund,
    refund_line,
    site,
)
from app.domain.parcel_state import ParcelState
from app.domain.refunding import RefundCause


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One order: its own row with site and window, lines, parcels, when it moved, and what was refunded."""

    order: Row[Any]
    lines: Sequence[Row[Any]]
    parcels: Sequence[Row[Any]]
    reached: dict[str, datetime]
    refunded_minor: int
    photos: Sequence[Row[Any]]

    @property
    def not_whole(self) -> list[Row[Any]]:
        """Lines of which something did not come: missing from the bag, or in a bag that was never handed out."""
        never_came = {RefundCause.NOT_BROUGHT, RefundCause.NOT_OPENED, RefundCause.NOT_COLLECTED}
        return [line for line in self.lines if line.missing or never_came & set(line.causes or ())]


def order_page(conn: Connection, *, order_id: str, person_id: str | None = None) -> OrderPage | None:
    """An order; with `person_id`, only if it is theirs. A caller without one has proved its right by a signed link."""
    query = _orders().where(customer_order.c.id == order_id)
    if person_id is not None:
        query = query.where(customer_order.c.person_id == person_id)
    order = conn.execute(query).one_or_none()
    if order is None:
        return None
    return OrderPage(
        order,
        _lines(conn, order_id),
        _parcels(conn, order_id),
        _reached(conn, order_id),
        _refunded(conn, order_id),
        _photos(conn, order_id),
    )


def order_belongs_to(conn: Connection, *, order_id: str, person_id: str) -> bool:
    """Whether this order is this person's."""
    query = select(customer_order.c.id).where(customer_order.c.id == order_id, customer_order.c.person_id == person_id)
    return conn.execute(query).one_or_none() is not None


def _orders() -> Select[Any]:
    return (
        select(
            customer_order,
            site.c.name_zh,
            site.c.name_en,
            site.c.address_zh,
            site.c.address_en,
            site.c.timezone,
            pickup_window.c.opens_at,
            pickup_window.c.closes_at,
            load_run.c.order_by,
            load_run.c.removal_from,
            load_run.c.expected_at,
            load_run.c.called_off_at,
        )
        .join_from(customer_order, site)
        .join(pickup_window, pickup_window.c.id == customer_order.c.window_id)
        .join(load_run, load_run.c.run_no == customer_order.c.run_no)
    )


def _lines(conn: Connection, order_id: str) -> Sequence[Row[Any]]:
    """What was bought, one row a product: that it lies in two bags is the packer's matter.

    `missing` with its `reason`, `replaced` by whatever is in `instead`, net `weight_g`, what went back for it, and the
    refunds' `causes`.
    """
    columns = (product.c.name_zh, product.c.name_en, product.c.unit_zh, product.c.unit_en, product.c.picture)
    replaced = func.coalesce(order_line.c.substitute_quantity, 0)
    missing = order_line.c.quantity - order_line.c.picked_quantity - replaced
    back = (
        select(func.sum(refund_line.c.amount_minor))
        .where(refund_line.c.order_id == order_line.c.order_id, refund_line.c.line_no == order_line.c.line_no)
        .scalar_subquery()
    )
    causes = (
        select(func.array_agg(refund.c.cause.distinct()))
        .join_from(refund_line, refund)
        .where(refund_line.c.order_id == order_line.c.order_id, refund_line.c.line_no == order_line.c.line_no)
        .scalar_subquery()
    )
    # A picker may still change their mind until the bag is closed.
    closed = parcel.c.state.not_in((ParcelState.DRAFT, ParcelState.PLANNED))
    instead = product.alias("instead")
    query: Select[Any] = (
        select(
            order_line.c.product_id,
            func.sum(order_line.c.quantity).label("quantity"),
            func.sum(order_line.c.line_minor).label("line_minor"),
            func.coalesce(func.sum(missing).filter(closed), 0).label("missing"),
            func.min(order_line.c.short_reason).filter(closed).label("reason"),
            func.coalesce(func.sum(replaced).filter(closed), 0).label("replaced"),
            func.min(instead.c.name_zh).filter(closed).label("instead_zh"),
            func.min(instead.c.name_en).filter(closed).label("instead_en"),
            func.sum(order_line.c.weight_g).filter(closed).label("weight_g"),
            func.coalesce(func.sum(back), 0).label("back_minor"),
            func.max(causes).label("causes"),
            *columns,
        )
        .join_from(order_line, product, product.c.id == order_line.c.product_id)
        .outerjoin(parcel, parcel.c.id == order_line.c.parcel_id)
        .outerjoin(instead, instead.c.id == order_line.c.substitute_id)
        .where(order_line.c.order_id == order_id)
        .group_by(order_line.c.product_id, *columns)
        .order_by(func.min(order_line.c.line_no))
    )
    return conn.execute(query).all()


def _photos(conn: Connection, order_id: str) -> Sequence[Row[Any]]:
    query: Select[Any] = select(photo.c.id, parcel.c.ref).join_from(photo, parcel, parcel.c.id == photo.c.parcel_id)
    return conn.execute(query.where(parcel.c.order_id == order_id).order_by(parcel.c.ref, photo.c.at)).all()


def _parcels(conn: Connection, order_id: str) -> Sequence[Row[Any]]:
    where = (compartment.c.site_id == customer_order.c.site_id) & (compartment.c.door == parcel.c.door)
    query = (
        select(
            parcel,
            compartment.c.column_no,
            compartment.c.row_no,
            compartment.c.locker_id,
            locker.c.name_zh.label("locker_zh"),
            locker.c.name_en.label("locker_en"),
            person.c.display_name.label("keeper"),
        )
        .join_from(parcel, customer_order, customer_order.c.id == parcel.c.order_id)
        .outerjoin(compartment, where)
        .outerjoin(locker, locker.c.id == compartment.c.locker_id)
        .outerjoin(person, person.c.id == parcel.c.rescued_by)
        .where(parcel.c.order_id == order_id)
        .order_by(parcel.c.door, parcel.c.ref)
    )
    return conn.execute(query).all()


def _reached(conn: Connection, order_id: str) -> dict[str, datetime]:
    query = (
        select(history.c.to_state, func.min(history.c.at).label("first_at"))
        .where(history.c.order_id == order_id, history.c.subject == "order")
        .group_by(history.c.to_state)
    )
    return {row.to_state: row.first_at for row in conn.execute(query)}


def _refunded(conn: Connection, order_id: str) -> int:
    account = ledger_entry.c.account == "refunds"
    query = select(func.coalesce(func.sum(ledger_entry.c.amount_minor), 0))
    found: int = conn.execute(query.where(ledger_entry.c.order_id == order_id, account)).scalar_one()
    return abs(int(found))
