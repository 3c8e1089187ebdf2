"""Which messages to other programs go out next, and what became of each. The sending itself is between the two.

At most one message of an endpoint is under way with a worker. It is counted before it is sent: a crash between sends it
again, and never loses it. After the last try it is given up, and stays to be seen and sent again by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from app.domain.webhook_event import WAITS, DeliveryState
from app.notify.webhook_message import Outcome

KEPT = timedelta(days=30)
AT_ONCE = 1_000

CLAIM = text("""
    WITH due AS MATERIALIZED (
        SELECT first.id FROM webhook_endpoint asking CROSS JOIN LATERAL (
            SELECT id FROM webhook_delivery
            WHERE endpoint_id = asking.id AND state = 'waiting' AND next_try_at <= :now
            ORDER BY next_try_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) first WHERE asking.ended_at IS NULL AND asking.id <> ALL(CAST(:busy AS text[]))
    )
    UPDATE webhook_delivery d SET tries = d.tries + 1, next_try_at = CAST(:now AS timestamptz)
        + make_interval(secs => (CAST(:waits AS float8[]))[least(d.tries, CAST(:last AS int)) + 1])
    FROM due, webhook_endpoint e WHERE d.id = due.id AND e.id = d.endpoint_id
    RETURNING d.id, d.endpoint_id, d.event_id, d.kind, d.at, d.facts, d.tries, e.url, e.salt
""")
RECORD = text("""
    UPDATE webhook_delivery SET state = :state, answered = :answered, trouble = :trouble, tried_at = :now
    WHERE id = :id AND state = 'waiting' AND tries = :tries
""")
FORGET = text("""
    DELETE FROM webhook_delivery WHERE id IN (
        SELECT id FROM webhook_delivery WHERE state <> 'waiting' AND tried_at < :before LIMIT :at_once
    )
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message, counted as tried, and where it goes."""

    id: int
    endpoint_id: str
    event_id: str
    kind: str
    at: datetime
    facts: Mapping[str, Any]
    tries: int
    url: str
    salt: bytes


def claim_due(conn: Connection, *, busy: Sequence[str], now: datetime) -> list[Claimed]:
    """Take the next message of each endpoint that is not `busy`."""
    waits = [wait.total_seconds() for wait in WAITS]
    values = {"now": now, "waits": waits, "last": len(waits) - 1, "busy": list(busy)}
    return [Claimed(**row) for row in conn.execute(CLAIM, values).mappings()]


def record_outcome(conn: Connection, claimed: Claimed, outcome: Outcome, *, now: datetime) -> DeliveryState:
    """Write what came of a try. What did not arrive at the last one is given up."""
    if outcome.arrived:
        state = DeliveryState.SENT
    else:
        state = DeliveryState.DEAD if claimed.tries > len(WAITS) else DeliveryState.WAITING
    values = {"id": claimed.id, "tries": claimed.tries, "answered": outcome.answered, "trouble": outcome.trouble}
    conn.execute(RECORD, {**values, "state": state.value, "now": now})
    return state


def forget_delivered(conn: Connection, *, now: datetime) -> int:
    """Delete messages that arrived or were given up thirty days ago."""
    return conn.execute(FORGET, {"before": now - KEPT, "at_once": AT_ONCE}).rowcount
