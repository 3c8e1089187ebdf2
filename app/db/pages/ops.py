"""What operators see: sites, lockers, doors and temperatures as last told, orders and their history. Reads only.

Says when each thing was last heard; whether that is too old to be believed is the page's to judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, any_, false, func, literal, or_, select, true, tuple_

from app.db.tables import (
    change,
    compartment,
    credential,
    customer_order,
    gateway,
    history,
    load_run,
    locker,
    parcel,
    payment,
    person,
    pickup_window,
    quarantine,
    rejected_message,
    remote_command,
    site,
    site_event,
    zone_reading,
)
from app.domain.order_state import FINAL_ORDER_STATES, OrderState
from app.domain.parcel_state import ParcelState
from locker_protocol.vocabulary import DoorTrouble

LATEST = 50
MOST_ORDERS = 50
TROUBLE = (
    "AccessRefused",
    "DoorStayedShut",
    "DoorLeftOpen",
    "ControllerWentSilent",
    "ControllerEventRefused",
    "DoorTroubleFound",
)
TROUBLE_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DoorNow:
    """A door as the site last told it, and the parcel behind it."""

    locker_id: str
    door: int
    column_no: int
    row_no: int
    zone: str
    size: str
    x_mm: int
    y_mm: int
    width_mm: int
    height_mm: int
    condition: str
    door_state: str
    door_changed_at: datetime | None
    order_id: str | None
    order_no: str | None
    parcel_ref: str | None
    parcel_opened_at: datetime | None
    trouble: str | None = None
    trouble_door: int | None = None
    trouble_at: datetime | None = None
    kept_shut: bool = False
    planned: bool = False

    @property
    def mark(self) -> str:
        """How the wall draws it; what is told now goes before what was planned."""
        told = (
            ("jammed", self.trouble == DoorTrouble.JAMMED),
            (self.door_state, self.door_state != "shut"),
            ("out", self.condition == "broken"),
            ("warm", self.kept_shut),
            ("loaded", self.parcel_ref is not None),
            ("check", self.condition == "to_check"),
            ("reserved", self.planned),
        )
        return next((mark for mark, holds in told if holds), "empty")


@dataclass(frozen=True, slots=True)
class LockerNow:
    """A locker with its doors and zones as last heard; it is `online` only while its gateway is as well."""

    id: str
    name_zh: str
    name_en: str
    width_mm: int
    height_mm: int
    head: Mapping[str, Any]
    online: bool
    heard_at: datetime | None
    doors: Sequence[DoorNow]
    zones: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class SiteNow:
    """A site with its gateway and lockers."""

    site: Row[Any]
    lockers: Sequence[LockerNow]
    parcels: int

    @property
    def online(self) -> bool:
        """Whether its gateway is connected."""
        return bool(self.site.gateway_online)


@dataclass(frozen=True, slots=True)
class OrderFile:
    """All that is kept of one order."""

    order: Row[Any]
    history: Sequence[Row[Any]]
    payments: Sequence[Row[Any]]
    codes: Sequence[Row[Any]]
    events: Sequence[Row[Any]]
    parcels: Sequence[Row[Any]]


def fleet(conn: Connection, *, site_id: str | None = None) -> list[SiteNow]:
    """Every site (or one) with all that is known of it now."""
    one = true() if site_id is None else locker.c.site_id == site_id
    lockers = _all(conn, select(locker).where(one).order_by(locker.c.position))
    doors = [_door_now(row) for row in _all(conn, _doors(site_id))]
    zones = _all(
        conn,
        select(zone_reading).join_from(zone_reading, locker).where(one).order_by(locker.c.id, zone_reading.c.zone),
    )
    sites = _sites()
    if site_id is not None:
        sites = sites.where(site.c.id == site_id)
    return [_site_now(row, lockers, doors, zones) for row in _all(conn, sites)]


def events(
    conn: Connection,
    *,
    now: datetime,
    site_id: str | None = None,
    door: int | None = None,
    locker_id: str | None = None,
    trouble: bool = False,
) -> Sequence[Row[Any]]:
    """The latest events of the sites, of one site, locker or door; or only those of a week that mean trouble.

    Asked site by site, newest first, so that no more is read than is shown.
    """
    mine = select(site_event).where(site_event.c.gateway_id == gateway.c.id)
    if trouble:
        mine = mine.where(site_event.c.type.in_(TROUBLE), site_event.c.at > now - TROUBLE_FOR)
    if door is not None:
        mine = mine.where(_names_door([door]))
    if locker_id is not None:
        doors = select(compartment.c.door).where(compartment.c.locker_id == locker_id)
        named = site_event.c.body["controller"].as_string() == locker_id
        mine = mine.where(or_(named, _names_door(conn.execute(doors).scalars().all())))
    each = mine.order_by(site_event.c.at.desc(), site_event.c.seq.desc()).limit(LATEST).lateral("each")
    query = (
        select(each, gateway.c.site_id, site.c.name_zh, site.c.name_en, site.c.timezone)
        .select_from(gateway)
        .join(site, site.c.id == gateway.c.site_id)
        .join(each, true())
        .order_by(each.c.at.desc(), each.c.seq.desc())
        .limit(LATEST)
    )
    return _all(conn, query if site_id is None else query.where(gateway.c.site_id == site_id))


def _names_door(doors: Sequence[int]) -> ColumnElement[bool]:
    return or_(
        *(site_event.c.body.contains(part) for door in doors for part in ({"door": door}, {"doors": [door]})), false()
    )


def openings_asked(conn: Connection, *, site_id: str, door_no: int) -> Sequence[Row[Any]]:
    """What was asked from afar for this door: who, why, and what became of it."""
    query = (
        select(remote_command, person.c.display_name, person.c.role)
        .join_from(remote_command, gateway)
        .join(person, person.c.id == remote_command.c.person_id)
        .where(gateway.c.site_id == site_id)
        .where(literal(door_no) == any_(remote_command.c.doors))
        .order_by(remote_command.c.asked_at.desc())
        .limit(LATEST)
    )
    return _all(conn, query)


def condition_wishes(conn: Connection, *, site_id: str, door_no: int) -> Sequence[Row[Any]]:
    """Who took this door out of use or gave it back, and why, newest first; `confirmed` once its site has said so."""
    query = (
        select(
            change,
            person.c.display_name,
            person.c.role,
            (
                (compartment.c.condition_at >= change.c.at)
                & ((compartment.c.condition == "broken") == (change.c.after == "broken"))
            ).label("confirmed"),
        )
        .join_from(change, person, person.c.id == change.c.person_id)
        .join(
            compartment,
            (compartment.c.site_id == site_id) & (compartment.c.door == door_no),
        )
        .where(change.c.subject == "door", change.c.subject_id == f"{site_id}/{door_no}")
        .order_by(change.c.id.desc())
        .limit(LATEST)
    )
    return _all(conn, query)


def orders(conn: Connection, *, state: OrderState | None, search: str) -> Sequence[Row[Any]]:
    """Orders, newest first; those in one state, or whose number begins with what is searched."""
    query = _orders().order_by(customer_order.c.id.desc()).limit(MOST_ORDERS)  # ids begin with the time they were made
    if state is not None:
        query = query.where(customer_order.c.state == state)
    if search:
        query = query.where(customer_order.c.order_no.istartswith(search, autoescape=True))
    return _all(conn, query)


def orders_by_state(conn: Connection) -> Mapping[str, int]:
    """How many orders there are in each state that does not last; the others only grow, and take long to count."""
    under_way = [state for state in OrderState if state not in FINAL_ORDER_STATES]
    query = select(customer_order.c.state, func.count().label("orders")).group_by(customer_order.c.state)
    query = query.where(customer_order.c.state.in_(under_way))
    return {row.state: row.orders for row in conn.execute(query)}


def order(conn: Connection, *, order_id: str) -> OrderFile | None:
    """One order with all that happened to it, without a secret or a contact; `None` when there is none."""
    found = conn.execute(_orders().where(customer_order.c.id == order_id)).one_or_none()
    if found is None:
        return None
    happened = select(history).where(history.c.order_id == order_id).order_by(history.c.id)
    told = select(site_event).where(site_event.c.order_id == order_id).order_by(site_event.c.at, site_event.c.seq)
    paid = select(payment).where(payment.c.order_id == order_id).order_by(payment.c.made_at)
    codes = select(credential).where(credential.c.order_id == order_id).order_by(credential.c.generation)
    bags = select(parcel).where(parcel.c.order_id == order_id).order_by(parcel.c.ref)
    return OrderFile(found, *(_all(conn, query) for query in (happened, paid, codes, told, bags)))


def rejected_count(conn: Connection) -> int:
    """How many messages were refused on the links."""
    return conn.execute(select(func.count()).select_from(rejected_message)).scalar_one()


def rejected_messages(conn: Connection) -> Sequence[Row[Any]]:
    """The latest of them."""
    return _all(conn, select(rejected_message).order_by(rejected_message.c.id.desc()).limit(LATEST))


def _site_now(
    row: Row[Any], lockers: Sequence[Row[Any]], doors: Sequence[DoorNow], zones: Sequence[Row[Any]]
) -> SiteNow:
    return SiteNow(
        site=row,
        parcels=row.parcels,
        lockers=[_locker_now(row, one, doors, zones) for one in lockers if one.site_id == row.id],
    )


def _locker_now(site_row: Row[Any], one: Row[Any], doors: Sequence[DoorNow], zones: Sequence[Row[Any]]) -> LockerNow:
    return LockerNow(
        id=one.id,
        name_zh=one.name_zh,
        name_en=one.name_en,
        width_mm=one.width_mm,
        height_mm=one.height_mm,
        head=one.head,
        online=bool(one.online and site_row.gateway_online),
        heard_at=one.heard_at,
        doors=[each for each in doors if each.locker_id == one.id],
        zones=[each for each in zones if each.locker_id == one.id],
    )


def _door_now(row: Row[Any]) -> DoorNow:
    return DoorNow(**{field.name: getattr(row, field.name) for field in fields(DoorNow)})


def _sites() -> Select[Any]:
    inside = (
        select(func.count())
        .select_from(parcel)
        .join(customer_order)
        .where(customer_order.c.site_id == site.c.id, parcel.c.state == ParcelState.LOADED)
        .scalar_subquery()
    )
    return (
        select(
            site,
            gateway.c.id.label("gateway_id"),
            gateway.c.online.label("gateway_online"),
            gateway.c.heard_at.label("gateway_heard_at"),
            gateway.c.ahead_s,
            (gateway.c.down_seq - gateway.c.down_acked_seq).label("unconfirmed"),
            inside.label("parcels"),
        )
        .join_from(site, gateway)
        .order_by(site.c.site_no)
    )


def _doors(site_id: str | None) -> Select[Any]:
    """Compartments, all or of a site, with the parcel that lies behind each, if any."""
    shut = (
        select(quarantine.c.id)
        .where(quarantine.c.state == "open")
        .where(quarantine.c.site_id == compartment.c.site_id, quarantine.c.door == compartment.c.door)
        .exists()
    )
    planned = tuple_(compartment.c.site_id, compartment.c.door).in_(
        select(customer_order.c.site_id, parcel.c.planned_doors[1])
        .join_from(customer_order, parcel)
        .where(customer_order.c.state.in_((OrderState.PAID, OrderState.PACKED)))
        .where(parcel.c.state.in_((ParcelState.PLANNED, ParcelState.PACKED)))
    )
    query = (
        select(
            compartment,
            parcel.c.ref.label("parcel_ref"),
            parcel.c.opened_at.label("parcel_opened_at"),
            customer_order.c.order_no,
            customer_order.c.id.label("order_id"),
            shut.label("kept_shut"),
            planned.label("planned"),
        )
        .outerjoin_from(
            compartment,
            parcel.join(customer_order),
            (parcel.c.door == compartment.c.door)
            & (customer_order.c.site_id == compartment.c.site_id)
            & (parcel.c.state == ParcelState.LOADED),
        )
        .order_by(compartment.c.site_id, compartment.c.door)
    )
    return query if site_id is None else query.where(compartment.c.site_id == site_id)


def _orders() -> Select[Any]:
    return (
        select(
            customer_order,
            site.c.name_zh,
            site.c.name_en,
            site.c.timezone,
            pickup_window.c.opens_at,
            pickup_window.c.closes_at,
            load_run.c.kind,
            load_run.c.local_date,
        )
        .join_from(customer_order, site)
        .join(pickup_window, pickup_window.c.id == customer_order.c.window_id)
        .join(load_run, load_run.c.run_no == customer_order.c.run_no)
    )


def _all(conn: Connection, query: Select[Any]) -> Sequence[Row[Any]]:
    return conn.execute(query).all()
