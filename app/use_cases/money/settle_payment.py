"""Makes our books follow the provider's current state of one payment; the message that woke us is never believed.

Captured: payment, ledger, order and plan move in one transaction. If the order's hold had ended, what it held is taken
again while orders for its run are open, or a refund is decided. A second payment of an order goes back too. Repeats and
rivals change nothing: the payment's row is locked, and its state says what was done.
"""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, text

from app.db.engine import transaction
from app.db.holds import take_again
from app.db.ledger import book
from app.db.moves import move_order, move_payment
from app.db.paid_moves import move_to_paid
from app.db.statement import Statement
from app.domain.basket import refuse_late
from app.domain.errors import DomainError, NotFound
from app.domain.ledger import Kind
from app.domain.order_state import OrderEvent, OrderState
from app.domain.payment_state import PaymentEvent, PaymentState
from app.domain.refunding import RefundCause
from app.payments.provider import Charge, ChargeState, PaymentProvider
from app.settings import Settings
from app.use_cases.money.decide_refund import refund_payment
from app.use_cases.ordering.edit_order import follow_paid_edit
from app.use_cases.planning.allocate_order import allocate_order
from app.use_cases.telling.tell_order import tell_refund
from locker_protocol.ids import RandomBytes, random_bytes

log = structlog.get_logger()

# Whatever comes of it, the provider was asked now, and its messages up to now are followed by this transaction.
LOCK = Statement("""
    WITH paid AS (
        UPDATE payment SET checked_at = :now WHERE provider = :provider AND provider_ref = :ref
        RETURNING id, order_id, state, amount_minor, currency, provider
    ), heard AS (
        UPDATE payment_webhook SET applied_at = :now
        WHERE provider = :provider AND provider_ref = :ref AND applied_at IS NULL
    )
    SELECT paid.*, o.state AS order_state FROM paid JOIN customer_order o ON o.id = paid.order_id FOR UPDATE OF o
""")
ORDER_BY = text("""
    SELECT least(r.order_by, r.called_off_at) FROM load_run r JOIN customer_order o USING (run_no)
    WHERE o.id = :order_id
""")


def settle_payment(
    engine: Engine,
    provider: PaymentProvider,
    *,
    provider_ref: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Ask the provider, then follow. Raises NotFound for a reference that is none of ours, or Unavailable."""
    charge = provider.look_up(provider_ref)
    with transaction(engine) as conn:
        _follow(conn, provider.name, charge, now, settings, random)


def _follow(
    conn: Connection, provider: str, charge: Charge, now: datetime, settings: Settings, random: RandomBytes
) -> None:
    paid = LOCK.row(conn, {"provider": provider, "ref": charge.ref, "now": now})
    if paid is None:
        raise NotFound
    if PaymentState(paid.state) is not PaymentState.OPEN:
        return
    if (charge.amount_minor, charge.currency) != (paid.amount_minor, paid.currency):
        log.error("payment_differs", payment=paid.id, order_id=paid.order_id, provider_ref=charge.ref)
    elif charge.state is ChargeState.CAPTURED:
        _capture(conn, paid, now, settings, random)
    elif charge.state is ChargeState.DECLINED:
        _move(conn, paid, PaymentEvent.FAILED, now)


def _capture(conn: Connection, paid: Row[Any], now: datetime, settings: Settings, random: RandomBytes) -> None:
    if _is_ours_again(conn, paid, now):
        run = move_to_paid(conn, payment=paid, order_state=OrderState(paid.order_state), now=now)
        allocate_order(conn, order_id=paid.order_id, run=run, now=now, settings=settings, random=random)
        return
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
    if not follow_paid_edit(conn, paid=paid, actor=f"provider:{paid.provider}", now=now, random=random):
        _give_back(conn, paid, now, random)


def _give_back(conn: Connection, paid: Row[Any], now: datetime, random: RandomBytes) -> None:
    """Nothing is left to be paid with it: the order was released, or another payment came first."""
    late = OrderState(paid.order_state) is OrderState.RELEASED
    cause = RefundCause.LATE_PAYMENT if late else RefundCause.SECOND_PAYMENT
    actor = f"provider:{paid.provider}"
    decided = refund_payment(conn, payment=paid, cause=cause, actor=actor, now=now, random=random)
    if late:
        event, state = OrderEvent.REFUND_DECIDED, OrderState(paid.order_state)
        move_order(conn, order_id=paid.order_id, state=state, event=event, actor=actor, now=now)
    tell_refund(conn, order_id=paid.order_id, decided=decided, cause=cause, now=now, random=random)


def _is_ours_again(conn: Connection, paid: Row[Any], now: datetime) -> bool:
    """True when the order holds what it needs: it still did, or took it again."""
    if OrderState(paid.order_state) is not OrderState.RELEASED:
        return OrderState(paid.order_state) is OrderState.AWAITING_PAYMENT
    try:
        with conn.begin_nested():
            refuse_late(order_by=conn.execute(ORDER_BY, {"order_id": paid.order_id}).scalar_one(), now=now)
            take_again(conn, order_id=paid.order_id)
    except DomainError as refusal:
        log.info("late_payment_goes_back", order_id=paid.order_id, reason=refusal.code)
        return False
    return True


def _move(conn: Connection, paid: Row[Any], event: PaymentEvent, now: datetime) -> None:
    actor = f"provider:{paid.provider}"
    move_payment(
        conn, payment_id=paid.id, order_id=paid.order_id, state=PaymentState.OPEN, event=event, actor=actor, now=now
    )
