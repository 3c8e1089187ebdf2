"""An operator holds a lot back while somebody looks into it, or lets it be picked again."""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.domain.errors import NotFound
from app.domain.lot_state import LOT_TABLE, LotEvent, LotState
from app.domain.state_table import step
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.site.ask_site import checked_reason

LOCK = text("SELECT state FROM lot WHERE id = :lot_id FOR UPDATE")
MOVE = text("UPDATE lot SET state = :state WHERE id = :lot_id")


def hold_lot(conn: Connection, *, lot_id: str, reason: str, person_id: str, now: datetime) -> None:
    """Nothing more of it is picked. Raises NotFound, ReasonNeeded or IllegalMove."""
    move_lot(conn, lot_id=lot_id, event=LotEvent.HELD, reason=reason, person_id=person_id, now=now)


def release_lot(conn: Connection, *, lot_id: str, reason: str, person_id: str, now: datetime) -> None:
    """It is picked again. Raises NotFound, ReasonNeeded, or IllegalMove (a recalled one, too)."""
    move_lot(conn, lot_id=lot_id, event=LotEvent.RELEASED, reason=reason, person_id=person_id, now=now)


def move_lot(conn: Connection, *, lot_id: str, event: LotEvent, reason: str, person_id: str, now: datetime) -> None:
    """Lock a lot and move it on, and keep who did it and why. Raises NotFound, ReasonNeeded or IllegalMove."""
    reason = checked_reason(reason)
    state = conn.execute(LOCK, {"lot_id": lot_id}).scalar_one_or_none()
    if state is None:
        raise NotFound
    new = step(LOT_TABLE, LotState(state), event)
    conn.execute(MOVE, {"lot_id": lot_id, "state": new.value})
    change = Change("lot", lot_id, "state", state, new.value)
    record_changes(conn, [change], person_id=person_id, now=now, reason=reason)
    announce(conn, f"lot:{lot_id}")
