"""Nobody answered in time, or the order moved on by itself: the question rests.

Decides what silence means by `domain.offering`: an order that did not come goes with tomorrow's van where it can, else
its money goes back; everything else stays as it is.
"""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, text

from app.db.pages.offers import ASKED_OF
from app.domain.errors import DomainError
from app.domain.offering import IN_SILENCE, OfferKind, Option
from app.domain.order_state import OrderState
from app.settings import Settings
from app.use_cases.evening.make_offer import close_offer
from app.use_cases.evening.take_choice import carry_out
from locker_protocol.ids import RandomBytes, random_bytes

log = structlog.get_logger()

ACTOR = "clock"
DUE = text("""
    SELECT f.id, f.order_id, f.kind, f.options, o.state FROM offer f JOIN customer_order o ON o.id = f.order_id
    WHERE f.closed_at IS NULL AND (
        f.answer_by <= :now OR o.state NOT IN ('paid', 'packed', 'ready')
        OR o.state = 'ready' AND f.kind <> 'not_collected'
    )
    ORDER BY o.id LIMIT 50 FOR UPDATE OF o SKIP LOCKED
""")


def close_offers(conn: Connection, *, now: datetime, settings: Settings, random: RandomBytes = random_bytes) -> int:
    """Close what is due, at most 50, and return how many."""
    due = conn.execute(DUE, {"now": now}).all()
    for row in due:
        kind = OfferKind(row.kind)
        meant = IN_SILENCE[kind] if OrderState(row.state) in ASKED_OF[kind] else ()
        if not any(_done(conn, row, option, now, settings, random) for option in meant if option in row.options):
            close_offer(conn, order_id=row.order_id, now=now)
    return len(due)


def _done(
    conn: Connection, row: Row[Any], option: Option, now: datetime, settings: Settings, random: RandomBytes
) -> bool:
    try:
        with conn.begin_nested():
            carry_out(
                conn,
                offer_id=row.id,
                order_id=row.order_id,
                kind=OfferKind(row.kind),
                option=option,
                actor=ACTOR,
                now=now,
                settings=settings,
                random=random,
            )
    except DomainError as refusal:
        log.info("silence_means_the_next", order_id=row.order_id, option=option.value, reason=refusal.code)
        return False
    return True
