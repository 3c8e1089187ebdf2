"""Asks the owner of an order that did not come what shall become of it; where only the money is left, it goes back.

Serves runs that are called off and visits that left bags behind. Decides what is offered, by what is possible now.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.moves import note
from app.db.pages.offers import next_visit, partly_loaded, ways_out
from app.domain.offering import OfferKind, Option, answer_by, in_order
from app.domain.order_state import OrderState
from app.domain.refunding import RefundCause
from app.notify.texts import NoticeKind
from app.settings import Settings
from app.use_cases.evening.cancel_missing import cancel_missing
from app.use_cases.evening.make_offer import make_offer
from app.use_cases.evening.withdraw_order import withdraw_order
from app.use_cases.telling.tell_order import tell_choice
from locker_protocol.ids import RandomBytes, random_bytes

NOTICES = {OfferKind.CALLED_OFF: NoticeKind.CALLED_OFF, OfferKind.NOT_LOADED: NoticeKind.NOT_LOADED}
ORDER = text("""
    SELECT o.state, (SELECT min(w.opens_at) FROM pickup_window w WHERE w.run_no = o.run_no) AS first_opens_at
    FROM customer_order o WHERE o.id = :order_id
""")


def offer_another_way(
    conn: Connection,
    *,
    order_id: str,
    kind: OfferKind,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Ask, or refund at once what can be brought no other way. The order's row is locked; it is paid or packed."""
    order = conn.execute(ORDER, {"order_id": order_id}).one()
    note(conn, order_id=order_id, state=OrderState(order.state), event=kind.value, actor=actor, now=now)
    options = _options(conn, order_id, now)
    if options == (Option.REFUND,):
        give_back_missing(conn, order_id=order_id, actor=actor, now=now, settings=settings, random=random)
        return
    until = answer_by(first_opens_at=order.first_opens_at, now=now)
    offer_id = make_offer(conn, order_id=order_id, kind=kind, options=options, answer_by=until, now=now, random=random)
    tell_choice(
        conn,
        order_id=order_id,
        kind=NOTICES[kind],
        until=until,
        now=now,
        settings=settings,
        offer_id=offer_id,
        random=random,
    )


def give_back_missing(
    conn: Connection, *, order_id: str, actor: str, now: datetime, settings: Settings, random: RandomBytes
) -> None:
    """Refund the bags that never came; all of the order where none of it did."""
    cause = RefundCause.NOT_BROUGHT
    if partly_loaded(conn, order_id=order_id):
        cancel_missing(conn, order_id=order_id, cause=cause, actor=actor, now=now, settings=settings, random=random)
    else:
        withdraw_order(conn, order_id=order_id, cause=cause, actor=actor, now=now)


def _options(conn: Connection, order_id: str, now: datetime) -> tuple[Option, ...]:
    found = {Option.REFUND, *ways_out(conn, order_id=order_id, now=now)}
    if partly_loaded(conn, order_id=order_id) and next_visit(conn, order_id=order_id, now=now) is not None:
        found.add(Option.WAIT)
    return in_order(found)
