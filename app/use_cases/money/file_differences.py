"""Writes down where our books and a provider's report differ, each once; and what a person decided about one.

A difference that healed and is seen again is open again; one that a person closed stays closed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, text

from app.db.engine import announce
from app.db.tables import payment_difference
from app.domain.errors import DomainError, NotFound
from app.domain.reconciling import (
    DIFFERENCE_TABLE,
    Difference,
    DifferenceEvent,
    DifferenceState,
)
from app.domain.state_table import step
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.site.ask_site import checked_reason
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

KNOWN = text("""
    SELECT id, state FROM payment_difference
    WHERE provider = :provider AND kind = :kind AND movement = :movement AND subject = :subject
        AND ours_minor IS NOT DISTINCT FROM CAST(:ours_minor AS bigint)
        AND theirs_minor IS NOT DISTINCT FROM CAST(:theirs_minor AS bigint)
    FOR UPDATE
""")
SEEN = text("UPDATE payment_difference SET seen_at = :now WHERE id = :id")
MOVE = text("""
    UPDATE payment_difference SET state = :new, closed_at = :closed_at, closed_by = :closed_by, note = :note
    WHERE id = :id AND state = :old
""")
LOCK = text("SELECT id, state, note FROM payment_difference WHERE id = :id FOR UPDATE")


class DifferenceClosed(DomainError):
    """It healed, or somebody closed it before."""

    code = "difference_closed"


def file_differences(
    conn: Connection,
    *,
    provider: str,
    differences: Sequence[Difference],
    now: datetime,
    random: RandomBytes = random_bytes,
) -> int:
    """File them and return how many were not open before."""
    found = sum(_file(conn, _columns(provider, each), now, random) for each in differences)
    if found:
        announce(conn, "difference")
    return found


def mark_healed(conn: Connection, *, difference_id: str, now: datetime) -> None:
    """Close one that healed."""
    closed = {"closed_at": now, "closed_by": "clock", "note": None}
    _move(conn, difference_id, DifferenceState.FOUND, DifferenceEvent.HEALED, closed)


def close_difference(conn: Connection, *, difference_id: str, note: str, person_id: str, now: datetime) -> None:
    """A person looked, did what was to be done, and says so. Raises NotFound, ReasonNeeded or DifferenceClosed."""
    note = checked_reason(note)
    row = conn.execute(LOCK, {"id": difference_id}).one_or_none()
    if row is None:
        raise NotFound
    if DifferenceState(row.state) is not DifferenceState.FOUND:
        raise DifferenceClosed
    closed = {"closed_at": now, "closed_by": f"person:{person_id}", "note": note}
    _move(conn, difference_id, DifferenceState.FOUND, DifferenceEvent.DECIDED, closed)
    change = Change("difference", difference_id, "state", row.state, DifferenceState.DECIDED.value)
    record_changes(conn, [change], person_id=person_id, now=now, reason=note)


def _file(conn: Connection, columns: dict[str, Any], now: datetime, random: RandomBytes) -> bool:
    known: Row[Any] | None = conn.execute(KNOWN, columns).one_or_none()
    if known is None:
        row = {"id": new_id(to_wire(now), random), "state": DifferenceState.FOUND.value, **columns}
        conn.execute(insert(payment_difference).values(found_at=now, seen_at=now, **row))
        return True
    conn.execute(SEEN, {"id": known.id, "now": now})
    if DifferenceState(known.state) is not DifferenceState.HEALED:
        return False
    reopened = {"closed_at": None, "closed_by": None, "note": None}
    _move(conn, known.id, DifferenceState.HEALED, DifferenceEvent.SEEN_AGAIN, reopened)
    return True


def _columns(provider: str, difference: Difference) -> dict[str, Any]:
    ours, theirs = difference.ours, difference.theirs
    return {
        "provider": provider,
        "kind": difference.kind.value,
        "movement": difference.movement.value,
        "subject": difference.subject,
        "own_id": ours.id if ours else None,
        "order_id": ours.order_id if ours else None,
        "ours_minor": ours.amount_minor if ours else None,
        "ours_currency": ours.currency if ours else None,
        "theirs_minor": theirs.amount_minor if theirs else None,
        "theirs_currency": theirs.currency if theirs else None,
        "heals": difference.heals,
    }


def _move(
    conn: Connection, difference_id: str, state: DifferenceState, event: DifferenceEvent, values: dict[str, Any]
) -> None:
    new = step(DIFFERENCE_TABLE, state, event)
    conn.execute(MOVE, {"id": difference_id, "old": state.value, "new": new.value, **values})
    announce(conn, "difference")
