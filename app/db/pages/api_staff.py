"""What the API answers to staff's programs: terms of sale, stock, runs, orders, refunds, people, doors. Reads only."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, case, select

from app.db.pages.api import After, Row, behind
from app.db.tables import (
    compartment,
    customer_order,
    gateway,
    load_run,
    locker,
    lot,
    person,
    product,
    refund,
    run_stock,
    site,
    zone_reading,
)


def terms(conn: Connection, *, product_id: str, lock: bool = False) -> Row | None:
    """On what terms a product is sold; with `lock` nobody changes them before this transaction ends."""
    one = select(product).where(product.c.id == product_id)
    return conn.execute(one.with_for_update() if lock else one).mappings().one_or_none()


def runs(conn: Connection, *, site_id: str | None, after: After, limit: int) -> Sequence[Row]:
    """Load runs, the latest first."""
    found = select(load_run).where(*behind((load_run.c.run_no,), after, descending=True))
    if site_id is not None:
        found = found.where(load_run.c.site_id == site_id)
    return conn.execute(found.order_by(load_run.c.run_no.desc()).limit(limit)).mappings().all()


def run_exists(conn: Connection, *, run_no: int) -> bool:
    """Whether there is such a run."""
    return conn.execute(select(load_run.c.run_no).where(load_run.c.run_no == run_no)).one_or_none() is not None


def lots(conn: Connection, *, after: After, limit: int) -> Sequence[Row]:
    """What came, newest first."""
    key = (lot.c.received_at, lot.c.id)
    found = select(lot).where(*behind(key, after, descending=True))
    return conn.execute(found.order_by(*(column.desc() for column in key)).limit(limit)).mappings().all()


def stock(conn: Connection, *, run_no: int, after: After, limit: int) -> Sequence[Row]:
    """What a run has of each product."""
    key = (run_stock.c.product_id,)
    found = select(run_stock).where(run_stock.c.run_no == run_no, *behind(key, after))
    return conn.execute(found.order_by(*key).limit(limit)).mappings().all()


def stock_of(conn: Connection, *, run_no: int, product_id: str, lock: bool = False) -> Row | None:
    """What a run has of one product; with `lock` nobody takes any before this transaction ends."""
    one = select(run_stock).where(run_stock.c.run_no == run_no, run_stock.c.product_id == product_id)
    return conn.execute(one.with_for_update() if lock else one).mappings().one_or_none()


def orders(conn: Connection, *, state: str | None, site_id: str | None, after: After, limit: int) -> Sequence[Row]:
    """Everybody's orders, newest first (their ids sort by time), without who placed them."""
    key = (customer_order.c.id,)
    found = select(customer_order).where(*behind(key, after, descending=True))
    if state is not None:
        found = found.where(customer_order.c.state == state)
    if site_id is not None:
        found = found.where(customer_order.c.site_id == site_id)
    return conn.execute(found.order_by(*(column.desc() for column in key)).limit(limit)).mappings().all()


def order(conn: Connection, *, order_id: str) -> Row | None:
    """One order, without who placed it."""
    return conn.execute(select(customer_order).where(customer_order.c.id == order_id)).mappings().one_or_none()


def refunds(conn: Connection, *, order_id: str | None, after: After, limit: int) -> Sequence[Row]:
    """Refunds, newest first."""
    key = (refund.c.decided_at, refund.c.id)
    state = case((refund.c.done_at.is_not(None), "done"), (refund.c.failed.is_not(None), "failed"), else_="open")
    found = select(refund, state.label("state")).where(*behind(key, after, descending=True))
    if order_id is not None:
        found = found.where(refund.c.order_id == order_id)
    return conn.execute(found.order_by(*(column.desc() for column in key)).limit(limit)).mappings().all()


def staff(conn: Connection, *, after: After, limit: int) -> Sequence[Row]:
    """Everybody who is not a resident."""
    key = (person.c.role, person.c.id)
    found = _people().where(person.c.role != "resident", *behind(key, after))
    return conn.execute(found.order_by(*key).limit(limit)).mappings().all()


def one_person(conn: Connection, *, person_id: str, lock: bool = False) -> Row | None:
    """One person, resident or staff."""
    one = _people().where(person.c.id == person_id)
    return conn.execute(one.with_for_update() if lock else one).mappings().one_or_none()


def lockers(conn: Connection, *, site_id: str) -> Row | None:
    """A site's gateway, lockers, zones and doors as last told; `None` when there is no such site."""
    of_site = select(site.c.id, gateway.c.online, gateway.c.heard_at).outerjoin_from(site, gateway)
    found = conn.execute(of_site.where(site.c.id == site_id)).mappings().one_or_none()
    if found is None:
        return None
    doors = conn.execute(select(compartment).where(compartment.c.site_id == site_id).order_by(compartment.c.door))
    zones = select(zone_reading).join(locker, locker.c.id == zone_reading.c.locker_id)
    return {
        **found,
        "online": bool(found["online"]),
        "lockers": _all(conn, select(locker).where(locker.c.site_id == site_id).order_by(locker.c.position)),
        "zones": _all(conn, zones.where(locker.c.site_id == site_id).order_by(zone_reading.c.locker_id)),
        "doors": doors.mappings().all(),
    }


def _people() -> Select[Any]:
    return select(person.c.id, person.c.role, person.c.staff_no, person.c.display_name, person.c.site_id)


def _all(conn: Connection, query: Select[Any]) -> Sequence[Row]:
    return conn.execute(query).mappings().all()
