"""Compares our books with the payment provider's report of a stretch of time, files every difference and heals some.

What differs and what may heal is `domain.reconciling`'s to say. Heals only by the ways money always goes: a payment is
settled, a refund booked or sent once more. Nothing is asked of the provider inside a transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, text

from app.db.engine import transaction
from app.domain.reconciling import Booked, Movement, MovementKind, compare, own_id
from app.domain.refunding import attempt_key
from app.payments.provider import ChargeState, PaymentProvider, Unavailable
from app.settings import Settings
from app.use_cases.money.file_differences import file_differences
from app.use_cases.money.heal_differences import heal_differences
from locker_protocol.ids import RandomBytes, random_bytes

log = structlog.get_logger()

# What is under way is no difference yet: messages come, and the poll asks after a minute.
UNDER_WAY = timedelta(minutes=15)
EVERY = timedelta(hours=1)
# As long as a report goes back by itself after the service was away, a day a turn.
LOOKS_BACK = timedelta(days=7)
DAY = timedelta(days=1)
# The days' reports are read once more when they are complete.
DAY_IS_COMPLETE_AFTER = timedelta(minutes=30)

OURS = text("""
    SELECT 'charge' AS kind, p.id, p.provider_ref AS ref, p.order_id, p.amount_minor, p.currency,
        p.state = 'captured' AS done, p.provider_ref AS charge_ref, 1 AS attempt
    FROM payment p WHERE p.provider = :provider AND (
        p.provider_ref = ANY(:refs) OR p.id = ANY(:ids) OR p.id IN (
            SELECT substr(transaction_id, length('capture-') + 1) FROM ledger_entry
            WHERE kind = 'capture' AND at >= :since AND at < :until
        )
    )
    UNION ALL
    SELECT 'refund', r.id, r.provider_ref, r.order_id, r.amount_minor, r.currency, r.done_at IS NOT NULL,
        p.provider_ref, r.attempt
    FROM refund r JOIN payment p ON p.id = r.payment_id WHERE p.provider = :provider AND (
        r.provider_ref = ANY(:refs) OR r.id = ANY(:ids) OR (r.done_at >= :since AND r.done_at < :until)
    )
""")
KEEP = text("""
    INSERT INTO reconciliation (provider, since, until, made_at, movements, found, healed)
    VALUES (:provider, :since, :until, :now, :movements, :found, :healed)
""")
LAST = text("SELECT max(until) FROM reconciliation WHERE provider = :provider")
# Any number of times: somebody may have compared the day by hand, twice.
WAS_COMPARED = text("""
    SELECT EXISTS (SELECT FROM reconciliation WHERE provider = :provider AND since = :since AND until = :until)
""")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One comparison: the lines of the report, what was found now, and what healed (also of what was found before)."""

    since: datetime
    until: datetime
    movements: int
    found: int
    healed: int


def reconcile(
    engine: Engine,
    provider: PaymentProvider,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> Reconciled:
    """Compare what moved from `since` to before `until`. Raises Unavailable when there is no report."""
    theirs = provider.report(since=since, until=until)
    with transaction(engine) as conn:
        ours = _ours(conn, provider.name, theirs, since, until)
    differences = compare([*theirs, *_moved_earlier(provider, theirs, ours, since)], [_booked(row) for row in ours])
    with transaction(engine) as conn:
        found = file_differences(conn, provider=provider.name, differences=differences, now=now, random=random)
    healed = heal_differences(engine, provider, now=now, settings=settings, random=random)
    done = Reconciled(since, until, len(theirs), found, healed)
    with transaction(engine) as conn:
        values = {"since": since, "until": until, "movements": done.movements, "found": found, "healed": healed}
        conn.execute(KEEP, {"provider": provider.name, "now": now, **values})
    return done


def reconcile_due(
    engine: Engine, provider: PaymentProvider, *, now: datetime, settings: Settings, random: RandomBytes = random_bytes
) -> int:
    """Compare the last hour when one is over, and each day again when it is complete; returns differences found."""
    found = 0
    for since, until in _due(engine, provider.name, now):
        try:
            done = reconcile(engine, provider, since=since, until=until, now=now, settings=settings, random=random)
        except Unavailable as error:
            log.warning("no_report", provider=provider.name, reason=str(error))
            return found
        found += done.found
    return found


def _due(engine: Engine, provider: str, now: datetime) -> list[tuple[datetime, datetime]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    until = now - UNDER_WAY
    yesterday = (midnight - DAY, midnight)
    with transaction(engine) as conn:
        last = conn.execute(LAST, {"provider": provider}).scalar_one()
        compared = {"provider": provider, "since": yesterday[0], "until": yesterday[1]}
        day_is_done = conn.execute(WAS_COMPARED, compared).scalar_one()
    since = max(last or now - DAY, now - LOOKS_BACK)
    due = [(since, min(until, since + DAY))] if until - since >= EVERY else []
    if not day_is_done and yesterday not in due and now >= midnight + DAY_IS_COMPLETE_AFTER:
        due.append(yesterday)
    return due


def _ours(
    conn: Connection, provider: str, theirs: Sequence[Movement], since: datetime, until: datetime
) -> Sequence[Row[Any]]:
    refs = [line.ref for line in theirs]
    ids = [own_id(line.key) for line in theirs if line.key]
    asked = {"provider": provider, "refs": refs, "ids": ids, "since": since, "until": until}
    return conn.execute(OURS, asked).all()


def _booked(row: Row[Any]) -> Booked:
    kind = MovementKind(row.kind)
    return Booked(kind, row.id, row.ref, row.order_id, row.amount_minor, row.currency, row.done)


def _moved_earlier(
    provider: PaymentProvider, theirs: Sequence[Movement], ours: Sequence[Row[Any]], since: datetime
) -> list[Movement]:
    """What we booked in this time and the report does not name: it may have moved before, so each is asked about."""
    refs, ids = {line.ref for line in theirs}, {own_id(line.key) for line in theirs if line.key}
    asked = [_ask(provider, row, since) for row in ours if row.done and row.ref not in refs and row.id not in ids]
    return [movement for movement in asked if movement is not None]


def _ask(provider: PaymentProvider, row: Row[Any], since: datetime) -> Movement | None:
    """A row of ours as the provider has it; None when it says that this never moved."""
    kind = MovementKind(row.kind)
    try:
        if kind is MovementKind.CHARGE:
            charge = provider.look_up(row.ref)
            if charge.state is not ChargeState.CAPTURED:
                return None
            return Movement(kind, charge.ref, row.id, charge.amount_minor, charge.currency, since)
        ref = provider.find_refund(row.charge_ref, idempotency_key=attempt_key(row.id, row.attempt))
        return None if ref is None else Movement(kind, ref, row.id, row.amount_minor, row.currency, since)
    except Unavailable as error:
        if not error.permanent:
            raise
        return None
