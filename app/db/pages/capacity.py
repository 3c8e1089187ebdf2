"""Doors that were promised and will not be there when the van comes. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

SHORT = text("""
    SELECT r.run_no, r.site_id, s.name_zh, s.name_en, s.timezone, r.kind, r.load_from, c.zone,
        c.size_or_larger AS size, c.taken + c.blocked - c.total AS short
    FROM run_capacity c JOIN load_run r USING (run_no) JOIN site s ON s.id = r.site_id
    WHERE r.load_until > :now AND r.called_off_at IS NULL AND c.taken + c.blocked > c.total
    ORDER BY r.load_from, s.site_no, c.zone, c.size_or_larger
""")


def doors_short(conn: Connection, *, now: datetime) -> Sequence[Row[Any]]:
    """Coming runs with too few doors, soonest first.

    Rows: run_no, site_id, name_zh, name_en, timezone, kind, load_from, zone, size (or larger), short (doors, > 0).
    Sizes are nested: a missing M door is short among "S or larger" too.
    """
    return conn.execute(SHORT, {"now": now}).all()
