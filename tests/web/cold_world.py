"""Temperatures to test pages against: hours written as the service keeps them, and a parcel that lies in them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from app.db import tables as t
from locker_protocol.ids import random_id
from tests.web.shop_world import NOW
from tests.web.staff_world import Day

# A parcel that was packed at eight, loaded at ten, and now it is noon.
PACKED, LOADED = NOW - timedelta(hours=4), NOW - timedelta(hours=2)


def keep(
    conn: Connection,
    *,
    locker_id: str,
    zone: str,
    since: datetime,
    minutes: int,
    product_c: float = 2.5,
    air_c: float = 3.0,
    reach_c: float = 0.4,
    without: tuple[int, int] = (0, 0),
    values: Mapping[int, float] | None = None,
    open_s: int = 0,
) -> None:
    """Write minutes of a zone; `without` is a stretch that nobody measured, `values` other temperatures, by minute."""
    per_hour: dict[datetime, dict[int, float | None]] = {}
    for n in range(minutes):
        at = since + timedelta(minutes=n)
        hour = at.replace(minute=0, second=0, microsecond=0)
        known = None if without[0] <= n < without[1] else (values or {}).get(n, product_c)
        per_hour.setdefault(hour, {})[at.minute] = known
    for hour, told in per_hour.items():
        conn.execute(
            insert(t.zone_hour).values(
                locker_id=locker_id, zone=zone, hour=hour, **_arrays(told, air_c, reach_c, open_s)
            )
        )


def lay_down(conn: Connection, day: Day, *, zone: str = "chilled", door_of: str | None = None) -> Any:
    """Lay the order's first parcel behind a door of a zone; gives the door's row."""
    door = conn.execute(
        select(t.compartment)
        .where(t.compartment.c.site_id == day.site_id, t.compartment.c.zone == zone)
        .order_by(t.compartment.c.door)
        .limit(1)
    ).one()
    mine = t.parcel.c.id == day.parcels[0]
    conn.execute(
        update(t.parcel)
        .where(mine)
        .values(state="loaded", door=door.door, packed_at=PACKED, loaded_at=LOADED, zone=zone)
    )
    conn.execute(update(t.customer_order).where(t.customer_order.c.id == day.order_id).values(state="ready"))
    return door


def keep_shut(conn: Connection, day: Day, door: Any, **values: Any) -> str:
    """Put a parcel into quarantine."""
    quarantine_id = random_id()
    row = {
        "id": quarantine_id,
        "parcel_id": day.parcels[0],
        "order_id": day.order_id,
        "site_id": day.site_id,
        "locker_id": door.locker_id,
        "door": door.door,
        "food_class": "chilled_tcs",
        "cause": "too_warm",
        "since": NOW - timedelta(hours=1),
        "found_at": NOW - timedelta(minutes=30),
        "due_at": NOW + timedelta(minutes=90),
        **values,
    }
    conn.execute(insert(t.quarantine).values(**row))
    return quarantine_id


def alarm(conn: Connection, *, site_id: str, locker_id: str, kind: str, zone: str = "chilled", **values: Any) -> None:
    """Write an alarm of a zone as its site told it."""
    row = {
        "id": random_id(),
        "site_id": site_id,
        "locker_id": locker_id,
        "zone": zone,
        "alarm": kind,
        "found_at": NOW - timedelta(minutes=12),
        **values,
    }
    conn.execute(insert(t.zone_alarm).values(**row))


def _arrays(told: Mapping[int, float | None], air_c: float, reach_c: float, open_s: int) -> dict[str, Any]:
    def each(give: Any) -> list[int | None]:
        return [None if told.get(minute) is None else give(told[minute]) for minute in range(60)]

    def hundredths(add: float) -> Any:
        return lambda value: round((value + add) * 100)

    return {
        "samples": each(lambda _value: 6),
        "product_min": each(hundredths(-reach_c)),
        "product_mean": each(hundredths(0)),
        "product_max": each(hundredths(reach_c)),
        "air_min": each(lambda _value: round(air_c * 100) - 80),
        "air_mean": each(lambda _value: round(air_c * 100)),
        "air_max": each(lambda _value: round(air_c * 100) + 80),
        "open_s": each(lambda _value: open_s),
        "cooling_s": each(lambda _value: 30),
        "defrost_s": each(lambda _value: 0),
        "air_fault": [None] * 60,
        "product_fault": [None] * 60,
    }
