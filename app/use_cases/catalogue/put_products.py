"""Puts products on sale: writes new ones, changes known ones, and adds what is new to the runs that take orders.

Orders that were placed keep the price they were placed at. What a run already sells keeps its stock: that is changed
run by run. A product is never deleted, only made inactive.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or

from app.db.tables import category, product
from app.domain.errors import DomainError
from app.use_cases.catalogue.record_change import Change, record_changes

FOLLOWED = ("price_minor", "cap_minor", "unit_price_minor", "unit_price_per", "stock_a_run", "active")

# One after the other, or two requests would give the same places in the list.
ONE_AT_A_TIME = text("LOCK TABLE product IN SHARE ROW EXCLUSIVE MODE")
PUT_ON_SALE = text("""
    INSERT INTO run_stock (run_no, product_id, total)
    SELECT r.run_no, p.id, p.stock_a_run FROM product p CROSS JOIN load_run r
    WHERE p.id = ANY(:products) AND p.active AND NOT 'live' = ANY(p.flags)
        AND r.order_by > :now AND r.called_off_at IS NULL
    ORDER BY r.run_no, p.id
    ON CONFLICT DO NOTHING
""")


class UnknownCategory(DomainError):
    """There is no such shelf. Facts: `field`, the path to it, and `category`."""

    code = "unknown_category"
    status = 422


class ProductTwice(DomainError):
    """One request names a product twice. Facts: `field` and `product`."""

    code = "product_twice"
    status = 422


@dataclass(frozen=True, slots=True)
class PutProducts:
    """How many were new, and how many were known before and written again."""

    added: int
    known: int


def put_products(
    conn: Connection, *, products: Sequence[Mapping[str, Any]], person_id: str, now: datetime
) -> PutProducts:
    """Write products, each with all columns but `position`. Raises UnknownCategory or ProductTwice, by index."""
    conn.execute(ONE_AT_A_TIME)
    _refuse_wrong(conn, products)
    ids = [each["id"] for each in products]
    before = {row.id: row for row in conn.execute(select(product).where(product.c.id.in_(ids)))}
    _write(conn, products, before)
    changes = [change for each in products if each["id"] in before for change in _changes(before[each["id"]], each)]
    record_changes(conn, changes, person_id=person_id, now=now)
    conn.execute(PUT_ON_SALE, {"products": ids, "now": now})
    return PutProducts(added=len(ids) - len(before), known=len(before))


def _refuse_wrong(conn: Connection, products: Sequence[Mapping[str, Any]]) -> None:
    shelves = set(conn.execute(select(category.c.id)).scalars())
    seen: Counter[str] = Counter()
    for index, each in enumerate(products):
        if each["category_id"] not in shelves:
            raise UnknownCategory(field=f"products.{index}.category_id", category=each["category_id"])
        seen[each["id"]] += 1
        if seen[each["id"]] > 1:
            raise ProductTwice(field=f"products.{index}.id", product=each["id"])


def _write(conn: Connection, products: Sequence[Mapping[str, Any]], before: Mapping[str, Any]) -> None:
    last = conn.execute(select(func.coalesce(func.max(product.c.position), -1))).scalar_one()
    new = [each["id"] for each in products if each["id"] not in before]
    places = {product_id: place for place, product_id in enumerate(new, start=last + 1)}
    rows = [{**each, "position": places.get(each["id"], 0)} for each in products]
    statement = insert_or(product).values(rows)
    kept = {"id", "position"}
    overwrite = {name: statement.excluded[name] for name in rows[0] if name not in kept}
    conn.execute(statement.on_conflict_do_update(index_elements=[product.c.id], set_=overwrite))


def _changes(before: Any, after: Mapping[str, Any]) -> list[Change]:  # noqa: ANN401  a row of product
    return [
        Change("product", before.id, field, _as_text(getattr(before, field)), _as_text(after[field]))
        for field in FOLLOWED
    ]


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)
