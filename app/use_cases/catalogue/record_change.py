"""Writes down what staff changed that is not a move of an order: who, what, from what to what, and why.

For pages to read, and in the audit's chain.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert

from app.db.audit_log import record_act
from app.db.tables import change
from app.domain.audit_record import Act, of_people
from app.use_cases.site.wire_time import to_wire


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one thing; values as text, `None` where there was or is none."""

    subject: Literal[
        "product",
        "stock",
        "door",
        "person",
        "order",
        "refund",
        "claim",
        "lot",
        "supplier",
        "difference",
        "cold",
        "site",
    ]
    subject_id: str
    field: str
    before: str | None
    after: str | None


def record_changes(
    conn: Connection, changes: Sequence[Change], *, person_id: str, now: datetime, reason: str = ""
) -> None:
    """Write those that change something."""
    real = [one for one in changes if one.before != one.after]
    if not real:
        return
    conn.execute(insert(change), [{**asdict(one), "person_id": person_id, "at": now, "reason": reason} for one in real])
    for one in real:
        said = of_people(
            at_ms=to_wire(now),
            act=Act.CHANGED,
            actor=f"person:{person_id}",
            order_id=one.subject_id if one.subject == "order" else None,
            why=reason,
            facts=asdict(one),
        )
        record_act(conn, said)
