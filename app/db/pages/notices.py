"""What could not be told: notices that failed for good, for operators to tell otherwise or try again. Reads only.

Their texts hold codes and are not read.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

MOST_ROWS = 200

FAILED = text("""
    SELECT n.id, n.kind, n.contact, n.made_at, n.tries, n.failed, n.order_id, o.order_no,
        coalesce(s.timezone, (SELECT timezone FROM site ORDER BY site_no LIMIT 1), 'UTC') AS timezone
    FROM notification n LEFT JOIN customer_order o ON o.id = n.order_id LEFT JOIN site s ON s.id = o.site_id
    WHERE n.failed IS NOT NULL ORDER BY n.made_at DESC, n.id DESC LIMIT :most
""")


def failed(conn: Connection) -> Sequence[Row[Any]]:
    """The latest, newest first."""
    return conn.execute(FAILED, {"most": MOST_ROWS}).all()
