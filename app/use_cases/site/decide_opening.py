"""Another person confirms or declines an opening that waits for them; what nobody decides in time expires.

A confirmed one goes to its site at once and lives ten seconds, as every opening does. Decides once: of two decisions at
the same time the second finds it decided. Who is fit to decide is the page's to ask.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.audit_log import record_act
from app.db.engine import announce
from app.domain.audit_record import Act, of_people
from app.domain.errors import NotFound
from app.domain.hold_state import HOLD_TABLE, HoldEvent, HoldState
from app.domain.remote_opening import refuse_decision
from app.domain.state_table import step
from app.use_cases.site.wire_time import to_wire

LIVES = timedelta(seconds=10)

LOAD = text("""
    SELECT m.id, m.hold_state, m.hold_until, m.person_id, m.doors, m."right", m.order_id, m.reason, g.site_id
    FROM remote_command m JOIN gateway g ON g.id = m.gateway_id
    WHERE m.id = :id AND m.hold_state IS NOT NULL FOR UPDATE OF m
""")
DECIDE = text("""
    UPDATE remote_command SET hold_state = :state, second_id = :second, second_at = :now, not_after = :not_after
    WHERE id = :id AND hold_state = 'waiting'
""")
OVERDUE = text("""
    UPDATE remote_command m SET hold_state = 'expired' FROM gateway g
    WHERE g.id = m.gateway_id AND hold_state = 'waiting' AND (hold_until <= :now OR person_id = :person_id)
    RETURNING m.id, m.person_id, m.doors, m."right", m.order_id, m.reason, g.site_id
""")

ACTS = {HoldState.CONFIRMED: Act.OPENING_CONFIRMED, HoldState.DECLINED: Act.OPENING_DECLINED}


def decide_opening(
    conn: Connection, *, command_id: str, event: HoldEvent, person_id: str, now: datetime, rate: float = 1
) -> str:
    """Confirm or decline it; returns its site's id. Raises NotFound, OwnOpening or OpeningDecided.

    `rate` is how fast civil time runs (1 outside a demo).
    """
    row = conn.execute(LOAD, {"id": command_id}).one_or_none()
    if row is None:
        raise NotFound
    state = HoldState(row.hold_state)
    refuse_decision(state=state, overdue=row.hold_until <= now, own=row.person_id == person_id)
    new = step(HOLD_TABLE, state, event)
    ends = now + LIVES * rate if new is HoldState.CONFIRMED else row.hold_until
    conn.execute(DECIDE, {"id": row.id, "state": new.value, "second": person_id, "now": now, "not_after": ends})
    _record(conn, row, ACTS[new], actor=f"person:{row.person_id}", second=f"person:{person_id}", now=now)
    if new is HoldState.CONFIRMED:
        announce(conn, "command")
    return str(row.site_id)


def expire_openings(conn: Connection, *, now: datetime, person_id: str | None = None) -> int:
    """End what nobody decided in time, and all that this person asked for; returns how many."""
    overdue = conn.execute(OVERDUE, {"now": now, "person_id": person_id}).all()
    for row in overdue:
        _record(conn, row, Act.OPENING_EXPIRED, actor=f"person:{row.person_id}", second=None, now=now)
    return len(overdue)


def _record(conn: Connection, row: Row[Any], act: Act, *, actor: str, second: str | None, now: datetime) -> None:
    said = of_people(
        at_ms=to_wire(now),
        act=act,
        actor=actor,
        right=row.right,
        second=second,
        site_id=row.site_id,
        doors=row.doors,
        order_id=row.order_id,
        why=row.reason,
        facts={"command_id": row.id},
    )
    record_act(conn, said)
    for topic in ("held", f"command:{row.id}", f"site:{row.site_id}"):
        announce(conn, topic)
