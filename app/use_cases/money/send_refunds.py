"""Asks the payment provider for every refund that was decided, until it is done or the provider says never.

Each is sent with its own id as idempotency key, so that asking twice gives back once. Never decides an amount.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, text

from app.db.engine import announce, transaction
from app.db.ledger import book
from app.domain.ledger import Kind
from app.payments.provider import PaymentProvider, Unavailable

log = structlog.get_logger()

BATCH = 50
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=30), timedelta(hours=1)

DUE = text("""
    SELECT r.id, r.order_id, r.amount_minor, r.currency, r.tries, p.provider_ref
    FROM refund r JOIN payment p ON p.id = r.payment_id
    WHERE p.provider = :provider AND r.done_at IS NULL AND r.failed IS NULL AND r.next_try_at <= :now
    ORDER BY r.next_try_at, r.id LIMIT :batch
""")
DONE = text("UPDATE refund SET done_at = :now WHERE id = :id AND done_at IS NULL")
RETRY = text("UPDATE refund SET tries = tries + 1, next_try_at = :next, failed = :failed WHERE id = :id")


def send_refunds(engine: Engine, provider: PaymentProvider, *, now: datetime) -> int:
    """Send what is due and return how many were done."""
    with transaction(engine) as conn:
        due = conn.execute(DUE, {"provider": provider.name, "now": now, "batch": BATCH}).all()
    return sum(_send(engine, provider, row, now) for row in due)


def _send(engine: Engine, provider: PaymentProvider, row: Row[Any], now: datetime) -> bool:
    try:
        provider.refund(row.provider_ref, amount_minor=row.amount_minor, idempotency_key=row.id)
    except Unavailable as error:
        log.warning("refund_waits", order_id=row.order_id, reason=str(error), permanent=error.permanent)
        wait = min(FIRST_RETRY * 2 ** min(row.tries, 10), LONGEST_RETRY)
        failed = str(error)[:200] if error.permanent else None
        with transaction(engine) as conn:
            conn.execute(RETRY, {"id": row.id, "next": now + wait, "failed": failed})
        return False
    with transaction(engine) as conn:
        return _done(conn, row, now)


def _done(conn: Connection, row: Row[Any], now: datetime) -> bool:
    if conn.execute(DONE, {"id": row.id, "now": now}).rowcount == 0:  # another worker was faster
        return False
    book(
        conn,
        transaction_id=f"refund-{row.id}",
        kind=Kind.REFUND,
        order_id=row.order_id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        now=now,
    )
    announce(conn, f"order:{row.order_id}")
    return True
