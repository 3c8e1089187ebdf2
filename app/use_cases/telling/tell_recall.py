"""Tells an order's owner that something in it is recalled: what, not to eat it, and what happens with the rest."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.domain.recalling import RecallStep
from app.notify.texts import RECALL_BACK, RECALL_STEPS, NoticeKind
from app.use_cases.money.decide_refund import Decided
from app.use_cases.telling.tell_order import load_order, money_words, queue_for
from locker_protocol.ids import RandomBytes, random_bytes


def tell_recall(
    conn: Connection,
    *,
    order_id: str,
    products: Sequence[Row[Any]],
    lot_code: str,
    found: Collection[RecallStep],
    decided: Decided | None,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Queue the notice; `products` have `name_zh` and `name_en`, `decided` is `None` when all had gone back before."""
    order = load_order(conn, order_id=order_id)
    language = order.language
    names = dict.fromkeys(row.name_zh if language == "zh" else row.name_en for row in products)
    facts = {
        "order_no": order.order_no,
        "names": ("、" if language == "zh" else ", ").join(names),
        "lot": lot_code,
        "what": "".join(RECALL_STEPS[step, language] for step in sorted(found) if (step, language) in RECALL_STEPS),
        "back": ""
        if decided is None
        else RECALL_BACK[language].format(
            amount=money_words(decided.amount_minor, order.currency), refund_no=decided.refund_no
        ),
    }
    queue_for(conn, order, order_id, NoticeKind.RECALLED, facts, now, random)
