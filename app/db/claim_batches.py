"""Whose lines belong to a batch: for the preview before others are refunded, and for doing it. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.db.claim_lines import LINES, claimable
from app.domain.claims import read_batch

# Orders whose line was claimed are answered one by one.
_ORDERS = """
    SELECT o.id AS order_id, o.order_no, o.currency, s.name_zh, s.name_en,
        array_agg(l.line_no ORDER BY l.line_no) AS lines, bool_and(p.state = 'collected') AS collected,
        bool_or(EXISTS (
            SELECT FROM claim c WHERE c.order_id = l.order_id AND c.line_no = l.line_no
        )) AS claimed
    FROM order_line l JOIN customer_order o ON o.id = l.order_id JOIN site s ON s.id = o.site_id
    LEFT JOIN parcel p ON p.id = l.parcel_id
    WHERE %s AND o.state NOT IN ('awaiting_payment', 'released', 'refunded', 'expiring')
        AND coalesce(l.picked_quantity, l.quantity) > 0
    GROUP BY o.id, o.order_no, o.currency, s.name_zh, s.name_en ORDER BY o.order_no
"""
OF_RUN = text(_ORDERS % "coalesce(o.stock_run_no, o.run_no) = :run_no AND l.product_id = :product_id")
OF_LOT = text(
    _ORDERS % "(l.order_id, l.line_no) IN (SELECT k.order_id, k.line_no FROM line_lot k WHERE k.lot_id = :lot_id)"
)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Another household's order with something of a batch, and what could go back for it."""

    order_id: str
    order_no: str
    currency: str
    amounts: dict[int, int]  # minor units by line number

    @property
    def amount_minor(self) -> int:
        """All of it."""
        return sum(self.amounts.values())


@dataclass(frozen=True, slots=True)
class Buyers:
    """Everybody who bought of a batch."""

    to_refund: Sequence[Buyer]
    claimed: int  # orders that said it themselves, or were refunded first before
    not_collected: int  # it may still be held back: that is the recall's

    def sums(self) -> dict[str, int]:
        """Minor units to refund, by currency."""
        found: dict[str, int] = {}
        for each in self.to_refund:
            found[each.currency] = found.get(each.currency, 0) + each.amount_minor
        return found


def buyers_of(conn: Connection, *, batch: str) -> Buyers:
    """Who bought of a batch."""
    of = read_batch(batch)
    if of.lot_id is not None:
        rows = conn.execute(OF_LOT, {"lot_id": of.lot_id}).all()
    else:
        rows = conn.execute(OF_RUN, {"run_no": of.run_no, "product_id": of.product_id}).all()
    others = [row for row in rows if not row.claimed]
    found = [
        Buyer(row.order_id, row.order_no, row.currency, left_of(conn, order_id=row.order_id, lines=row.lines))
        for row in others
        if row.collected
    ]
    return Buyers(
        to_refund=[each for each in found if each.amounts],
        claimed=len(rows) - len(others),
        not_collected=sum(not row.collected for row in others),
    )


def left_of(conn: Connection, *, order_id: str, lines: Sequence[int]) -> dict[int, int]:
    """What is left of these lines, minor units by line number; those with nothing left are not among them."""
    rows = [row for row in conn.execute(LINES, {"order_id": order_id}) if row.line_no in lines and row.came]
    amounts = {row.line_no: claimable(row).worth_minor(row.came) for row in rows}
    return {line_no: amount for line_no, amount in amounts.items() if amount > 0}
