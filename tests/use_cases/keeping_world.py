"""An evening at a building: its keeper, orders behind doors, and what its site tells."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from app.db import tables
from app.db.engine import transaction
from app.domain.errors import DomainError
from app.domain.refunding import RefundCause
from app.use_cases.evening.withdraw_order import withdraw_order
from app.use_cases.keeping.discard_rescued import discard_overdue, discard_rescued
from app.use_cases.keeping.hand_over_order import hand_over_order
from app.use_cases.keeping.hand_over_rescued import hand_over_rescued
from app.use_cases.keeping.look_up_order import look_up_order
from app.use_cases.keeping.rescue_parcels import rescue_parcels
from app.use_cases.ordering.place_order import PlacedOrder
from app.use_cases.site.apply_locker_event import Told, apply_locker_event
from locker_protocol.site_events import ParcelLoaded, ParcelRemoved, SiteEvent
from locker_protocol.vocabulary import Right
from tests.use_cases.cast import ALICE, LOAD_FROM, NOW, PICKER, SITE, Shop

KEEPER, OTHER_KEEPER, OPERATOR = "d" * 32, "e" * 32, "f" * 32
EVENING = LOAD_FROM + timedelta(hours=4)
WHY = "the door is jammed"


@dataclass
class Keeping:
    """The shop with a keeper, and what a keeper does."""

    shop: Shop

    def loaded(self, *wanted: tuple[str, int]) -> PlacedOrder:
        order = self.shop.packed(*(wanted or (("milk", 1), ("dumplings", 1))))
        for door, bag in enumerate(self.shop.parcels(order), start=3):
            self.tell(ParcelLoaded(bag.id, order.order_id, "L1", door, PICKER), at=LOAD_FROM)
        return order

    def tell(self, event: SiteEvent, *, at: datetime = EVENING) -> None:
        with transaction(self.shop.engine) as conn:
            told = Told(SITE, SITE, at, at)
            apply_locker_event(conn, event, told=told, settings=self.shop.settings)

    def rescued(self, order: PlacedOrder, *, at: datetime = EVENING, by: str = KEEPER) -> list[Any]:
        for bag in self.shop.parcels(order):
            if bag.state == "loaded":
                self.tell(ParcelRemoved(bag.id, order.order_id, "L1", bag.door, Right.RESCUE, by), at=at)
        return self.shop.parcels(order)

    def look(self, order_no: str, said: str, **changes: Any) -> str:
        asked = {"site_id": SITE, "person_id": KEEPER, "now": EVENING, **changes}
        with transaction(self.shop.engine) as conn:
            return look_up_order(conn, order_no=order_no, said=said, **asked)

    def hand_over(self, look_id: str, *, reason: str = "grandmother has no phone", **changes: Any) -> str:
        asked = {"person_id": KEEPER, "now": EVENING, **changes}
        with transaction(self.shop.engine) as conn:
            return hand_over_order(conn, look_id=look_id, reason=reason, **asked)

    def give(self, look_id: str, **changes: Any) -> int:
        asked = {"person_id": KEEPER, "now": EVENING, **changes}
        with transaction(self.shop.engine) as conn:
            return hand_over_rescued(conn, look_id=look_id, **asked)

    def rescue(self, *doors: int, site_id: str = SITE, reason: str = WHY) -> str:
        with transaction(self.shop.engine) as conn:
            return rescue_parcels(conn, site_id=site_id, doors=doors, person_id=KEEPER, reason=reason, now=EVENING)

    def discard(
        self, parcel_id: str, *, reason: str = "it was torn", by: str = KEEPER, now: datetime = EVENING
    ) -> None:
        with transaction(self.shop.engine) as conn:
            discard_rescued(conn, parcel_id=parcel_id, person_id=by, reason=reason, now=now)

    def sweep(self, now: datetime) -> int:
        with transaction(self.shop.engine) as conn:
            return discard_overdue(conn, now=now)

    def withdraw(self, order: PlacedOrder) -> None:
        with transaction(self.shop.engine) as conn:
            withdraw_order(conn, order_id=order.order_id, cause=RefundCause.GIVEN_UP, actor="x", now=EVENING)

    def bodies(self, kind: str) -> list[str]:
        rows = self.shop.rows("SELECT body FROM notification WHERE kind = :kind ORDER BY id", kind=kind)
        return [row.body for row in rows]

    def refused(self, refusal: type[DomainError], doing: Any) -> DomainError:
        before = self.shop.everything()
        with pytest.raises(refusal) as caught:
            doing()
        assert self.shop.everything() == before
        return caught.value


def look_after(shop: Shop) -> Keeping:
    """Give the building its keepers and the shop its office."""
    people: list[dict[str, Any]] = [
        {"id": KEEPER, "mail": "keeper@x.example", "role": "keeper", "site_id": SITE, "display_name": "阿珍"},
        {"id": OTHER_KEEPER, "mail": "zhou@x.example", "role": "keeper", "site_id": SITE, "display_name": "老周"},
        {"id": OPERATOR, "mail": "office@x.example", "role": "operator", "site_id": None, "display_name": "顾宁"},
    ]
    with shop.engine.begin() as conn:
        conn.execute(insert(tables.person), [{**row, "language": "en", "created_at": NOW} for row in people])
    shop.run_sql("UPDATE person SET display_name = '林秀', phone = '+8613812345678' WHERE id = :id", id=ALICE)
    return Keeping(shop)
