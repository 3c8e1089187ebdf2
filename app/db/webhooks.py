"""Writes what other programs are to be told, in the transaction of what happened: one message an endpoint that asks."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Connection, Insert, Text, and_, cast, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables import webhook_delivery, webhook_endpoint
from app.domain.webhook_event import OF_MOVE, WebhookKind

COLUMNS = ("endpoint_id", "event_id", "kind", "at", "next_try_at", "facts")
TELL = text(
    "INSERT INTO webhook_delivery (endpoint_id, event_id, kind, at, next_try_at, facts)"
    " SELECT id, :event, :kind, :at, :now, CAST(:facts AS jsonb) FROM webhook_endpoint"
    " WHERE ended_at IS NULL AND :kind = ANY(kinds)"
)


def tell_programs(
    conn: Connection, *, kind: WebhookKind, event_id: str, facts: Mapping[str, Any], at: datetime, now: datetime
) -> None:
    """Tell that something happened which is no move. `at`: when it did; `now`: from when on it is sent."""
    row = {"event": event_id, "kind": kind.value, "at": at, "now": now, "facts": json.dumps(facts)}
    conn.execute(TELL, row)


def telling_of_move(recorded: CTE, *, subject: str, to_state: str, order_id: str, now: datetime) -> Insert | None:
    """The INSERT that tells of moves which `recorded` (ids of history and subjects) has; `None` when nobody may ask."""
    kind = OF_MOVE.get((subject, to_state))
    if kind is None:
        return None
    facts = ["order_id", literal(order_id, Text)]
    if subject != "order":
        facts += [f"{subject}_id", recorded.c.subject_id]
    asking = (webhook_endpoint.c.ended_at.is_(None), literal(kind.value, Text) == func.any(webhook_endpoint.c.kinds))
    told = select(
        webhook_endpoint.c.id,
        literal("move-", Text) + cast(recorded.c.id, Text),
        literal(kind.value, Text),
        literal(now, webhook_delivery.c.at.type),
        literal(now, webhook_delivery.c.at.type),
        func.jsonb_build_object(*facts, type_=JSONB),
    ).select_from(recorded.join(webhook_endpoint, and_(*asking)))
    return insert(webhook_delivery).from_select(COLUMNS, told)
