"""A resident chose what shall become of an order that does not come, or that they cannot collect.

Decides once: whoever is second is told that it was answered. What is chosen is possible or refused with what is left;
then the offer stays open. `carry_out` serves silence, too.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from app.db.engine import announce
from app.db.pages.offers import offer_page, ways_out
from app.domain.errors import DomainError, NotFound
from app.domain.offering import MOVES, ChoiceGone, ChoiceOver, OfferKind, Option
from app.domain.refunding import RefundCause
from app.settings import Settings
from app.use_cases.evening.offer_another_way import give_back_missing
from app.use_cases.evening.withdraw_order import withdraw_order
from app.use_cases.planning.replan_order import replan_order
from locker_protocol.ids import RandomBytes, random_bytes

# The order's row first, as everywhere.
LOCK = text("""
    SELECT o.id FROM customer_order o WHERE o.id = (SELECT order_id FROM offer WHERE id = :offer_id) FOR UPDATE
""")
ANSWER = text("UPDATE offer SET chosen = :chosen, closed_at = :now WHERE id = :offer_id AND closed_at IS NULL")


def take_choice(
    conn: Connection,
    *,
    offer_id: str,
    choice: str,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> Option:
    """Do what was chosen. Raises NotFound, ChoiceOver or ChoiceGone; roll back then."""
    if conn.execute(LOCK, {"offer_id": offer_id}).one_or_none() is None:
        raise NotFound(what="offer")
    page = offer_page(conn, offer_id=offer_id, now=now)
    assert page is not None, "its order was found by it"
    if not page.is_open:
        raise ChoiceOver
    option = next((option for option in page.options if option.value == choice), None)
    if option is None:
        raise ChoiceGone
    carry_out(
        conn,
        offer_id=offer_id,
        order_id=page.offer.order_id,
        kind=OfferKind(page.offer.kind),
        option=option,
        actor=actor,
        now=now,
        settings=settings,
        random=random,
    )
    return option


def carry_out(
    conn: Connection,
    *,
    offer_id: str,
    order_id: str,
    kind: OfferKind,
    option: Option,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> None:
    """Write the answer and do it; the order's row is locked. Raises ChoiceGone; roll back then."""
    conn.execute(ANSWER, {"offer_id": offer_id, "chosen": option.value, "now": now})
    announce(conn, f"order:{order_id}")
    if option in MOVES:
        _move(conn, order_id, option, actor, now, settings, random)
    elif option is Option.REFUND and kind is OfferKind.NOT_COLLECTED:
        withdraw_order(conn, order_id=order_id, cause=RefundCause.GIVEN_UP, actor=actor, now=now)
    elif option is Option.REFUND:
        give_back_missing(conn, order_id=order_id, actor=actor, now=now, settings=settings, random=random)


def _move(
    conn: Connection,
    order_id: str,
    option: Option,
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes,
) -> None:
    """Move to the first window that can still be had: others may take places at the same moment."""
    for way in ways_out(conn, order_id=order_id, now=now).get(option, ()):
        try:
            with conn.begin_nested():
                replan_order(
                    conn,
                    order_id=order_id,
                    run_no=way.run_no,
                    window_id=way.window_id,
                    actor=actor,
                    now=now,
                    settings=settings,
                    random=random,
                )
        except DomainError:
            continue
        return
    raise ChoiceGone
