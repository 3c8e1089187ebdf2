"""A provider's message arrives: verified by its raw bytes, stored once by its event id, and then asked about.

What it says is never believed, only that it is worth asking. What cannot be applied now is polled later.
"""

from collections.abc import Mapping
from datetime import datetime

import structlog
from sqlalchemy import Engine

from app.db.engine import each_alone
from app.domain.errors import NotFound
from app.payments.provider import PaymentProvider, Unavailable
from app.settings import Settings
from app.use_cases.money.record_webhook import record_webhook
from app.use_cases.money.settle_payment import settle_payment
from locker_protocol.ids import RandomBytes, random_bytes

log = structlog.get_logger()


def hear_webhook(
    engine: Engine,
    provider: PaymentProvider,
    *,
    body: bytes,
    headers: Mapping[str, str],
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> bool:
    """Store a message and follow it; False for one that came before. Raises WebhookForged, WebhookUnreadable."""
    event = provider.read_webhook(body, headers)
    with each_alone(engine) as conn:
        is_new = record_webhook(conn, provider=provider.name, event=event, body=body, now=now)
    if not event.ref:  # about no payment at all: kept, and nothing to ask
        return is_new
    try:
        settle_payment(engine, provider, provider_ref=event.ref, now=now, settings=settings, random=random)
    except (NotFound, Unavailable) as error:
        log.warning("webhook_not_applied", provider=provider.name, provider_ref=event.ref, reason=str(error))
    return is_new
