"""Asks the payment provider for every refund that was decided, until it is done or the provider says never.

Each is sent by a key made of its own id, so that asking twice gives back once. Providers forget keys after a day or
more: a refund that is still in doubt by then is looked for at the provider first, and asked for by a new key only when
it did not happen. Never decides an amount.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, Row, text

from app.db.engine import transaction
from app.domain.refunding import attempt_key
from app.payments.provider import PaymentProvider, Unavailable
from app.use_cases.money.book_refund import book_refund

log = structlog.get_logger()

BATCH = 50
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=30), timedelta(hours=1)
# Stripe keeps keys for at least 24 h (docs.stripe.com/api/idempotent_requests).
KEYS_LIVE = timedelta(hours=23)

DUE = text("""
    SELECT r.id, r.order_id, r.amount_minor, r.tries, r.attempt, r.asked_at, p.provider_ref
    FROM refund r JOIN payment p ON p.id = r.payment_id
    WHERE p.provider = :provider AND r.done_at IS NULL AND r.failed IS NULL AND r.next_try_at <= :now
    ORDER BY r.next_try_at, r.id LIMIT :batch
""")
# Guarded by the attempt: of two workers one begins the next, and the other comes back later.
ASK = text("""
    UPDATE refund SET attempt = :next, asked_at = :now
    WHERE id = :id AND attempt = :attempt AND asked_at IS NOT DISTINCT FROM :asked_at AND done_at IS NULL
""")
RETRY = text("UPDATE refund SET tries = tries + 1, next_try_at = :next, failed = :failed WHERE id = :id")


def send_refunds(engine: Engine, provider: PaymentProvider, *, now: datetime) -> int:
    """Send what is due and return how many were done."""
    with transaction(engine) as conn:
        due = conn.execute(DUE, {"provider": provider.name, "now": now, "batch": BATCH}).all()
    return sum(_send(engine, provider, row, now) for row in due)


def _send(engine: Engine, provider: PaymentProvider, row: Row[Any], now: datetime) -> bool:
    try:
        refund_ref = _ask(engine, provider, row, now)
    except Unavailable as error:
        log.warning("refund_waits", order_id=row.order_id, reason=str(error), permanent=error.permanent)
        wait = min(FIRST_RETRY * 2 ** min(row.tries, 10), LONGEST_RETRY)
        failed = str(error)[:200] if error.permanent else None
        with transaction(engine) as conn:
            conn.execute(RETRY, {"id": row.id, "next": now + wait, "failed": failed})
        return False
    if refund_ref is None:
        return False
    with transaction(engine) as conn:
        return book_refund(conn, refund_id=row.id, provider_ref=refund_ref, now=now)


def _ask(engine: Engine, provider: PaymentProvider, row: Row[Any], now: datetime) -> str | None:
    """The refund's name at the provider; None when another worker asks."""
    attempt = row.attempt
    if row.asked_at is not None and row.asked_at <= now - KEYS_LIVE:
        done = provider.find_refund(row.provider_ref, idempotency_key=attempt_key(row.id, attempt))
        if done is not None:
            return done
        attempt += 1
    if (row.asked_at is None or attempt != row.attempt) and not _intend(engine, row, attempt, now):
        return None
    return provider.refund(
        row.provider_ref, amount_minor=row.amount_minor, idempotency_key=attempt_key(row.id, attempt)
    )


def _intend(engine: Engine, row: Row[Any], attempt: int, now: datetime) -> bool:
    """Write down that the provider is asked by this key, before it is."""
    asked = {"id": row.id, "attempt": row.attempt, "asked_at": row.asked_at, "next": attempt, "now": now}
    with transaction(engine) as conn:
        return conn.execute(ASK, asked).rowcount == 1
