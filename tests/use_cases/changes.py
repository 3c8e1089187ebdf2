"""What an order's owner does after paying, and the verbs for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from app.db.engine import transaction
from app.domain.basket import BasketLine
from app.use_cases.audit.audit import audit
from app.use_cases.audit.rule import Moment
from app.use_cases.money.issue_receipt import issue_receipts
from app.use_cases.money.pay_edit import pay_edit
from app.use_cases.ordering.edit_order import Edited, edit_order
from app.use_cases.ordering.place_order import PlacedOrder
from tests.use_cases.cast import ALICE, NOW, RETURN_URL, Shop


@dataclass
class Changes:
    """The shop of `cast.py` with people who change their mind."""

    shop: Shop

    def edit(
        self,
        order: PlacedOrder,
        *wanted: tuple[str, int],
        window_id: int | None = None,
        key: str | None = None,
        person: str = ALICE,
        now: datetime = NOW,
    ) -> Edited:
        with transaction(self.shop.engine) as conn:
            return edit_order(
                conn,
                order_id=order.order_id,
                person_id=person,
                lines=[BasketLine(product, quantity) for product, quantity in wanted],
                window_id=window_id or self.shop.window_id,
                idempotency_key=key or f"edit-key-{self.shop.next()}",
                provider="sandbox",
                now=now,
            )

    def begin_to_pay(self, order: PlacedOrder, edit: Edited, *, person: str = ALICE, now: datetime = NOW) -> str:
        """The provider's reference of the second payment."""
        asked = {"order_id": order.order_id, "edit_id": edit.edit_id, "person_id": person}
        url = pay_edit(self.shop.engine, self.shop.provider, return_url=RETURN_URL, now=now, **asked)
        return urlsplit(url).path.rsplit("/", 1)[1]

    def pay(self, order: PlacedOrder, edit: Edited, *, now: datetime = NOW) -> None:
        ref = self.begin_to_pay(order, edit)
        self.shop.provider.decide(ref, paid=True)
        self.shop.settle(ref, now=now)

    def goods(self, order: PlacedOrder) -> dict[str, int]:
        query = "SELECT product_id, sum(quantity) FROM order_line WHERE order_id = :id GROUP BY 1 ORDER BY 1"
        return dict(self.shop.rows(query, id=order.order_id))

    def refunds(self, order: PlacedOrder) -> list[tuple[str, int]]:
        """Cause and minor units, oldest first."""
        query = "SELECT cause, amount_minor FROM refund WHERE order_id = :id ORDER BY length(refund_no), refund_no"
        return [tuple(row) for row in self.shop.rows(query, id=order.order_id)]

    def total(self, order: PlacedOrder) -> int:
        found: int = self.shop.one("SELECT total_minor FROM customer_order WHERE id = :id", id=order.order_id)
        return found

    def edit_states(self) -> list[tuple[str, str | None]]:
        query = "SELECT state, dropped_for FROM order_edit ORDER BY made_at, id"
        return [tuple(row) for row in self.shop.rows(query)]

    def issue(self, *, now: datetime = NOW) -> int:
        return issue_receipts(self.shop.engine, now=now)

    def receipts(self, order: PlacedOrder) -> list[Any]:
        return list(self.shop.rows("SELECT * FROM receipt WHERE order_id = :id ORDER BY number", id=order.order_id))

    def broken(self, *, now: datetime = NOW) -> dict[str, list[str]]:
        """What the audit finds wrong."""
        with transaction(self.shop.engine) as conn:
            return {each.invariant: each.examples for each in audit(conn, Moment(now)) if each.violations}
