"""A verified message of a provider is stored before anything else, once by its event id."""

import json
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from app.db.tables import payment_webhook
from app.payments.provider import WebhookEvent


def record_webhook(conn: Connection, *, provider: str, event: WebhookEvent, body: bytes, now: datetime) -> bool:
    """Store it; False when this event came before. `body` is JSON, its signature checked."""
    row = {
        "provider": provider,
        "event_id": event.event_id,
        "received_at": now,
        "provider_ref": event.ref,
        "body": json.loads(body),
    }
    stored = insert(payment_webhook).values(row).on_conflict_do_nothing().returning(payment_webhook.c.event_id)
    return conn.execute(stored).one_or_none() is not None
