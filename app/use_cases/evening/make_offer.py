"""Puts a choice to a resident: one question at a time, a newer one takes the place of an older."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, text

from app.db.engine import announce
from app.db.tables import offer
from app.domain.offering import OfferKind, Option
from app.use_cases.site.wire_time import to_wire
from locker_protocol.ids import RandomBytes, new_id, random_bytes

CLOSE = text("UPDATE offer SET closed_at = :now WHERE order_id = :order_id AND closed_at IS NULL")


def make_offer(
    conn: Connection,
    *,
    order_id: str,
    kind: OfferKind,
    options: Sequence[Option],
    answer_by: datetime,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> str:
    """Write an offer and return its id; the order's row is locked. Telling is the caller's."""
    close_offer(conn, order_id=order_id, now=now)
    offer_id = new_id(to_wire(now), random)
    conn.execute(
        insert(offer).values(
            id=offer_id,
            order_id=order_id,
            kind=kind.value,
            options=[option.value for option in options],
            made_at=now,
            answer_by=answer_by,
        )
    )
    announce(conn, f"order:{order_id}")
    return offer_id


def close_offer(conn: Connection, *, order_id: str, now: datetime) -> bool:
    """Let a question rest without an answer. False: none was open."""
    closed = conn.execute(CLOSE, {"order_id": order_id, "now": now}).rowcount > 0
    if closed:
        announce(conn, f"order:{order_id}")
    return closed
