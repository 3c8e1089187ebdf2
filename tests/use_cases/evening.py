"""What can happen to an evening: vans that are late, people who do not come, and the verbs for both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from app.db import tables as t
from app.db.engine import transaction
from app.domain.capacity import totals
from app.use_cases.evening.call_off_run import call_off_run
from app.use_cases.evening.close_offers import close_offers
from app.use_cases.evening.delay_run import delay_run
from app.use_cases.evening.expire_orders import expire_orders
from app.use_cases.evening.offer_not_collected import offer_not_collected
from app.use_cases.evening.take_choice import take_choice
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.ordering.recount_blocked import recount_blocked
from app.use_cases.planning.replan_order import replan_order
from app.use_cases.site.apply_locker_event import Told, apply_locker_event
from locker_protocol.site_events import OrderCancelled, ParcelCollected, ParcelLoaded, SiteEvent
from tests.use_cases.cast import LOAD_FROM, REMOVAL_FROM, SITE, WALL, Shop

OPENS = LOAD_FROM + timedelta(hours=2, minutes=30)  # 16:30
LAST_CLOSES = LOAD_FROM + timedelta(hours=7, minutes=30)  # 21:30
LATE_EVENING = LAST_CLOSES - timedelta(hours=1)
OPERATOR = "person:operator"


@dataclass
class Evening:
    """The shop of `cast.py` on the day of its run."""

    shop: Shop

    def add_run(
        self, *, site: str = SITE, days: int = 1, kind: str = "evening", places: int = 50, shift_h: float = 0
    ) -> tuple[int, int]:
        """Another run so many days after the first, at the same hours or shifted, with one window."""
        moved = timedelta(days=days, hours=shift_h)
        times = {"load_from": LOAD_FROM, "load_until": LOAD_FROM + timedelta(hours=2, minutes=15)}
        times |= {"order_by": LOAD_FROM - timedelta(hours=15), "removal_from": REMOVAL_FROM}
        with self.shop.engine.begin() as conn:
            run_no = conn.execute(
                insert(t.load_run)
                .values(site_id=site, kind=kind, local_date=date(2026, 11, 24) + timedelta(days=days))
                .values({name: at + moved for name, at in times.items()})
                .returning(t.load_run.c.run_no)
            ).scalar_one()
            capacity = [
                {"run_no": run_no, "zone": zone.value, "size_or_larger": size.value, "total": total}
                for (zone, size), total in totals(WALL).items()
            ]
            conn.execute(insert(t.run_capacity), capacity)
            window = {"run_no": run_no, "opens_at": OPENS + moved, "closes_at": OPENS + moved + timedelta(hours=2)}
            made = insert(t.pickup_window).values(**window, order_cap=places).returning(t.pickup_window.c.id)
            return run_no, conn.execute(made).scalar_one()

    def tell(self, event: SiteEvent, *, at: datetime, site: str = SITE) -> None:
        """A site's event is applied."""
        with transaction(self.shop.engine) as conn:
            apply_locker_event(conn, event, told=Told(site, site, at, at), settings=self.shop.settings)

    def load(
        self, order: PlacedOrder, *, bags: int | None = None, first_door: int = 1, at: datetime = LOAD_FROM
    ) -> None:
        """Some or all of an order's bags come to lie behind doors."""
        for door, parcel in enumerate(self.shop.parcels(order)[:bags], start=first_door):
            if parcel.state == "packed":
                self.tell(ParcelLoaded(parcel.id, order.order_id, "L1", door, "driver"), at=at)

    def collect(self, order: PlacedOrder, *, at: datetime) -> None:
        """Whatever lies there is taken out by its owner."""
        for parcel in self.shop.parcels(order):
            if parcel.state == "loaded":
                self.tell(ParcelCollected(parcel.id, order.order_id, "L1", parcel.door), at=at)

    def confirm_cancelled(self, order: PlacedOrder, *, at: datetime, site: str = SITE) -> None:
        """The site says that it hands out nothing of the order any more."""
        self.tell(OrderCancelled(order.order_id), at=at, site=site)

    def ready(self, *wanted: tuple[str, int], **changes: Any) -> PlacedOrder:
        """An order that lies in the locker whole."""
        order = self.shop.packed(*wanted, **changes)
        self.load(order)
        return order

    def delay(self, expected_at: datetime, *, now: datetime = LOAD_FROM, run_no: int | None = None) -> int:
        with transaction(self.shop.engine) as conn:
            return delay_run(
                conn,
                run_no=run_no or self.shop.run_no,
                expected_at=expected_at,
                actor=OPERATOR,
                now=now,
                settings=self.shop.settings,
            )

    def call_off(self, *, now: datetime = LOAD_FROM, run_no: int | None = None) -> int:
        with transaction(self.shop.engine) as conn:
            return call_off_run(
                conn, run_no=run_no or self.shop.run_no, actor=OPERATOR, now=now, settings=self.shop.settings
            )

    def choose(self, order: PlacedOrder, choice: str, *, now: datetime = LOAD_FROM) -> None:
        """Its owner answers the newest question."""
        query = "SELECT id FROM offer WHERE order_id = :id ORDER BY made_at DESC, id DESC LIMIT 1"
        offer_id = self.shop.one(query, id=order.order_id)
        with transaction(self.shop.engine) as conn:
            take_choice(conn, offer_id=offer_id, choice=choice, actor="person:a", now=now, settings=self.shop.settings)

    def move(self, order: PlacedOrder, run: tuple[int, int], *, now: datetime = LOAD_FROM) -> None:
        with transaction(self.shop.engine) as conn:
            replan_order(
                conn,
                order_id=order.order_id,
                run_no=run[0],
                window_id=run[1],
                actor=OPERATOR,
                now=now,
                settings=self.shop.settings,
            )

    def expire(self, *, now: datetime) -> int:
        with transaction(self.shop.engine) as conn:
            return expire_orders(conn, now=now, settings=self.shop.settings)

    def ask_late(self, *, now: datetime = LATE_EVENING) -> int:
        with transaction(self.shop.engine) as conn:
            return offer_not_collected(conn, now=now, settings=self.shop.settings)

    def silence(self, *, now: datetime) -> int:
        with transaction(self.shop.engine) as conn:
            return close_offers(conn, now=now, settings=self.shop.settings)

    def recount(self, *, now: datetime = LOAD_FROM) -> int:
        with transaction(self.shop.engine) as conn:
            return recount_blocked(conn, now=now)

    def offers(self, order: PlacedOrder) -> list[tuple[str, list[str], str | None, bool]]:
        """Kind, options, what was chosen, and whether it is open."""
        rows = self.shop.rows("SELECT * FROM offer WHERE order_id = :id ORDER BY made_at, id", id=order.order_id)
        return [(row.kind, row.options, row.chosen, row.closed_at is None) for row in rows]

    def told(self, order: PlacedOrder) -> Sequence[str]:
        """The kinds of notices an order's owner got, oldest first, without those of every day."""
        rows = self.shop.rows("SELECT kind FROM notification WHERE order_id = :id ORDER BY id", id=order.order_id)
        return [row.kind for row in rows if row.kind not in ("order_paid", "order_ready")]

    def notice(self, order: PlacedOrder, kind: str) -> str:
        """The text of the newest notice of a kind."""
        query = "SELECT body FROM notification WHERE order_id = :id AND kind = :kind ORDER BY id DESC LIMIT 1"
        found: str = self.shop.one(query, id=order.order_id, kind=kind)
        return found

    def refunded(self, order: PlacedOrder) -> dict[str, int]:
        """Minor units decided to go back, by cause."""
        rows = self.shop.rows("SELECT cause, amount_minor FROM refund WHERE order_id = :id", id=order.order_id)
        return {row.cause: row.amount_minor for row in rows}
