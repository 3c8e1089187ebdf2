"""State moves: `UPDATE … WHERE state = :old` and the history row, in one statement. Nobody moves a state otherwise.

`paid_moves.py` folds those of an order that is paid. Each move asks its state table first. When the row meanwhile
stands elsewhere, somebody else won: MovedMeanwhile.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Executable, Table, insert, literal, select, update
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.selectable import CTE

from app.db.engine import announce
from app.db.tables import claim, customer_order, history, parcel, payment
from app.db.webhooks import telling_of_move
from app.domain.claim_state import CLAIM_TABLE, ClaimEvent, ClaimState
from app.domain.errors import DomainError
from app.domain.order_state import ORDER_TABLE, OrderEvent, OrderState
from app.domain.parcel_state import PARCEL_TABLE, ParcelEvent, ParcelState
from app.domain.payment_state import PAYMENT_TABLE, PaymentEvent, PaymentState
from app.domain.state_table import step

NOTHING: Mapping[str, Any] = {}


class MovedMeanwhile(DomainError):
    """Somebody else moved it first; nothing was changed here."""

    code = "moved_meanwhile"


def move_order(
    conn: Connection,
    *,
    order_id: str,
    state: OrderState,
    event: OrderEvent,
    actor: str,
    now: datetime,
    values: Mapping[str, Any] = NOTHING,
) -> OrderState:
    """Move an order on from `state`, with other columns. Raises IllegalMove or MovedMeanwhile."""
    new = step(ORDER_TABLE, state, event)
    counted = {"version": customer_order.c.version + 1, **values}
    _move(conn, customer_order, [order_id], order_id, (state, event, new), actor, now, counted)
    return new


def move_parcels(
    conn: Connection,
    *,
    order_id: str,
    parcel_ids: Sequence[str],
    state: ParcelState,
    event: ParcelEvent,
    actor: str,
    now: datetime,
    values: Mapping[str, Any] = NOTHING,
) -> ParcelState:
    """Move parcels of one order that all stand in `state`. Raises IllegalMove or MovedMeanwhile."""
    new = step(PARCEL_TABLE, state, event)
    _move(conn, parcel, parcel_ids, order_id, (state, event, new), actor, now, values)
    return new


def move_payment(
    conn: Connection,
    *,
    payment_id: str,
    order_id: str,
    state: PaymentState,
    event: PaymentEvent,
    actor: str,
    now: datetime,
) -> PaymentState:
    """Move a payment on from `state`. Raises IllegalMove or MovedMeanwhile."""
    new = step(PAYMENT_TABLE, state, event)
    _move(conn, payment, [payment_id], order_id, (state, event, new), actor, now, {"checked_at": now})
    return new


def move_claim(
    conn: Connection,
    *,
    claim_id: str,
    order_id: str,
    state: ClaimState,
    event: ClaimEvent,
    actor: str,
    now: datetime,
    values: Mapping[str, Any] = NOTHING,
) -> ClaimState:
    """Move a claim on from `state`, with other columns. Raises IllegalMove or MovedMeanwhile."""
    new = step(CLAIM_TABLE, state, event)
    _move(conn, claim, [claim_id], order_id, (state, event, new), actor, now, values)
    return new


def note(conn: Connection, *, order_id: str, state: OrderState, event: str, actor: str, now: datetime) -> None:
    """Record something that happened to an order without moving it; `event` says what."""
    row = _history_values("order", order_id, (state.value, event, state.value), actor, now)
    conn.execute(insert(history).values(subject_id=order_id, **row))
    announce(conn, f"order:{order_id}")


_SUBJECTS = {customer_order.name: "order", parcel.name: "parcel", payment.name: "payment", claim.name: "claim"}

Move = tuple[StrEnum, StrEnum, StrEnum]


def _move(
    conn: Connection,
    table: Table,
    ids: Sequence[str],
    order_id: str,
    move: Move,
    actor: str,
    now: datetime,
    values: Mapping[str, Any],
) -> None:
    old, event, new = move
    moved: CTE = (
        update(table)
        .where(table.c.id.in_(ids), table.c.state == old.value)
        .values(state=new.value, **values)
        .returning(table.c.id)
        .cte("moved")
    )
    row = _history_values(_SUBJECTS[table.name], order_id, (old.value, event.value, new.value), actor, now)
    columns = [moved.c.id, *(literal(value) for value in row.values())]
    record = (
        insert(history)
        .from_select(["subject_id", *row], select(*columns))
        .returning(history.c.id, history.c.subject_id)
    )
    if len(conn.execute(_and_tell(record, row, order_id, now)).all()) != len(ids):
        raise MovedMeanwhile
    announce(conn, f"order:{order_id}")


def _and_tell(record: ReturningInsert[Any, Any], row: Mapping[str, Any], order_id: str, now: datetime) -> Executable:
    """Let the same statement write what other programs are told of the move."""
    recorded = record.cte("recorded")
    telling = telling_of_move(recorded, subject=row["subject"], to_state=row["to_state"], order_id=order_id, now=now)
    return record if telling is None else select(recorded.c.id).add_cte(telling.cte("told"))


def _history_values(
    subject: str, order_id: str, move: tuple[str, str, str], actor: str, now: datetime
) -> dict[str, Any]:
    old, event, new = move
    return {
        "at": now,
        "order_id": order_id,
        "subject": subject,
        "from_state": old,
        "event": event,
        "to_state": new,
        "actor": actor,
    }
