"""Makes our books follow the provider's current state of one payment; the message that woke us is never believed.

Captured: payment, ledger, order and plan move in one transaction. If the order's hold had ended, what it held is taken
again while orders for its run are open, or a refund is decided. A second payment of an order goes back too. Repeats and
rivals change nothing: the payment's row is locked, and its state says what was done.
"""

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
from app.domain.refunding import RefundCause
from app.notify.texts import NoticeKind
from app.payments.provider import Charge, ChargeState, PaymentProvider
from app.use_cases.money.decide_refund import refund_payment
from app.use_cases.ordering.edit_order import follow_paid_edit
from app.use_cases.planning.allocate_order import allocate_order
from app.use_cases.telling.tell_order import tell_order, tell_refund
from locker_protocol.ids import RandomBytes, random_bytes

log = structlog.get_logger()

LOCK_PAYMENT = text("""
    SELECT id, order_id, state, amount_minor, currency, provider FROM payment
    WHERE provider = :provider AND provider_ref = :ref FOR UPDATE
""")
LOCK_ORDER = text("""
    SELECT o.id, o.state, least(r.order_by, r.called_off_at) AS order_by
    FROM customer_order o JOIN load_run r USING (run_no)
    WHERE o.id = :order_id FOR UPDATE OF o
""")


def settle_payment(
    engine: Engine, provider: PaymentProvider, *, provider_ref: str, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """Ask the provider, then follow. Raises NotFound for a reference that is none of ours, or Unavailable."""
    charge = provider.look_up(provider_ref)
    with transaction(engine) as conn:
        _follow(conn, provider.name, charge, now, random)


def _follow(conn: Connection, provider: str, charge: Charge, now: datetime, random: RandomBytes) -> None:
    paid = conn.execute(LOCK_PAYMENT, {"provider": provider, "ref": charge.ref}).one_or_none()
    if paid is None:
        raise NotFound
    if PaymentState(paid.state) is PaymentState.OPEN:
        _follow_open(conn, paid, charge, now, random)
    conn.execute(update(payment).where(payment.c.id == paid.id).values(checked_at=now))
    heard = (payment_webhook.c.provider == provider, payment_webhook.c.provider_ref == charge.ref)
    conn.execute(update(payment_webhook).where(*heard, payment_webhook.c.applied_at.is_(None)).values(applied_at=now))


def _follow_open(conn: Connection, paid: Row[Any], charge: Charge, now: datetime, random: RandomBytes) -> None:
    if (charge.amount_minor, charge.currency) != (paid.amount_minor, paid.currency):
        log.error("payment_differs", payment=paid.id, order_id=paid.order_id, provider_ref=charge.ref)
    elif charge.state is ChargeState.CAPTURED:
        _capture(conn, paid, now, random)
    elif charge.state is ChargeState.DECLINED:
        _move(conn, paid, PaymentEvent.FAILED, now)


def _capture(conn: Connection, paid: Row[Any], now: datetime, random: RandomBytes) -> None:
    _move(conn, paid, PaymentEvent.CAPTURED, now)
    book(
        conn,
        transaction_id=f"capture-{paid.id}",
        kind=Kind.CAPTURE,
        order_id=paid.order_id,
        amount_minor=paid.amount_minor,
        currency=paid.currency,
        now=now,
    )
    order = conn.execute(LOCK_ORDER, {"order_id": paid.order_id}).one()
    if _is_ours_again(conn, order, now):
        _pay_order(conn, order, paid.provider, now, random)
        return
    if follow_paid_edit(conn, paid=paid, actor=f"provider:{paid.provider}", now=now, random=random):
        return
    late = OrderState(order.state) is OrderState.RELEASED
    cause = RefundCause.LATE_PAYMENT if late else RefundCause.SECOND_PAYMENT
    decided = refund_payment(conn, payment=paid, cause=cause, actor=f"provider:{paid.provider}", now=now, random=random)
    if late:
        _move_order(conn, order, OrderEvent.REFUND_DECIDED, paid.provider, now)
    tell_refund(conn, order_id=order.id, decided=decided, cause=cause, now=now, random=random)


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


def _move(conn: Connection, paid: Row[Any], event: PaymentEvent, now: datetime) -> None:
    actor = f"provider:{paid.provider}"
    move_payment(
        conn, payment_id=paid.id, order_id=paid.order_id, state=PaymentState.OPEN, event=event, actor=actor, now=now
    )


def _move_order(conn: Connection, order: Row[Any], event: OrderEvent, provider: str, now: datetime) -> None:
    state = OrderState(order.state)
    move_order(conn, order_id=order.id, state=state, event=event, actor=f"provider:{provider}", now=now)
