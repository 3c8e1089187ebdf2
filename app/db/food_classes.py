"""How strictly what is in a bag is judged: the food classes of its lines, by what was packed once it is packed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from locker_protocol.cold_chain.policy import USUAL_CLASS
from locker_protocol.vocabulary import Zone

# Of a parcel `p`. What was replaced whole counts no more, what was replaced in part counts twice.
CLASSES = """
    SELECT coalesce(array_agg(DISTINCT g.food_class ORDER BY g.food_class), '{}') FROM order_line l
    JOIN product g ON g.id = l.substitute_id OR (
        g.id = l.product_id AND (l.substitute_id IS NULL OR l.picked_quantity > 0)
    )
    WHERE l.parcel_id = p.id AND g.food_class <> ''
"""
OF_PARCELS = text(f"SELECT p.id, ({CLASSES}) AS classes FROM parcel p WHERE p.id = ANY(:parcels)")  # noqa: S608
LINES = text("""
    SELECT l.line_no, l.line_minor, p.zone, d.name_zh, d.name_en, array_remove(array_agg(DISTINCT g.food_class), '')
        AS classes, l.line_minor - coalesce((
            SELECT sum(b.amount_minor) FROM refund_line b WHERE b.order_id = l.order_id AND b.line_no = l.line_no
        ), 0)::bigint AS left_minor
    FROM order_line l JOIN parcel p ON p.id = l.parcel_id
    JOIN product d ON d.id = coalesce(l.substitute_id, l.product_id)
    JOIN product g ON g.id = l.substitute_id OR (
        g.id = l.product_id AND (l.substitute_id IS NULL OR l.picked_quantity > 0)
    )
    WHERE l.parcel_id = :parcel_id AND coalesce(l.picked_quantity + coalesce(l.substitute_quantity, 0), 1) > 0
    GROUP BY l.order_id, l.line_no, p.zone, d.name_zh, d.name_en ORDER BY l.line_no
""")


@dataclass(frozen=True, slots=True)
class BagLine:
    """A line of an order that is in a bag. `left_minor`: what of it did not go back yet."""

    line_no: int
    name_zh: str
    name_en: str
    food_classes: frozenset[str]
    line_minor: int
    left_minor: int


def classes_of(conn: Connection, *, parcel_ids: Sequence[str]) -> dict[str, list[str]]:
    """The food classes of each bag, for its site; goods without a class are judged by their zone's usual one."""
    rows = conn.execute(OF_PARCELS, {"parcels": list(parcel_ids)})
    return {row.id: list(row.classes) for row in rows}


def lines_in_bag(conn: Connection, *, parcel_id: str) -> list[BagLine]:
    """What is in a bag, each line with the classes it is judged by."""
    return [
        BagLine(
            row.line_no,
            row.name_zh,
            row.name_en,
            frozenset(row.classes) or frozenset({USUAL_CLASS[Zone(row.zone)]}),
            row.line_minor,
            row.left_minor,
        )
        for row in conn.execute(LINES, {"parcel_id": parcel_id})
    ]
