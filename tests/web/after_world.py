"""The staff world's order, really paid, for pages that follow the payment: so that what goes back has a payment."""

from typing import Any

from sqlalchemy import insert, select, update

from app.db import tables as t
from app.db.engine import transaction
from app.db.ledger import book
from app.domain.ledger import Kind
from app.use_cases.money.issue_receipt import issue_receipts
from tests.web.shop_world import NOW
from tests.web.staff_world import Day


def paid_for(day: Day) -> int:
    """Capture what the order costs; returns minor units."""
    with transaction(day.engine) as conn:
        total: int = conn.execute(select(t.customer_order.c.total_minor)).scalar_one()
        conn.execute(
            insert(t.payment).values(
                id="p" * 32,
                order_id=day.order_id,
                provider="sandbox",
                provider_ref="first",
                state="captured",
                amount_minor=total,
                currency="CNY",
                made_at=NOW,
            )
        )
        book(
            conn,
            transaction_id="capture-" + "p" * 32,
            kind=Kind.CAPTURE,
            order_id=day.order_id,
            amount_minor=total,
            currency="CNY",
            now=NOW,
        )
        conn.execute(update(t.customer_order).values(placed_at=NOW))
    return total


def with_receipts(day: Day) -> int:
    """Issue what is due; returns how many."""
    return issue_receipts(day.engine, now=NOW)


def goods(day: Day) -> dict[str, int]:
    """What is in the order."""
    with day.engine.begin() as conn:
        rows = conn.execute(select(t.order_line.c.product_id, t.order_line.c.quantity)).all()
    counted: dict[str, int] = {}
    for row in rows:
        counted[row.product_id] = counted.get(row.product_id, 0) + row.quantity
    return counted


def one(day: Day, column: Any) -> Any:
    """A single value."""
    with day.engine.begin() as conn:
        return conn.execute(select(column)).scalar_one()
