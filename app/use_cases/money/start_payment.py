"""An order's owner goes to pay. The intent is written before the provider is asked, and its id is the provider's key.

So a repeat, or a crash between, finds the same charge again; and nothing is asked of a provider inside a transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from app.db.engine import each_alone, transaction
from app.db.statement import Statement
from app.domain.errors import NotFound
from app.domain.holding import HOLD, refuse_unpayable
from app.domain.order_state import OrderState
from app.domain.payment_state import PaymentState
from app.payments.provider import PaymentProvider
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

# Who begins first extends the hold, once, so that nobody keeps others' goods by beginning to pay again and again. Until
# then there is no payment, so one statement says it all; whoever comes second finds the hold extended.
INTEND_FIRST = Statement("""
    WITH extended AS (
        UPDATE customer_order SET hold_until = greatest(hold_until, :until), hold_extended = true
        WHERE id = :order_id AND person_id = :person AND state = :unpaid AND hold_until > :now AND NOT hold_extended
        RETURNING id, order_no, total_minor, currency
    ), made AS (
        INSERT INTO payment (id, order_id, provider, state, amount_minor, currency, made_at)
        SELECT :payment_id, id, :provider, :open, total_minor, currency, :now FROM extended
    )
    SELECT order_no, total_minor, currency FROM extended
""")
LOCK_ORDER = Statement("""
    SELECT order_no, state, hold_until, total_minor, currency FROM customer_order
    WHERE id = :order_id AND person_id = :person FOR UPDATE
""")
INTEND_AGAIN = Statement("""
    WITH open_one AS (
        SELECT id FROM payment WHERE order_id = :order_id AND provider = :provider AND state = :open ORDER BY id LIMIT 1
    ), made AS (
        INSERT INTO payment (id, order_id, provider, state, amount_minor, currency, made_at)
        SELECT :payment_id, :order_id, :provider, :open, :amount_minor, :currency, :now
        WHERE NOT EXISTS (SELECT FROM open_one) RETURNING id
    )
    SELECT id FROM made UNION ALL SELECT id FROM open_one
""")
# Need not be on disk before anybody goes on: were it lost, the same key would find the same charge (`poll_payments`).
KEEP_REFERENCE = Statement("""
    UPDATE payment SET provider_ref = :ref FROM set_config('synchronous_commit', 'off', true)
    WHERE id = :payment_id AND provider_ref IS NULL
""")


@dataclass(frozen=True, slots=True)
class _Intent:
    """A payment we want, under the key the provider gets."""

    payment_id: str
    amount_minor: int
    currency: str
    order_no: str


def start_payment(
    engine: Engine,
    provider: PaymentProvider,
    *,
    order_id: str,
    person_id: str,
    return_url: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> str:
    """Return the address where one pays. Raises NotFound, NotToBePaid, HoldEnded, or the provider's Unavailable."""
    wish = {
        "payment_id": new_id(to_wire(now), random),
        "order_id": order_id,
        "person": person_id,
        "provider": provider.name,
        "open": PaymentState.OPEN.value,
        "unpaid": OrderState.AWAITING_PAYMENT.value,
        "now": now,
        "until": now + HOLD,
    }
    intent = _intend_first(engine, wish) or _intend_again(engine, wish)
    started = provider.start(
        idempotency_key=intent.payment_id,
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        description=intent.order_no,
        return_url=return_url,
    )
    with each_alone(engine) as conn:
        keep_reference(conn, payment_id=intent.payment_id, provider_ref=started.ref)
    return started.pay_url


def keep_reference(conn: Connection, *, payment_id: str, provider_ref: str) -> None:
    """Keep the provider's name for a payment; the same key always gives the same one."""
    KEEP_REFERENCE.run(conn, {"payment_id": payment_id, "ref": provider_ref})


def _intend_first(engine: Engine, wish: Mapping[str, Any]) -> _Intent | None:
    with each_alone(engine) as conn:
        order = INTEND_FIRST.row(conn, wish)
    return order and _Intent(wish["payment_id"], order.total_minor, order.currency, order.order_no)


def _intend_again(engine: Engine, wish: Mapping[str, Any]) -> _Intent:
    """Find the payment that is open, or want another where that one failed. Refuses what may not be paid."""
    with transaction(engine) as conn:
        order = LOCK_ORDER.row(conn, wish)
        if order is None:
            raise NotFound
        refuse_unpayable(OrderState(order.state), hold_until=order.hold_until, now=wish["now"])
        wanted = {**wish, "amount_minor": order.total_minor, "currency": order.currency}
        payment_id = INTEND_AGAIN.one(conn, wanted).id
    return _Intent(payment_id, order.total_minor, order.currency, order.order_no)
