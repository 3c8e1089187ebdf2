"""A verified message of a provider is stored before anything else, once by its event id."""

from datetime import datetime

from sqlalchemy import Connection

from app.db.statement import Statement
from app.payments.provider import WebhookEvent

# Need not be on disk before anybody goes on: what follows it is, and with it this. Were it lost before it was followed,
# its payment is polled.
STORE = Statement("""
    INSERT INTO payment_webhook (provider, event_id, received_at, provider_ref, body)
    SELECT :provider, :event_id, :now, :ref, CAST(:body AS jsonb)
    FROM set_config('synchronous_commit', 'off', true)
    ON CONFLICT DO NOTHING
""")


def record_webhook(conn: Connection, *, provider: str, event: WebhookEvent, body: bytes, now: datetime) -> bool:
    """Store it; False when this event came before. `body` is JSON, its signature checked."""
    row = {
        "provider": provider,
        "event_id": event.event_id,
        "now": now,
        "ref": event.ref,
        "body": body.decode(),
    }
    return STORE.run(conn, row) == 1
