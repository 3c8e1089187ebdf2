"""Tells an order's owner that a door of theirs is kept shut for food safety, and when it opens again."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.notify.texts import COLD_CAUSES, NoticeKind
from app.use_cases.telling.tell_order import load_order, moment_words, queue_for
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.vocabulary import ColdCause


def tell_kept_shut(
    conn: Connection, quarantine: Row[Any], *, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """Queue the notice; `quarantine` is its row. It promises a look, and money only for what cannot be eaten."""
    order = load_order(conn, order_id=quarantine.order_id)
    facts = {
        "order_no": order.order_no,
        "door": str(quarantine.door),
        "why": COLD_CAUSES[ColdCause(quarantine.cause), order.language],
        "until": moment_words(quarantine.due_at, order, now),
    }
    queue_for(conn, order, quarantine.order_id, NoticeKind.KEPT_SHUT, facts, now, random)


def tell_kept_shut_no_more(
    conn: Connection, *, order_id: str, door: int, now: datetime, random: RandomBytes = random_bytes
) -> None:
    """Queue the notice that it can be collected after all."""
    order = load_order(conn, order_id=order_id)
    facts = {"order_no": order.order_no, "door": str(door)}
    queue_for(conn, order, order_id, NoticeKind.KEPT_SHUT_NO_MORE, facts, now, random)
