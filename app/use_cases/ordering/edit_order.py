"""An order's owner changes what is in it or when they collect it, until its cut-off.

What costs less or the same is done at once, and the difference goes back. What costs more is written down and waits for
a second payment: nothing is kept meanwhile, and `follow_paid_edit` does it, or gives the payment back and leaves the
order as it was. A newer wish ends an older one that waits. The same form sent twice is one wish.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from app.db.engine import announce
from app.db.moves import note
from app.db.tables import order_edit, order_edit_line, payment
from app.domain.basket import BasketLine, checked_basket, checked_key
from app.domain.edit_state import EDIT_TABLE, EditEvent, EditState
from app.domain.editing import EditedLine, EditMeanwhile, NothingChanged, difference_minor
from app.domain.errors import DomainError, NotFound
from app.domain.order_state import OrderState
from app.domain.payment_state import PaymentState
from app.domain.refunding import RefundCause
from app.domain.state_table import step
from app.use_cases.money.decide_refund import Decided, refund_difference, refund_payment
from app.use_cases.money.issue_receipt import issue_receipts_of
from app.use_cases.ordering.apply_edit import Ordered, Revised, apply_edit, lock_ordered, revise_order
from app.use_cases.ordering.drop_edit import drop_open_edit
from app.use_cases.site.wire_time import to_wire
from app.use_cases.telling.tell_order import tell_edited, tell_refund
from locker_protocol.ids import RandomBytes, new_id, random_bytes

EDIT_DROPPED = "edit_dropped"
SUPERSEDED = "superseded"

OF_PAYMENT = text("SELECT * FROM order_edit WHERE payment_id = :payment_id")
LINES = text("SELECT product_id, price_minor, before, after FROM order_edit_line WHERE edit_id = :edit_id")


@dataclass(frozen=True, slots=True)
class Edited:
    """What became of a wish: done (`payment_id` is none), or to be paid first. Money in minor units."""

    edit_id: str
    difference_minor: int
    payment_id: str | None


@dataclass(frozen=True, slots=True)
class _Wish:
    """One wish under way."""

    edit_id: str
    key: str
    ordered: Ordered
    revised: Revised


def edit_order(
    conn: Connection,
    *,
    order_id: str,
    person_id: str,
    lines: Sequence[BasketLine],
    window_id: int,
    idempotency_key: str,
    provider: str,
    now: datetime,
    shown_minor: int | None = None,
    random: RandomBytes = random_bytes,
) -> Edited:
    """Change an order, or write down what has to be paid for first. `lines`: all it shall hold, not what is added;
    `shown_minor`: what the owner was told that it costs more.

    Raises NotFound, NothingChanged, EditMeanwhile, what is wrong with the wish, or what stands in its way with what is
    left; the transaction is then to be rolled back, and the order is as it was.
    """
    wanted, key = checked_basket(lines), checked_key(idempotency_key)
    ordered = lock_ordered(conn, order_id=order_id)
    if ordered.row.person_id != person_id:
        raise NotFound(what="order")
    known = (order_edit.c.order_id == order_id, order_edit.c.key == key)
    earlier = conn.execute(select(order_edit).where(*known)).one_or_none()
    if earlier is not None:
        return _again(earlier)
    revised = revise_order(conn, ordered=ordered, wanted=wanted, window_id=window_id, now=now)
    if window_id == ordered.row.window_id and all(line.before == line.after for line in revised.lines):
        raise NothingChanged
    if shown_minor not in (None, difference_minor(revised.lines)):
        raise EditMeanwhile
    drop_open_edit(conn, order_id=order_id, reason=SUPERSEDED, now=now)
    wish = _Wish(new_id(to_wire(now), random), key, ordered, revised)
    if difference_minor(revised.lines) > 0:
        return _ask_for_payment(conn, wish, provider, now, random)
    return _do_now(conn, wish, now, random)


def follow_paid_edit(
    conn: Connection, *, paid: Row[Any], actor: str, now: datetime, random: RandomBytes = random_bytes
) -> bool:
    """Do what a captured payment was for, or give it back whole. False: it was for no edit.

    `paid` has `id`, `order_id`, `amount_minor` and `currency`; its order's row is locked.
    """
    edit = conn.execute(OF_PAYMENT, {"payment_id": paid.id}).one_or_none()
    if edit is None:
        return False
    try:
        step(EDIT_TABLE, EditState(edit.state), EditEvent.APPLY)
        with conn.begin_nested():
            _do_paid(conn, edit, actor, now, random)
    except DomainError as refusal:
        _give_back(conn, edit, paid, refusal.code, actor, now, random)
        return True
    tell_edited(conn, order_id=paid.order_id, back_minor=0, now=now, random=random)
    return True


def _again(edit: Row[Any]) -> Edited:
    waits = EditState(edit.state) is EditState.AWAITING_PAYMENT
    return Edited(edit.id, edit.difference_minor, edit.payment_id if waits else None)


def _ask_for_payment(conn: Connection, wish: _Wish, provider: str, now: datetime, random: RandomBytes) -> Edited:
    """Try it and take it back: nobody pays for what cannot be had."""
    with conn.begin_nested() as trial:
        apply_edit(conn, ordered=wish.ordered, revised=wish.revised, actor=_actor(wish.ordered), now=now, random=random)
        trial.rollback()
    payment_id = new_id(to_wire(now), random)
    conn.execute(
        insert(payment).values(
            id=payment_id,
            order_id=wish.ordered.row.id,
            provider=provider,
            state=PaymentState.OPEN.value,
            amount_minor=difference_minor(wish.revised.lines),
            currency=wish.ordered.row.currency,
            made_at=now,
        )
    )
    _write(conn, wish, now, state=EditState.AWAITING_PAYMENT.value, payment_id=payment_id)
    announce(conn, f"order:{wish.ordered.row.id}")
    return Edited(wish.edit_id, difference_minor(wish.revised.lines), payment_id)


def _do_now(conn: Connection, wish: _Wish, now: datetime, random: RandomBytes) -> Edited:
    order_id, actor = wish.ordered.row.id, _actor(wish.ordered)
    issue_receipts_of(conn, order_id=order_id, now=now)
    back = -difference_minor(wish.revised.lines)
    decided: Decided | None = None
    if back:
        decided = refund_difference(
            conn,
            order_id=order_id,
            cause_key=f"edit:{wish.edit_id}",
            amount_minor=back,
            actor=actor,
            now=now,
            random=random,
        )
    apply_edit(conn, ordered=wish.ordered, revised=wish.revised, actor=actor, now=now, random=random)
    refund_id = decided.refund_id if decided else None
    _write(conn, wish, now, state=EditState.APPLIED.value, closed_at=now, refund_id=refund_id)
    tell_edited(conn, order_id=order_id, back_minor=back, now=now, random=random)
    return Edited(wish.edit_id, -back, None)


def _write(conn: Connection, wish: _Wish, now: datetime, **values: object) -> None:
    """Last: its window's row is referred to, and whoever takes places in it must not wait for who waits for doors."""
    conn.execute(
        insert(order_edit).values(
            id=wish.edit_id,
            order_id=wish.ordered.row.id,
            key=wish.key,
            window_id=wish.revised.window.id,
            before_window_id=wish.ordered.row.window_id,
            difference_minor=difference_minor(wish.revised.lines),
            made_at=now,
            **values,
        )
    )
    rows = [{"edit_id": wish.edit_id, **asdict(line)} for line in wish.revised.lines]
    conn.execute(insert(order_edit_line), rows)


