"""An order that lies in the locker, and what its site tells of its doors."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, update

from app.db import tables as t
from app.db.engine import announce, transaction
from app.domain.collect_link import make_collect_link
from tests.web.shop_world import NOW
from tests.web.staff_world import Day, tell

CREDENTIAL = "00112233445566aa"


def make_ready(day: Day) -> Day:
    """Lay the order's parcels behind doors 6, 7, … of the first locker, and make its code."""
    with day.engine.begin() as conn:
        conn.execute(update(t.customer_order).values(state="ready"))
        for door, parcel_id in enumerate(day.parcels, start=6):
            here = update(t.parcel).where(t.parcel.c.id == parcel_id)
            conn.execute(here.values(state="loaded", door=door, loaded_at=NOW))
        credential = {"id": CREDENTIAL, "order_id": day.order_id, "site_id": day.site_id, "handle": 7, "generation": 1}
        until = NOW + timedelta(hours=20)
        conn.execute(insert(t.credential).values(**credential, made_at=NOW, expires_at=until, typed=True))
    return day


def link(day: Day, **late: int) -> str:
    """The link in the message; `late`: how long ago it ended."""
    ends = NOW - timedelta(**late) if late else NOW + timedelta(days=2)
    return make_collect_link("a secret for tests", order_id=day.order_id, ends_at=ends)


def happen(day: Day, kind: str, *, seconds: int = 0, door: int = 6, **body: Any) -> None:
    """The site tells of a door of the order, so many seconds ago, and open pages hear it."""
    at = NOW - timedelta(seconds=seconds)
    told = {"door": door, "order_id": day.order_id, **body}
    if kind == "UnlockGranted":
        told = {"doors": [door], "right": "collect", "order_id": day.order_id}
    with transaction(day.engine) as conn:
        tell(conn, site_id=day.site_id, at=at, kind=kind, body=told)
        announce(conn, f"order:{day.order_id}")


def pulse_in_vain(day: Day, times: int, door: int = 6) -> None:
    """Its lock is released and it does not open."""
    for n in range(times):
        happen(day, "UnlockGranted", seconds=60 - 20 * n, door=door)
        happen(day, "DoorStayedShut", seconds=48 - 20 * n, door=door)
