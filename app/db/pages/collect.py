"""What stands on the collect page beside the code: the lockers an order lies in, their doors and temperatures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select, text

from app.db.tables import compartment, locker, parcel, remote_command, zone_reading
from app.domain.roles import Role

# Who can come: of several the one that was there first.
KEEPER = text("""
    SELECT display_name, phone FROM person WHERE role = :role AND site_id = :site_id AND erased_at IS NULL
    ORDER BY phone IS NULL, created_at, id LIMIT 1
""")
# What of it would go back: whatever was not collected, less what went back before.
LEFT = text("""
    SELECT coalesce(sum(l.line_minor - coalesce(back.minor, 0)), 0)::bigint FROM order_line l
    JOIN parcel p ON p.id = l.parcel_id
    LEFT JOIN LATERAL (
        SELECT sum(amount_minor) AS minor FROM refund_line r WHERE r.order_id = l.order_id AND r.line_no = l.line_no
    ) back ON true
    WHERE l.order_id = :order_id AND p.state <> 'collected'
""")


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


def last_tap(conn: Connection, *, order_id: str) -> Row[Any] | None:
    """The last time somebody asked on the page for this order's doors."""
    query = select(remote_command).where(remote_command.c.order_id == order_id, remote_command.c.kind == "collect")
    return conn.execute(query.order_by(remote_command.c.asked_at.desc()).limit(1)).one_or_none()


def keeper_of(conn: Connection, *, site_id: str) -> Row[Any] | None:
    """A site's keeper: `display_name`, and `phone` where they gave one; none where nobody keeps it."""
    return conn.execute(KEEPER, {"site_id": site_id, "role": Role.KEEPER.value}).one_or_none()


def left_to_refund(conn: Connection, *, order_id: str) -> int:
    """Minor units of what was not collected yet."""
    return int(conn.execute(LEFT, {"order_id": order_id}).scalar_one())


def _front(conn: Connection, row: Row[Any], lying: Sequence[Row[Any]]) -> LockerFront:
    doors = conn.execute(
        select(compartment).where(compartment.c.locker_id == row.id).order_by(compartment.c.door)
    ).all()
    zones = {door.zone for door in doors if door.door in {one.door for one in lying}}
    readings = conn.execute(
        select(zone_reading).where(zone_reading.c.locker_id == row.id, zone_reading.c.zone.in_(zones))
    ).all()
    return LockerFront(row, doors, readings, tuple(one.door for one in lying))
