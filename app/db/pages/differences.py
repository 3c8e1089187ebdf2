"""What operators see of the reconciliation: where our books and the provider's differ, and when they were compared."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

MOST_ROWS = 200

LIST = text("""
    SELECT d.*, o.order_no, coalesce(s.timezone, 'UTC') AS timezone, p.provider_ref AS charge_ref,
        coalesce(nullif(w.display_name, ''), w.role) AS who
    FROM payment_difference d
    LEFT JOIN customer_order o ON o.id = d.order_id LEFT JOIN site s ON s.id = o.site_id
    LEFT JOIN payment p ON p.id = d.own_id
    LEFT JOIN person w ON d.closed_by = 'person:' || w.id
    WHERE :state = '' OR d.state = :state
    ORDER BY d.state = 'found' DESC, d.found_at DESC, d.id LIMIT :most
""")
COUNTS = text("SELECT state, count(*) AS differences FROM payment_difference GROUP BY state")
LAST = text("SELECT * FROM reconciliation ORDER BY id DESC LIMIT 1")


def differences(conn: Connection, *, state: str) -> Sequence[Row[Any]]:
    """Open ones first, then the newest; of one state, where given."""
    return conn.execute(LIST, {"state": state, "most": MOST_ROWS}).all()


def counts(conn: Connection) -> dict[str, int]:
    """How many there are in each state."""
    return {row.state: row.differences for row in conn.execute(COUNTS)}


def last(conn: Connection) -> Row[Any] | None:
    """The last comparison."""
    return conn.execute(LAST).one_or_none()
