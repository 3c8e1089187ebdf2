"""What might be at risk, of all orders or of one, one query a kind; whether it is decides `domain.risks`. Reads only.

Each row has the moment its matter turns on: the end of a food-safe time or of a window, the hour a refund was decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, TextClause, text

from app.domain.risks import Matter, RiskKind, looked_for_until

MOST_OF_A_KIND = 200

_ORDER = """
    o.id AS about, o.order_no, o.site_id, o.currency,
    o.total_minor - coalesce((SELECT sum(amount_minor) FROM refund WHERE refund.order_id = o.id), 0)::bigint
        AS amount_minor
"""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the matters of a kind are found: of all orders, or of one."""

    moment: str
    source: str
    where: str
    group: str = ""
    more: str = "'' AS detail, 0 AS count"

    def query(self, *, of_one: bool) -> TextClause:
        where = f"o.id = :about AND {self.where}" if of_one else self.where
        return text(f"""
            SELECT * FROM (
                SELECT {_ORDER}, {self.moment} AS moment, {self.more} FROM {self.source} WHERE {where} {self.group}
            ) found WHERE moment <= :until ORDER BY moment, order_no LIMIT {MOST_OF_A_KIND}
        """)  # noqa: S608  no input in it


KINDS: Mapping[RiskKind, _Kind] = {
    RiskKind.FOOD_SAFE_ENDS: _Kind(
        "min(p.collect_until)",
        "customer_order o JOIN parcel p ON p.order_id = o.id",
        "p.state IN ('loaded', 'rescued') AND o.state IN ('packed', 'ready')",
        "GROUP BY o.id",
        "coalesce(string_agg(DISTINCT p.door::text, ', '), '') AS detail, count(*) AS count",
    ),
    RiskKind.EXPIRING_SILENT: _Kind(
        "(SELECT max(at) FROM history h WHERE h.order_id = o.id AND h.subject = 'order' AND h.to_state = 'expiring')",
        "customer_order o",
        "o.state = 'expiring'",
    ),
    RiskKind.NOT_LOADED: _Kind(
        "coalesce(r.expected_at, r.load_until)",
        "customer_order o JOIN load_run r USING (run_no)",
        "o.state = 'packed' AND r.called_off_at IS NULL",
    ),
    RiskKind.NOT_PACKED: _Kind(
        "r.load_from",
        "customer_order o JOIN load_run r USING (run_no)",
        "o.state = 'paid' AND r.called_off_at IS NULL",
    ),
    RiskKind.NO_DOOR: _Kind(
        "r.load_from",
        "customer_order o JOIN load_run r USING (run_no)",
        "o.state IN ('paid', 'packed') AND EXISTS (SELECT FROM parcel p WHERE p.order_id = o.id"
        " AND p.state IN ('planned', 'packed') AND p.planned_doors = '{}')",
    ),
    RiskKind.NOT_COLLECTED: _Kind(
        "w.closes_at",
        "customer_order o JOIN pickup_window w ON w.id = o.window_id",
        "o.state = 'ready'",
    ),
    # What the provider calls open is not unclear; what it does not answer about is, or what nobody asked about.
    RiskKind.PAYMENT_UNCLEAR: _Kind(
        "coalesce(p.unanswered_since, p.made_at)",
        "customer_order o JOIN payment p ON p.order_id = o.id",
        "p.state = 'open' AND (p.unanswered_since IS NOT NULL OR p.checked_at IS NULL)",
    ),
}
QUERIES = {kind: how.query(of_one=False) for kind, how in KINDS.items()}
OF_ONE = {kind: how.query(of_one=True) for kind, how in KINDS.items()}
REFUNDS = text("""
    SELECT r.order_id AS about, o.order_no, o.site_id, r.currency, r.amount_minor, r.decided_at AS moment,
        r.refund_no AS detail, r.tries AS count, r.failed IS NOT NULL AS failed
    FROM refund r JOIN customer_order o ON o.id = r.order_id
    WHERE r.done_at IS NULL AND (CAST(:about AS text) IS NULL OR r.order_id = :about)
    ORDER BY r.decided_at, r.refund_no LIMIT :most
""")
DOORS_SHORT = text("""
    SELECT 'run ' || r.run_no AS about, r.site_id, r.load_from AS moment, c.zone || ' ' || c.size_or_larger AS detail,
        c.taken + c.blocked - c.total AS count
    FROM run_capacity c JOIN load_run r USING (run_no)
    WHERE r.called_off_at IS NULL AND r.load_from <= :until AND r.load_until > :now
        AND c.taken + c.blocked > c.total
    ORDER BY r.load_from, r.run_no, c.zone, c.size_or_larger
""")


def matters(conn: Connection, *, now: datetime) -> list[Matter]:
    """All that might be at risk now."""
    found = [
        Matter(kind=kind, **row)
        for kind, query in QUERIES.items()
        for row in conn.execute(query, {"until": looked_for_until(kind, now)}).mappings()
    ]
    return [*found, *_refunds(conn, None), *_doors_short(conn, now)]


def matters_of_order(conn: Connection, *, order_id: str, now: datetime) -> list[Matter]:
    """All that might be at risk of one order."""
    found = [
        Matter(kind=kind, **row)
        for kind, query in OF_ONE.items()
        for row in conn.execute(query, {"until": looked_for_until(kind, now), "about": order_id}).mappings()
    ]
    return [*found, *_refunds(conn, order_id)]


def _refunds(conn: Connection, about: str | None) -> list[Matter]:
    rows = [dict(row) for row in conn.execute(REFUNDS, {"most": MOST_OF_A_KIND, "about": about}).mappings()]
    return [Matter(kind=RiskKind.REFUND_FAILED if row.pop("failed") else RiskKind.REFUND_LATE, **row) for row in rows]


def _doors_short(conn: Connection, now: datetime) -> list[Matter]:
    until = looked_for_until(RiskKind.DOORS_SHORT, now)
    rows = conn.execute(DOORS_SHORT, {"until": until, "now": now}).mappings()
    return [Matter(kind=RiskKind.DOORS_SHORT, **row) for row in rows]
