"""What a keeper sees of their own site, of an order they looked up, and of their cold bag. Reads only.

It reads no name, no contact, no time at which anybody opened, collected or ordered anything: pickup times show who is
away. Whoever adds a column here adds it to what a neighbour knows of all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, any_, exists, select, text

from app.db.tables import (
    compartment,
    customer_order,
    gateway,
    keeper_look,
    locker,
    parcel,
    person,
    quarantine,
    remote_command,
    site,
    zone_reading,
)
from app.domain.keeping import KeptParcel, may_be_given
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState

# A grant names the command it followed, and what its doors did names the grant: no two clocks are compared.
COMMANDS_DOORS = text("""
    SELECT DISTINCT e.type, CAST(e.body ->> 'door' AS integer) AS door FROM site_event e
    WHERE e.gateway_id = :gateway_id AND e.at > :since AND e.type IN ('DoorStayedShut', 'DoorWasOpened')
        AND e.body ->> 'grant_id' IN (
            SELECT g.body ->> 'grant_id' FROM site_event g WHERE g.gateway_id = :gateway_id AND g.at > :since
                AND g.type = 'UnlockGranted' AND g.body ->> 'command_id' = :command_id
        )
""")
CLOCKS_DIFFER = timedelta(minutes=5)
THIS_SHIFT = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class LockerSeen:
    """A locker and its doors; `online` only while its site is."""

    row: Row[Any]
    online: bool
    doors: Sequence[Row[Any]]
    zones: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class SiteSeen:
    """A keeper's site."""

    row: Row[Any]
    lockers: Sequence[LockerSeen]

    def door(self, number: int) -> tuple[LockerSeen, Row[Any]] | None:
        """A door and its locker; `None` when there is none of that number."""
        return next(((one, door) for one in self.lockers for door in one.doors if door.door == number), None)


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """The order a keeper looked up with its owner: how many bags, where, and whether they may be given out."""

    order: Row[Any]
    bags: Sequence[Row[Any]]

    @property
    def kept(self) -> list[KeptParcel]:
        """Its bags as the rules see them."""
        return [_kept(bag) for bag in self.bags]

    def good(self, state: ParcelState, *, now: datetime) -> list[Row[Any]]:
        """Its bags in one state that may be given to its owner now."""
        order = OrderState(self.order.state)
        return [bag for bag in self.bags if bag.state == state and may_be_given(order, _kept(bag), now=now)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a keeper asked of the lockers, and what became of each door."""

    command: Row[Any]
    opened: frozenset[int]
    stuck: frozenset[int]


def site_seen(conn: Connection, *, site_id: str) -> SiteSeen | None:
    """A site as it is now; `None` when there is none of that id."""
    here: Select[Any] = select(site.c.id, site.c.name_zh, site.c.name_en, site.c.timezone, gateway.c.online)
    row = conn.execute(here.outerjoin_from(site, gateway).where(site.c.id == site_id)).one_or_none()
    if row is None:
        return None
    lockers = conn.execute(select(locker).where(locker.c.site_id == site_id).order_by(locker.c.position)).all()
    doors = conn.execute(_doors(site_id)).all()
    ids = [one.id for one in lockers]
    zones = conn.execute(select(zone_reading).where(zone_reading.c.locker_id.in_(ids))).all()
    return SiteSeen(row, [_locker(one, bool(row.online), doors, zones) for one in lockers])


def found_order(conn: Connection, *, look_id: str, person_id: str, since: datetime) -> FoundOrder | None:
    """What this keeper looked up after `since`; `None` when they did not."""
    query: Select[Any] = (
        select(customer_order.c.id, customer_order.c.order_no, customer_order.c.state, customer_order.c.site_id)
        .join_from(keeper_look, customer_order, customer_order.c.id == keeper_look.c.order_id)
        .where(keeper_look.c.id == look_id, keeper_look.c.person_id == person_id, keeper_look.c.at >= since)
    )
    order = conn.execute(query).one_or_none()
    if order is None:
        return None
    bags = _bags().where(parcel.c.order_id == order.id, parcel.c.state != ParcelState.CANCELLED)
    return FoundOrder(order, conn.execute(bags.order_by(parcel.c.ref)).all())


def last_asked(
    conn: Connection,
    *,
    person_id: str,
    right: str,
    since: datetime,
    order_id: str | None = None,
    door: int | None = None,
) -> Asked | None:
    """The last command of this keeper for an order or a door; `None` when there is none after `since`."""
    query = select(remote_command).where(
        remote_command.c.person_id == person_id, remote_command.c.right == right, remote_command.c.asked_at > since
    )
    if order_id is not None:
        query = query.where(remote_command.c.order_id == order_id)
    if door is not None:
        query = query.where(any_(remote_command.c.doors) == door)
    row = conn.execute(query.order_by(remote_command.c.asked_at.desc()).limit(1)).one_or_none()
    return None if row is None else _asked(conn, row)


def asked(conn: Connection, *, command_id: str, person_id: str) -> Asked | None:
    """A command of this keeper's own."""
    mine = (remote_command.c.id == command_id, remote_command.c.person_id == person_id)
    row = conn.execute(select(remote_command).where(*mine)).one_or_none()
    return None if row is None else _asked(conn, row)


def rescued_from(conn: Connection, *, site_id: str, doors: Sequence[int], since: datetime) -> set[int]:
    """Behind which of these doors food was rescued after `since`."""
    query = (
        select(parcel.c.door)
        .join_from(parcel, customer_order)
        .where(customer_order.c.site_id == site_id, parcel.c.door.in_(doors))
        .where(parcel.c.rescued_at > since - CLOCKS_DIFFER)
    )
    return set(conn.execute(query).scalars())


def cold_bag(conn: Connection, *, person_id: str, now: datetime) -> Sequence[Row[Any]]:
    """What lies in this keeper's bag, soonest over first; also what the clock discarded in this shift."""
    query = _bags().add_columns(customer_order.c.order_no, customer_order.c.state.label("order_state"))
    mine = query.join(customer_order, customer_order.c.id == parcel.c.order_id).where(parcel.c.rescued_by == person_id)
    held = parcel.c.state == ParcelState.RESCUED
    over = (parcel.c.state == ParcelState.DISPOSED) & (parcel.c.keep_until > now - THIS_SHIFT)
    return conn.execute(mine.where(held | over).order_by(parcel.c.keep_until, parcel.c.ref)).all()


def _doors(site_id: str) -> Select[Any]:
    food = exists().where(
        parcel.c.order_id == customer_order.c.id,
        customer_order.c.site_id == compartment.c.site_id,
        parcel.c.door == compartment.c.door,
        parcel.c.state == ParcelState.LOADED,
    )
    found: Select[Any] = select(compartment, food.label("has_food"))
    return found.where(compartment.c.site_id == site_id).order_by(compartment.c.door)


def _bags() -> Select[Any]:
    return select(
        parcel.c.id,
        parcel.c.ref,
        parcel.c.state,
        parcel.c.zone,
        parcel.c.door,
        parcel.c.collect_until,
        parcel.c.keep_until,
        parcel.c.rescued_by,
        parcel.c.discarded_for,
        exists()
        .where(quarantine.c.parcel_id == parcel.c.id, quarantine.c.state.in_(("open", "condemned")))
        .label("kept_shut"),
        person.c.display_name.label("keeper"),
    ).outerjoin_from(parcel, person, person.c.id == parcel.c.rescued_by)


def _kept(bag: Row[Any]) -> KeptParcel:
    return KeptParcel(
        state=ParcelState(bag.state),
        collect_until=bag.collect_until,
        keep_until=bag.keep_until,
        kept_shut=bag.kept_shut,
    )


def _locker(row: Row[Any], site_online: bool, doors: Sequence[Row[Any]], zones: Sequence[Row[Any]]) -> LockerSeen:  # noqa: FBT001
    return LockerSeen(
        row,
        site_online and bool(row.online),
        [door for door in doors if door.locker_id == row.id],
        [zone for zone in zones if zone.locker_id == row.id],
    )


def _asked(conn: Connection, row: Row[Any]) -> Asked:
    place = {"gateway_id": row.gateway_id, "command_id": row.id, "since": row.asked_at - CLOCKS_DIFFER}
    told = conn.execute(COMMANDS_DOORS, place).all()
    return Asked(
        row,
        frozenset(each.door for each in told if each.type == "DoorWasOpened"),
        frozenset(each.door for each in told if each.type == "DoorStayedShut"),
    )
