"""Puts right what may heal without a person: our books follow a provider that is ahead, and a refund that was booked
and never happened is sent.

Never takes money, and leaves open what it cannot put right.
"""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine, Row, text

from app.db.engine import transaction
from app.domain.errors import NotFound
from app.domain.reconciling import DifferenceKind, MovementKind
from app.domain.refunding import attempt_key
from app.payments.provider import PaymentProvider, Unavailable
from app.settings import Settings
from app.use_cases.money.book_refund import book_refund
from app.use_cases.money.file_differences import mark_healed
from app.use_cases.money.settle_payment import settle_payment
from app.use_cases.money.start_payment import keep_reference
from locker_protocol.ids import RandomBytes

log = structlog.get_logger()

BATCH = 200

OPEN = text("""
    SELECT id, kind, movement, subject, own_id FROM payment_difference
    WHERE provider = :provider AND state = 'found' AND heals ORDER BY found_at, id LIMIT :batch
""")
PAYMENT_STATE = text("SELECT state FROM payment WHERE id = :id")
REFUND_DONE = text("SELECT done_at IS NOT NULL FROM refund WHERE id = :id")
NEXT_ATTEMPT = text("""
    UPDATE refund r SET attempt = r.attempt + 1, asked_at = :now FROM payment p
    WHERE r.id = :id AND p.id = r.payment_id AND r.done_at IS NOT NULL
    RETURNING r.attempt, r.amount_minor, p.provider_ref
""")
LAST_ATTEMPT = text("""
    SELECT r.attempt, p.provider_ref FROM refund r JOIN payment p ON p.id = r.payment_id WHERE r.id = :id
""")
NAME_REFUND = text("UPDATE refund SET provider_ref = :provider_ref WHERE id = :id")


def heal_differences(
    engine: Engine, provider: PaymentProvider, *, now: datetime, settings: Settings, random: RandomBytes
) -> int:
    """Try to heal what may, also what was found before; returns how many are healed now."""
    with transaction(engine) as conn:
        rows = conn.execute(OPEN, {"provider": provider.name, "batch": BATCH}).all()
    return sum(_heal(engine, provider, row, now, settings, random) for row in rows)


def _heal(
    engine: Engine, provider: PaymentProvider, row: Row[Any], now: datetime, settings: Settings, random: RandomBytes
) -> bool:
    try:
        is_healed = _put_right(engine, provider, row, now, settings, random)
    except (Unavailable, NotFound) as error:
        log.warning("difference_not_healed", difference=row.id, reason=str(error))
        return False
    if is_healed:
        with transaction(engine) as conn:
            mark_healed(conn, difference_id=row.id, now=now)
    return is_healed


def _put_right(
    engine: Engine, provider: PaymentProvider, row: Row[Any], now: datetime, settings: Settings, random: RandomBytes
) -> bool:
    if DifferenceKind(row.kind) is DifferenceKind.NOT_DONE_THERE:
        return _send_refund(engine, provider, row.own_id, now)
    if MovementKind(row.movement) is MovementKind.CHARGE:
        return _settle(engine, provider, row, now, settings, random)
    with transaction(engine) as conn:
        book_refund(conn, refund_id=row.own_id, provider_ref=row.subject, now=now)
        return bool(conn.execute(REFUND_DONE, {"id": row.own_id}).scalar_one())


def _settle(
    engine: Engine, provider: PaymentProvider, row: Row[Any], now: datetime, settings: Settings, random: RandomBytes
) -> bool:
    with transaction(engine) as conn:
        keep_reference(conn, payment_id=row.own_id, provider_ref=row.subject)
    settle_payment(engine, provider, provider_ref=row.subject, now=now, settings=settings, random=random)
    with transaction(engine) as conn:
        return bool(conn.execute(PAYMENT_STATE, {"id": row.own_id}).scalar_one() == "captured")


def _send_refund(engine: Engine, provider: PaymentProvider, refund_id: str, now: datetime) -> bool:
    """It is booked and was not done: once more, by a new key, unless the last one was done after all."""
    with transaction(engine) as conn:
        last = conn.execute(LAST_ATTEMPT, {"id": refund_id}).one()
    done = provider.find_refund(last.provider_ref, idempotency_key=attempt_key(refund_id, last.attempt))
    if done is None:
        with transaction(engine) as conn:
            asked = conn.execute(NEXT_ATTEMPT, {"id": refund_id, "now": now}).one()
        key = attempt_key(refund_id, asked.attempt)
        done = provider.refund(asked.provider_ref, amount_minor=asked.amount_minor, idempotency_key=key)
    with transaction(engine) as conn:
        conn.execute(NAME_REFUND, {"id": refund_id, "provider_ref": done})
    return True