def _do_paid(conn: Connection, edit: Row[Any], actor: str, now: datetime, random: RandomBytes) -> None:
    """The lines and prices that were paid for, of the order they were made for. Raises EditMeanwhile otherwise."""
    rows = conn.execute(LINES, {"edit_id": edit.id})
    lines = sorted(EditedLine(row.product_id, row.price_minor, row.before, row.after) for row in rows)
    ordered = lock_ordered(conn, order_id=edit.order_id)
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.product_id] = wanted.get(line.product_id, 0) + line.after
    revised = revise_order(
        conn,
        ordered=ordered,
        wanted={product_id: count for product_id, count in wanted.items() if count},
        window_id=edit.window_id,
        agreed={line.product_id: line.price_minor for line in lines if line.after > line.before},
        now=now,
    )
    if list(revised.lines) != lines or ordered.row.window_id != edit.before_window_id:
        raise EditMeanwhile
    issue_receipts_of(conn, order_id=edit.order_id, now=now)
    apply_edit(conn, ordered=ordered, revised=revised, actor=actor, now=now, random=random)
    applied = (order_edit.c.id == edit.id, order_edit.c.state == EditState.AWAITING_PAYMENT.value)
    conn.execute(update(order_edit).where(*applied).values(state=EditState.APPLIED.value, closed_at=now))


def _give_back(
    conn: Connection, edit: Row[Any], paid: Row[Any], code: str, actor: str, now: datetime, random: RandomBytes
) -> None:
    if EditState(edit.state) is EditState.AWAITING_PAYMENT:
        drop_open_edit(conn, order_id=paid.order_id, reason=code, now=now)
    cause = RefundCause.EDIT_GONE
    decided = refund_payment(conn, payment=paid, cause=cause, actor=actor, now=now, random=random)
    state = OrderState(lock_ordered(conn, order_id=paid.order_id).row.state)
    note(conn, order_id=paid.order_id, state=state, event=EDIT_DROPPED, actor=actor, now=now)
    tell_refund(conn, order_id=paid.order_id, decided=decided, cause=cause, now=now, random=random)


def _actor(ordered: Ordered) -> str:
    return f"person:{ordered.row.person_id}"
