"""What a basket would cost now, and behind how many doors it would lie: checkout, taken back before anybody sees it.

So a quote says exactly what checkout would say at this moment, a refusal too; and holds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.basket import BasketLine, Substitution
from app.use_cases.ordering.place_order import place_order
from locker_protocol.ids import RandomBytes, random_bytes, random_id

LINES = text("""
    SELECT product_id, sum(quantity)::int AS quantity, min(price_minor) AS price_minor,
        sum(line_minor)::bigint AS line_minor
    FROM order_line WHERE order_id = :order_id GROUP BY product_id ORDER BY min(line_no)
""")
PARCELS = text("SELECT zone, size FROM parcel WHERE order_id = :order_id ORDER BY ref")


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """One product of the basket; the price is the cap of what is sold by weight."""

    product_id: str
    quantity: int
    price_minor: int
    line_minor: int


@dataclass(frozen=True, slots=True)
class QuotedParcel:
    """One parcel it would be, and the smallest door that fits."""

    zone: str
    size: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What checkout would answer at this moment."""

    total_minor: int
    currency: str
    lines: Sequence[QuotedLine]
    parcels: Sequence[QuotedParcel]


def quote_basket(
    conn: Connection,
    *,
    person_id: str,
    window_id: int,
    lines: Sequence[BasketLine],
    low_door: bool,
    substitution: Substitution,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> Quote:
    """Place the order, look, and take it back. Raises what `place_order` raises."""
    told = dict(conn.info.get("topics", {}))
    placing = conn.begin_nested()
    try:
        placed = place_order(
            conn,
            person_id=person_id,
            window_id=window_id,
            lines=lines,
            idempotency_key=random_id(random),
            low_door=low_door,
            substitution=substitution,
            now=now,
            random=random,
        )
        asked = {"order_id": placed.order_id}
        quoted = [QuotedLine(**row) for row in conn.execute(LINES, asked).mappings()]
        parcels = [QuotedParcel(**row) for row in conn.execute(PARCELS, asked).mappings()]
    finally:
        placing.rollback()
        conn.info["topics"] = told  # nobody is told of an order that never was
    return Quote(placed.total_minor, placed.currency, quoted, parcels)
