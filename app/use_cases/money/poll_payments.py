"""Asks about payments that stayed unclear: a minute without a word, or a message that was not applied.

What is still open is asked about again after as long as it has been open: soon enough for goods to be held still, and
rarely for what nobody pays any more.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, Row, TextClause, text

from app.db.engine import transaction
from app.domain.errors import NotFound
from app.payments.provider import PaymentProvider, Unavailable
from app.settings import Settings
from app.use_cases.money.settle_payment import settle_payment
from app.use_cases.money.start_payment import keep_reference
from locker_protocol.ids import RandomBytes, random_bytes

log = structlog.get_logger()

# Well before the hold ends (`domain.holding`): a provider's word that was lost must not cost somebody the order.
UNCLEAR_AFTER = timedelta(minutes=1)
RETRY_AFTER = timedelta(minutes=1)
# Providers give up telling after about this long; later it is a matter for the reconciliation.
GIVEN_UP_AFTER = timedelta(days=3)
# A charge whose name we never heard is found by our key, while providers keep keys; later the reconciliation finds it.
KEYS_LIVE = timedelta(hours=23)
BATCH = 50

UNCLEAR = text("""
    SELECT p.id, p.order_id, p.provider_ref, p.amount_minor, p.currency, p.unanswered_since, o.order_no
    FROM payment p JOIN customer_order o ON o.id = p.order_id
    WHERE p.provider = :provider AND p.made_at > :oldest AND p.state = 'open'
        AND (p.provider_ref IS NOT NULL OR p.made_at > :named)
        AND (
            coalesce(p.checked_at, p.made_at)
                <= :now - greatest(:unclear, coalesce(p.checked_at, p.made_at) - p.made_at)
            OR (coalesce(p.checked_at, p.made_at) <= :retry AND EXISTS (
                SELECT FROM payment_webhook w WHERE w.provider = p.provider AND w.provider_ref = p.provider_ref
                    AND w.applied_at IS NULL AND w.received_at <= :retry
            ))
        )
    ORDER BY p.checked_at NULLS FIRST, p.id LIMIT :batch
""")

# Also when there was no answer: one that never answers must not be asked in every turn, in the place of others.
IN_VAIN = text("""
    UPDATE payment SET checked_at = :now, unanswered_since = coalesce(unanswered_since, :now) WHERE id = :id
""")
ANSWERED = text("UPDATE payment SET unanswered_since = NULL WHERE id = :id")


def poll_payments(
    engine: Engine, provider: PaymentProvider, *, now: datetime, settings: Settings, random: RandomBytes = random_bytes
) -> int:
    """Settle what is unclear and return how many were asked about. One that fails does not keep the next."""
    asked = {
        "provider": provider.name,
        "oldest": now - GIVEN_UP_AFTER,
        "now": now,
        "unclear": UNCLEAR_AFTER,
        "retry": now - RETRY_AFTER,
        "named": now - KEYS_LIVE,
        "batch": BATCH,
    }
    with transaction(engine) as conn:
        unclear = conn.execute(UNCLEAR, asked).all()
    for row in unclear:
        try:
            reference = row.provider_ref or _find_reference(engine, provider, row)
            settle_payment(engine, provider, provider_ref=reference, now=now, settings=settings, random=random)
        except (Unavailable, NotFound) as error:
            log.warning("payment_still_unclear", payment=row.id, order_id=row.order_id, reason=str(error))
            _note(engine, IN_VAIN, id=row.id, now=now)
        else:
            if row.unanswered_since is not None:
                _note(engine, ANSWERED, id=row.id)
    return len(unclear)


def _note(engine: Engine, statement: TextClause, **values: str | datetime) -> None:
    with transaction(engine) as conn:
        conn.execute(statement, values)


def _find_reference(engine: Engine, provider: PaymentProvider, row: Row[Any]) -> str:
    """The provider was asked and its answer lost: the same key gives the same charge."""
    started = provider.start(
        idempotency_key=row.id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        description=row.order_no,
        return_url="",
    )
    with transaction(engine) as conn:
        keep_reference(conn, payment_id=row.id, provider_ref=started.ref)
    return started.ref
