"""An order's owner goes to pay. The intent is written before the provider is asked, and its id is the provider's key.

So a repeat, or a crash between, finds the same charge again; and nothing is asked of a provider inside a transaction.
"""

from dataclasses import dataclass
from datetime import datetime

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

LOCK_ORDER = Statement("""
    SELECT order_no, state, hold_until, total_minor, currency FROM customer_order
    WHERE id = :order_id AND person_id = :person FOR UPDATE
""")
# The hold is extended once, so that nobody keeps others' goods by beginning to pay again and again.
INTEND = Statement("""
    WITH open_one AS (
        SELECT id FROM payment WHERE order_id = :order_id AND provider = :provider AND state = :open ORDER BY id LIMIT 1
    ), made AS (
        INSERT INTO payment (id, order_id, provider, state, amount_minor, currency, made_at)
        SELECT :payment_id, :order_id, :provider, :open, :amount_minor, :currency, :now
        WHERE NOT EXISTS (SELECT FROM open_one) RETURNING id
    ), extended AS (
        UPDATE customer_order SET hold_until = greatest(hold_until, :until), hold_extended = true
        WHERE id = :order_id AND NOT hold_extended
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
    with transaction(engine) as conn:
        intent = _intend(conn, provider.name, order_id, person_id, now, random)
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


def _intend(
    conn: Connection, provider: str, order_id: str, person_id: str, now: datetime, random: RandomBytes
) -> _Intent:
    order = LOCK_ORDER.row(conn, {"order_id": order_id, "person": person_id})
    if order is None:
        raise NotFound
    refuse_unpayable(OrderState(order.state), hold_until=order.hold_until, now=now)
    wish = {
        "payment_id": new_id(to_wire(now), random),
        "order_id": order_id,
        "provider": provider,
        "open": PaymentState.OPEN.value,
        "amount_minor": order.total_minor,
        "currency": order.currency,
        "now": now,
        "until": now + HOLD,
    }
    payment_id = INTEND.one(conn, wish).id
    return _Intent(payment_id, order.total_minor, order.currency, order.order_no)
