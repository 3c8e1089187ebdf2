"""An evening at a keeper's building: an order in the lockers, and what its site would tell, by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import select, text, update

from app.db import tables as t
from app.db.engine import transaction
from app.domain.roles import Role
from app.use_cases.site.apply_locker_event import Told, apply_locker_event
from locker_protocol.ids import random_id
from locker_protocol.site_events import (
    DoorStayedShut,
    DoorTroubleEnded,
    DoorTroubleFound,
    DoorWasOpened,
    DoorWasShut,
    ParcelCollected,
    ParcelRemoved,
    SiteEvent,
    UnlockGranted,
)
from locker_protocol.vocabulary import DoorTrouble, Right, Via
from tests.web.staff_world import Day, load, pack_all

NAME = "林秀"


@dataclass(frozen=True, slots=True)
class Evening:
    """The day's order in the lockers at its keeper's building."""

    day: Day
    order_no: str
    phone: str

    def keeper(self) -> Any:
        """The keeper's browser."""
        return self.day.client(Role.KEEPER)

    @property
    def keeper_id(self) -> str:
        return self.day.people[Role.KEEPER]

    def bags(self) -> Sequence[Any]:
        return self.rows("SELECT * FROM parcel WHERE order_id = :order ORDER BY ref", order=self.day.order_id)

    def state(self) -> str:
        (row,) = self.rows("SELECT state FROM customer_order WHERE id = :order", order=self.day.order_id)
        return str(row.state)

    def rows(self, sql: str, **values: Any) -> Sequence[Any]:
        with self.day.engine.begin() as conn:
            return conn.execute(text(sql), values).all()

    def run_sql(self, sql: str, **values: Any) -> None:
        with self.day.engine.begin() as conn:
            conn.execute(text(sql), values)

    def commands(self) -> Sequence[Any]:
        return self.rows("SELECT * FROM remote_command ORDER BY asked_at")

    def tell(self, *events: SiteEvent) -> None:
        """The site tells, and what it tells is stored and applied."""
        parts = self.day.app.extensions["caibox"]
        for event in events:
            now = parts.clock.now().civil
            with transaction(self.day.engine) as conn:
                gateway_id = conn.execute(
                    select(t.gateway.c.id).where(t.gateway.c.site_id == self.day.site_id)
                ).scalar_one()
                number = len(conn.execute(select(t.site_event.c.seq)).all()) + 1
                conn.execute(
                    t.site_event.insert().values(
                        gateway_id=gateway_id,
                        log_id="log",
                        seq=number,
                        at=now,
                        applied_at=now,
                        type=type(event).__name__,
                        body=msgspec.to_builtins(event),
                        order_id=getattr(event, "order_id", None),
                    )
                )
                told = Told(gateway_id, self.day.site_id, now, now)
                apply_locker_event(conn, event, told=told, settings=parts.settings)

    def grant(self) -> str:
        """The site releases the doors that were asked for last."""
        asked = self.commands()[-1]
        grant_id, right = random_id(), Right(asked.right)
        self.tell(
            UnlockGranted(
                grant_id, "G1", asked.doors, asked.person_id, right, Via.REMOTE, asked.reason, command_id=asked.id
            )
        )
        self.answer(answered_doors=asked.doors)
        return grant_id

    def answer(self, **values: Any) -> None:
        """What the site says to the last question."""
        now = self.day.app.extensions["caibox"].clock.now().civil
        command = t.remote_command
        last = self.commands()[-1].id
        with self.day.engine.begin() as conn:
            conn.execute(update(command).where(command.c.id == last).values(sent_at=now, answered_at=now, **values))
            conn.execute(text("SELECT pg_notify('caibox', :topic)"), {"topic": f"command:{last}"})

    def jam(self, door: int, *, times: int = 2) -> None:
        """A door stays shut so often; from the second time on the site calls it jammed."""
        self.tell(*[DoorStayedShut("G1", door, f"resident-{n}") for n in range(times)])
        if times > 1:
            self.tell(DoorTroubleFound("G1", door, DoorTrouble.JAMMED))

    def opens(self, door: int, grant_id: str | None) -> None:
        self.tell(DoorWasOpened("G1", door, grant_id), DoorTroubleEnded("G1", door, DoorTrouble.JAMMED))

    def shuts(self, door: int, right: Right) -> None:
        """A door is shut again, and what lay there went the way of that right."""
        (bag,) = [bag for bag in self.bags() if bag.door == door]
        self.tell(DoorWasShut("G1", door))
        if right is Right.RESCUE:
            self.tell(ParcelRemoved(bag.id, self.day.order_id, "G1", door, right, self.keeper_id))
        else:
            self.tell(ParcelCollected(bag.id, self.day.order_id, "G1", door, right, self.keeper_id))


def make_evening(day: Day) -> Evening:
    """Give the keeper their building, and load the day's order into its doors 1, 2, …"""
    with day.engine.begin() as conn:
        people = t.person
        conn.execute(
            update(people)
            .where(people.c.id == day.people[Role.KEEPER])
            .values(site_id=day.site_id, display_name="阿珍", language="zh")
        )
        conn.execute(update(people).where(people.c.id == day.people[Role.RESIDENT]).values(display_name=NAME))
        pack_all(conn, day.order_id)
        for door, parcel_id in enumerate(day.parcels, start=1):
            load(conn, parcel_id, door)
        order = t.customer_order
        conn.execute(update(order).where(order.c.id == day.order_id).values(state="ready"))
        order_no = conn.execute(select(order.c.order_no).where(order.c.id == day.order_id)).scalar_one()
        phone = conn.execute(select(people.c.phone).where(people.c.id == day.people[Role.RESIDENT])).scalar_one()
    return Evening(day, order_no, phone)
