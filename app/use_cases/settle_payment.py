"""Makes our books follow the provider's current state of one payment; the message that woke us is never believed.

Captured: payment, ledger, order and plan move in one transaction. If the order's hold had ended, what it held is taken
again while orders for its run are open, or the money goes back. A second payment of an order goes back too. Repeats and
rivals change nothing: the payment's row is locked, and its state says what was done.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, text, update

from app.db.engine import transaction
from app.db.holds import take_again
from app.db.ledger import book
from app.db.moves import move_order, move_payment
from app.db.tables import payment, payment_webhook
from app.domain.basket import refuse_late
from app.domain.errors import DomainError, NotFound
from app.domain.ledger import Kind
from app.domain.order_state import OrderEvent, OrderState
from app.domain.payment_state import PaymentEvent, PaymentState
from app.notify.texts import NoticeKind
from app.payments.provider import Charge, ChargeState, PaymentProvider, Unavailable
from app.use_cases.allocate_order import allocate_order
from app.use_cases.tell_order import tell_order
from locker_protocol.ids import RandomBytes, random_bytes

log = structlog.get_logger()

LOCK_PAYMENT = text("""
    SELECT id, order_id, state, amount_minor, currency, provider FROM payment
    WHERE provider = :provider AND provider_ref = :ref FOR UPDATE
""")
LOCK_ORDER = text("""
    SELECT o.id, o.state, r.order_by FROM customer_order o JOIN load_run r USING (run_no)
    WHERE o.id = :order_id FOR UPDATE OF o
""")


@dataclass(frozen=True, slots=True)
class _Refund:
    """Money that was decided to go back."""

    payment_id: str
    order_id: str
    ref: str
    amount_minor: int
    currency: str


def settle_payment(
    engine: Engine, provider: PaymentProvider, *, provider_ref: str, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """Ask the provider, then follow. Raises NotFound for a reference that is none of ours, or Unavailable."""
    charge = provider.look_up(provider_ref)
    with transaction(engine) as conn:
        refund = _follow(conn, provider.name, charge, now, random)
    if refund is not None:
        _give_back(engine, provider, refund, now, random)


def _follow(conn: Connection, provider: str, charge: Charge, now: datetime, random: RandomBytes) -> _Refund | None:
    paid = conn.execute(LOCK_PAYMENT, {"provider": provider, "ref": charge.ref}).one_or_none()
    if paid is None:
        raise NotFound
    state = PaymentState(paid.state)
    if state is PaymentState.OPEN:
        state = _follow_open(conn, paid, charge, now, random)
    conn.execute(update(payment).where(payment.c.id == paid.id).values(checked_at=now))
    heard = (payment_webhook.c.provider == provider, payment_webhook.c.provider_ref == charge.ref)
    conn.execute(update(payment_webhook).where(*heard, payment_webhook.c.applied_at.is_(None)).values(applied_at=now))
    if state is not PaymentState.REFUNDING:
        return None
    return _Refund(paid.id, paid.order_id, charge.ref, paid.amount_minor, paid.currency)


def _follow_open(conn: Connection, paid: Row[Any], charge: Charge, now: datetime, random: RandomBytes) -> PaymentState:
    if (charge.amount_minor, charge.currency) != (paid.amount_minor, paid.currency):
        log.error("payment_differs", payment=paid.id, order_id=paid.order_id, provider_ref=charge.ref)
        return PaymentState.OPEN
    if charge.state is ChargeState.CAPTURED:
        return _capture(conn, paid, now, random)
    if charge.state is ChargeState.DECLINED:
        return _move(conn, paid, PaymentState.OPEN, PaymentEvent.FAILED, now)
    return PaymentState.OPEN


def _capture(conn: Connection, paid: Row[Any], now: datetime, random: RandomBytes) -> PaymentState:
    state = _move(conn, paid, PaymentState.OPEN, PaymentEvent.CAPTURED, now)
    _book(conn, Kind.CAPTURE, paid.id, paid.order_id, paid.amount_minor, paid.currency, now)
    order = conn.execute(LOCK_ORDER, {"order_id": paid.order_id}).one()
    if _is_ours_again(conn, order, now):
        _pay_order(conn, order, paid.provider, now, random)
        return state
    if OrderState(order.state) is OrderState.RELEASED:
        _move_order(conn, order, OrderEvent.REFUND_DECIDED, paid.provider, now)
    return _move(conn, paid, state, PaymentEvent.REFUND_DECIDED, now)


def _is_ours_again(conn: Connection, order: Row[Any], now: datetime) -> bool:
    """True when the order holds what it needs: it still did, or took it again."""
    if OrderState(order.state) is not OrderState.RELEASED:
        return OrderState(order.state) is OrderState.AWAITING_PAYMENT
    try:
        with conn.begin_nested():
            refuse_late(order_by=order.order_by, now=now)
            take_again(conn, order_id=order.id)
    except DomainError as refusal:
        log.info("late_payment_goes_back", order_id=order.id, reason=refusal.code)
        return False
    return True


def _pay_order(conn: Connection, order: Row[Any], provider: str, now: datetime, random: RandomBytes) -> None:
    _move_order(conn, order, OrderEvent.PAYMENT_CAPTURED, provider, now)
    allocate_order(conn, order_id=order.id, now=now)
    tell_order(conn, order_id=order.id, kind=NoticeKind.PAID, now=now, random=random)


def _give_back(engine: Engine, provider: PaymentProvider, refund: _Refund, now: datetime, random: RandomBytes) -> None:
    """Refund once, by key; if the provider does not do it now, polling comes back to it."""
    try:
        provider.refund(refund.ref, amount_minor=refund.amount_minor, idempotency_key=f"refund-{refund.payment_id}")
    except Unavailable as error:
        log.warning("refund_waits", order_id=refund.order_id, reason=str(error), permanent=error.permanent)
        return
    with transaction(engine) as conn:
        paid = conn.execute(LOCK_PAYMENT, {"provider": provider.name, "ref": refund.ref}).one()
        if PaymentState(paid.state) is PaymentState.REFUNDING:
            _move(conn, paid, PaymentState.REFUNDING, PaymentEvent.REFUNDED, now)
            _book(conn, Kind.REFUND, refund.payment_id, refund.order_id, refund.amount_minor, refund.currency, now)
            tell_order(conn, order_id=refund.order_id, kind=NoticeKind.REFUNDED, now=now, random=random)


def _move(conn: Connection, paid: Row[Any], state: PaymentState, event: PaymentEvent, now: datetime) -> PaymentState:
    actor = f"provider:{paid.provider}"
    return move_payment(
        conn, payment_id=paid.id, order_id=paid.order_id, state=state, event=event, actor=actor, now=now
    )


def _move_order(conn: Connection, order: Row[Any], event: OrderEvent, provider: str, now: datetime) -> None:
    state = OrderState(order.state)
    move_order(conn, order_id=order.id, state=state, event=event, actor=f"provider:{provider}", now=now)


def _book(
    conn: Connection, kind: Kind, payment_id: str, order_id: str, amount_minor: int, currency: str, now: datetime
) -> None:
    book(
        conn,
        transaction_id=f"{kind.value}-{payment_id}",
        kind=kind,
        order_id=order_id,
        amount_minor=amount_minor,
        currency=currency,
        now=now,
    )
