"""Writes down what staff changed that is not a move of an order: who, what, from what to what, and why."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert

from app.db.tables import change


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one thing; values as text, `None` where there was or is none."""

    subject: Literal["product", "stock", "door", "person", "order", "refund"]
    subject_id: str
    field: str
    before: str | None
    after: str | None


def record_changes(
    conn: Connection, changes: Iterable[Change], *, person_id: str, now: datetime, reason: str = ""
) -> None:
    """Write those that change something."""
    rows = [
        {**asdict(one), "person_id": person_id, "at": now, "reason": reason}
        for one in changes
        if one.before != one.after
    ]
    if rows:
        conn.execute(insert(change), rows)
