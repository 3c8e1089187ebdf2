"""Tells an order's owner what became of a claim: how much goes back, or why nothing does."""

from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from app.domain.claims import RefusalAnswer
from app.notify.texts import CLAIM_ANSWERS, NoticeKind
from app.use_cases.telling.tell_order import Amount, load_order, money_words, queue_for
from locker_protocol.ids import RandomBytes, random_bytes


class Named(Protocol):
    """A product by its two names."""

    @property
    def name_zh(self) -> str: ...

    @property
    def name_en(self) -> str: ...


def tell_claim_granted(
    conn: Connection,
    *,
    order_id: str,
    item: Named,
    decided: Amount,
    now: datetime,
    first: bool = False,
    random: RandomBytes = random_bytes,
) -> None:
    """Queue the notice that a claim gives money back; `first`: before its household said anything."""
    order = load_order(conn, order_id=order_id)
    facts = {
        "order_no": order.order_no,
        "item": _name(item, order.language),
        "amount": money_words(decided.amount_minor, order.currency),
        "refund_no": decided.refund_no,
    }
    kind = NoticeKind.CLAIM_FIRST if first else NoticeKind.CLAIM_GRANTED
    queue_for(conn, order, order_id, kind, facts, now, random)


def tell_claim_refused(
    conn: Connection,
    *,
    order_id: str,
    item: Named,
    answer: RefusalAnswer,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Queue the notice that a claim was refused, and why."""
    order = load_order(conn, order_id=order_id)
    facts = {
        "order_no": order.order_no,
        "item": _name(item, order.language),
        "why": CLAIM_ANSWERS[answer, order.language],
    }
    queue_for(conn, order, order_id, NoticeKind.CLAIM_REFUSED, facts, now, random)


def _name(item: Named, language: str) -> str:
    return item.name_zh if language == "zh" else item.name_en
