"""An operator changes what a product costs, how much of it a run sells, or whether it is sold at all.

Holds for orders placed from now on, and stock a run for runs that open from now on. Who changed what from what to what
is kept.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, text, update

from app.db.tables import product
from app.domain.errors import NotFound
from app.domain.pricing import Prices, agreed
from app.use_cases.catalogue.put_products import PUT_ON_SALE
from app.use_cases.catalogue.record_change import Change, record_changes

LOAD = text("""
    SELECT price_minor, unit_price_minor, cap_minor, stock_a_run, active FROM product WHERE id = :id FOR UPDATE
""")


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a product is sold."""

    prices: Prices
    stock_a_run: int
    active: bool


def change_product(conn: Connection, *, product_id: str, wanted: Terms, person_id: str, now: datetime) -> Terms:
    """Change it and return what holds now. What a product does not have (a cap, say) stays away.

    Raises NotFound or CapBelowPrice.
    """
    row = conn.execute(LOAD, {"id": product_id}).one_or_none()
    if row is None:
        raise NotFound
    before = Prices(row.price_minor, row.unit_price_minor, row.cap_minor)
    asked = Prices(
        wanted.prices.price_minor,
        None if before.unit_price_minor is None else wanted.prices.unit_price_minor or before.unit_price_minor,
        None if before.cap_minor is None else wanted.prices.cap_minor or before.cap_minor,
    )
    prices = agreed(before, asked)
    values = {**asdict(prices), "stock_a_run": wanted.stock_a_run, "active": wanted.active}
    conn.execute(update(product).where(product.c.id == product_id).values(values))
    changes = [
        Change("product", product_id, name, _as_text(getattr(row, name)), _as_text(value))
        for name, value in values.items()
    ]
    record_changes(conn, changes, person_id=person_id, now=now)
    if wanted.active:
        conn.execute(PUT_ON_SALE, {"products": [product_id], "now": now})
    return Terms(prices, wanted.stock_a_run, wanted.active)


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)
