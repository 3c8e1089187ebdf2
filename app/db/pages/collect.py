"""What stands on the collect page beside the code: the lockers an order lies in, their doors and temperatures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from app.db.tables import compartment, locker, parcel, zone_reading


@dataclass(frozen=True, slots=True)
class LockerFront:
    """A locker as the wall draws it, the temperatures behind its doors, and the doors of this order in it."""

    locker: Row[Any]
    doors: Sequence[Row[Any]]
    readings: Sequence[Row[Any]]
    yours: tuple[int, ...]


def fronts_of_order(conn: Connection, *, order_id: str, site_id: str) -> list[LockerFront]:
    """The lockers that hold parcels of an order, each with every door; none before it is loaded."""
    query: Select[Any] = (
        select(parcel.c.door, parcel.c.zone, compartment.c.locker_id)
        .join_from(parcel, compartment, (compartment.c.door == parcel.c.door) & (compartment.c.site_id == site_id))
        .where(parcel.c.order_id == order_id, parcel.c.state.in_(("loaded", "collected")))
        .order_by(parcel.c.door)
    )
    lying = conn.execute(query).all()
    lockers = {row.locker_id for row in lying}
    rows = conn.execute(select(locker).where(locker.c.id.in_(lockers)).order_by(locker.c.position)).all()
    return [_front(conn, row, [one for one in lying if one.locker_id == row.id]) for row in rows]


def _front(conn: Connection, row: Row[Any], lying: Sequence[Row[Any]]) -> LockerFront:
    doors = conn.execute(
        select(compartment).where(compartment.c.locker_id == row.id).order_by(compartment.c.door)
    ).all()
    zones = {door.zone for door in doors if door.door in {one.door for one in lying}}
    readings = conn.execute(
        select(zone_reading).where(zone_reading.c.locker_id == row.id, zone_reading.c.zone.in_(zones))
    ).all()
    return LockerFront(row, doors, readings, tuple(one.door for one in lying))
