"""A van at a site, to test a visit's pages against: `staff_world` at loading time, and what the site would tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, text, update

from app.db import tables as t
from app.db.engine import announce, transaction
from app.domain.roles import Role
from app.use_cases.site.apply_locker_event import Told, apply_locker_event
from locker_protocol.label import Label, write_label
from locker_protocol.site_events import (
    DoorConditionChanged,
    DoorWasOpened,
    DoorWasShut,
    ParcelLoaded,
    ParcelRemoved,
    SiteEvent,
)
from locker_protocol.vocabulary import DoorCondition, Right
from tests.web.staff_world import Day, day_at, load, pack_all, pay, place

GATEWAY, LOCKER = "gw-1", "G1"


@contextmanager
def van_at(engine: Engine, folder: Path) -> Iterator[Day]:
    """A day on which the packed order's run is being loaded now."""
    with day_at(engine, folder) as day:
        with engine.begin() as conn:
            pack_all(conn, day.order_id)
            place(conn, person_id=day.people[Role.KEEPER], window_id=day.window_id)  # for `leave_behind`
            late = t.load_run.c.load_from - timedelta(hours=26)
            conn.execute(update(t.load_run).values(order_by=late, load_from=late))
            for role, name in ((Role.DRIVER, "Li"), (Role.ADMIN, "Wang")):
                conn.execute(update(t.person).where(t.person.c.id == day.people[role]).values(display_name=name))
        yield day


def now_of(day: Day) -> datetime:
    """The civil time of the application."""
    found: datetime = day.app.extensions["caibox"].clock.now().civil
    return found


def leave_behind(day: Day, *doors: int) -> tuple[str, list[str]]:
    """An order that nobody collected in time, one parcel behind each of these doors; its id and its parcels."""
    with day.engine.begin() as conn:
        order_id = conn.execute(
            select(t.customer_order.c.id).where(t.customer_order.c.state == "awaiting_payment")
        ).scalar_one()
        parcels = pay(conn, order_id)[: len(doors)]
        assert len(parcels) == len(doors), "the order has too few parcels"
        pack_all(conn, order_id)
        mine = t.parcel.c.order_id == order_id
        conn.execute(update(t.parcel).where(mine).values(collect_until=now_of(day) - timedelta(hours=1)))
        others = mine & t.parcel.c.id.not_in(parcels)
        conn.execute(update(t.parcel).where(others).values(state="cancelled"))
        for parcel_id, door in zip(parcels, doors, strict=True):
            load(conn, parcel_id, door)
        conn.execute(update(t.customer_order).where(t.customer_order.c.id == order_id).values(state="ready"))
    return order_id, parcels


def empty(day: Day, *doors: int) -> None:
    """Doors that were collected from and wait to be wiped."""
    here = (t.compartment.c.site_id == day.site_id) & t.compartment.c.door.in_(doors)
    change(day, update(t.compartment).where(here).values(condition="to_check"))


def change(day: Day, statement: Any) -> None:
    """Change rows behind the application's back, and tell its pages."""
    with transaction(day.engine) as conn:
        conn.execute(statement)
        announce(conn, f"site:{day.site_id}")


def tell(day: Day, event: SiteEvent) -> None:
    """An event of the site arrives."""
    now = now_of(day)
    settings = day.app.extensions["caibox"].settings
    with transaction(day.engine) as conn:
        apply_locker_event(conn, event, told=Told(GATEWAY, day.site_id, now, now), settings=settings)


def answer(day: Day, **values: Any) -> None:
    """What the site says to whatever it was asked and has not answered."""
    waiting = t.remote_command.c.answered_at.is_(None)
    change(day, update(t.remote_command).where(waiting).values(answered_at=now_of(day), **values))


def opens(day: Day, *doors: int) -> None:
    """Doors that were unlocked stand open."""
    for door in doors:
        tell(day, DoorWasOpened(LOCKER, door))


def emptied(day: Day, parcel_id: str, order_id: str, door: int) -> None:
    """A parcel was taken out and its door shut."""
    tell(day, DoorWasShut(LOCKER, door))
    tell(day, ParcelRemoved(parcel_id, order_id, LOCKER, door, Right.REMOVE, day.people[Role.DRIVER]))
    tell(day, DoorConditionChanged(LOCKER, door, DoorCondition.TO_CHECK))


def wiped(day: Day, door: int) -> None:
    """A door was wiped and shut."""
    tell(day, DoorWasShut(LOCKER, door))
    tell(day, DoorConditionChanged(LOCKER, door, DoorCondition.FREE, day.people[Role.DRIVER]))


def laid(day: Day, parcel_id: str, door: int) -> None:
    """A parcel was put in and its door shut."""
    tell(day, DoorWasShut(LOCKER, door))
    tell(day, ParcelLoaded(parcel_id, day.order_id, LOCKER, door, day.people[Role.DRIVER]))


def label_of(day: Day, parcel_id: str) -> str:
    """The text of a parcel's label."""
    with day.engine.begin() as conn:
        ref = conn.execute(select(t.parcel.c.ref).where(t.parcel.c.id == parcel_id)).scalar_one()
    return write_label(Label(1, day.run_no, ref))


def one(day: Day, sql: str, **values: Any) -> Any:
    """A single value."""
    with day.engine.begin() as conn:
        return conn.execute(text(sql), values).scalar_one()
