"""An order's owner goes to pay. The intent is written before the provider is asked, and its id is the provider's key.

So a repeat, or a crash between, finds the same charge again; and nothing is asked of a provider inside a transaction.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, case, insert, select, update

from app.db.engine import transaction
from app.db.tables import customer_order, payment
from app.domain.errors import NotFound
from app.domain.holding import HOLD, refuse_unpayable
from app.domain.order_state import OrderState
from app.domain.payment_state import PaymentState
from app.payments.provider import PaymentProvider
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes


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
    with transaction(engine) as conn:
        keep_reference(conn, payment_id=intent.payment_id, provider_ref=started.ref)
    return started.pay_url


def keep_reference(conn: Connection, *, payment_id: str, provider_ref: str) -> None:
    """Keep the provider's name for a payment; the same key always gives the same one."""
    unknown = (payment.c.id == payment_id, payment.c.provider_ref.is_(None))
    conn.execute(update(payment).where(*unknown).values(provider_ref=provider_ref))


def _intend(
    conn: Connection, provider: str, order_id: str, person_id: str, now: datetime, random: RandomBytes
) -> _Intent:
    mine = (customer_order.c.id == order_id, customer_order.c.person_id == person_id)
    order = conn.execute(select(customer_order).where(*mine).with_for_update()).one_or_none()
    if order is None:
        raise NotFound
    refuse_unpayable(OrderState(order.state), hold_until=order.hold_until, now=now)
    _extend_hold(conn, order_id, now)
    open_one = select(payment.c.id).where(
        payment.c.order_id == order_id, payment.c.provider == provider, payment.c.state == PaymentState.OPEN.value
    )
    payment_id = conn.execute(open_one).scalars().first()
    if payment_id is None:
        payment_id = new_id(to_wire(now), random)
        conn.execute(
            insert(payment).values(
                id=payment_id,
                order_id=order_id,
                provider=provider,
                state=PaymentState.OPEN.value,
                amount_minor=order.total_minor,
                currency=order.currency,
                made_at=now,
            )
        )
    return _Intent(payment_id, order.total_minor, order.currency, order.order_no)


def _extend_hold(conn: Connection, order_id: str, now: datetime) -> None:
    """Once, so that nobody keeps others' goods by beginning to pay again and again."""
    once = (customer_order.c.id == order_id, ~customer_order.c.hold_extended)
    later = case((customer_order.c.hold_until < now + HOLD, now + HOLD), else_=customer_order.c.hold_until)
    conn.execute(update(customer_order).where(*once).values(hold_until=later, hold_extended=True))
