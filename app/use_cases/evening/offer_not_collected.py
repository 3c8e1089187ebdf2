"""The evening ends and somebody's food is still in the locker: they are asked once what shall become of it.

Decides who is asked and what they may choose. Without an answer nothing changes: the code lives while the food is good.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.quarantines import KEPT_SHUT
from app.domain.offering import (
    BEFORE_THE_LAST_WINDOW_CLOSES,
    OfferKind,
    ask_not_collected_from,
    not_collected_options,
)
from app.notify.texts import NoticeKind
from app.settings import Settings
from app.use_cases.evening.make_offer import make_offer
from app.use_cases.telling.tell_order import tell_choice
from locker_protocol.ids import RandomBytes, random_bytes

# Whoever cannot collect because it is kept shut is not asked why they did not.
UNCOLLECTED = text(f"""
    SELECT o.id, s.timezone, lies.ready_at, lies.keeps_until, last.closes_at AS last_closes_at
    FROM customer_order o
    JOIN site s ON s.id = o.site_id
    JOIN LATERAL (SELECT max(closes_at) AS closes_at FROM pickup_window WHERE run_no = o.run_no) last ON true
    JOIN LATERAL (
        SELECT max(p.loaded_at) AS ready_at, min(p.collect_until) AS keeps_until FROM parcel p
        WHERE p.order_id = o.id AND p.state = 'loaded' AND NOT {KEPT_SHUT}
    ) lies ON lies.ready_at IS NOT NULL
    WHERE o.state = 'ready' AND last.closes_at <= :soon AND lies.keeps_until > :now
        AND NOT EXISTS (SELECT FROM offer f WHERE f.order_id = o.id AND f.kind = 'not_collected')
    ORDER BY o.id LIMIT 200 FOR UPDATE OF o SKIP LOCKED
""")  # noqa: S608  texts of ours


def offer_not_collected(
    conn: Connection, *, now: datetime, settings: Settings, random: RandomBytes = random_bytes
) -> int:
    """Ask whoever is due, at most 200, and return how many."""
    rows = conn.execute(UNCOLLECTED, {"now": now, "soon": now + BEFORE_THE_LAST_WINDOW_CLOSES}).all()
    due = [
        row for row in rows if ask_not_collected_from(last_closes_at=row.last_closes_at, ready_at=row.ready_at) <= now
    ]
    for row in due:
        _ask(conn, row, now, settings, random)
    return len(due)


def _ask(conn: Connection, row: Row[Any], now: datetime, settings: Settings, random: RandomBytes) -> None:
    options = not_collected_options(
        keeps_until=row.keeps_until, last_closes_at=row.last_closes_at, timezone=row.timezone
    )
    offer_id = make_offer(
        conn,
        order_id=row.id,
        kind=OfferKind.NOT_COLLECTED,
        options=options,
        answer_by=row.keeps_until,
        now=now,
        random=random,
    )
    tell_choice(
        conn,
        order_id=row.id,
        kind=NoticeKind.NOT_COLLECTED,
        until=row.keeps_until,
        now=now,
        settings=settings,
        offer_id=offer_id,
        random=random,
    )
