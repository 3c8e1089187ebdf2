"""A visit left bags behind, for want of doors or because one broke: their owners are asked what to do with them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from app.domain.offering import OfferKind
from app.domain.order_state import OrderState
from app.domain.replanning import MOVABLE
from app.settings import Settings
from app.use_cases.evening.offer_another_way import offer_another_way
from locker_protocol.ids import RandomBytes, random_bytes

# In the order of their ids, as everybody locks orders; those that were asked and have not answered are left alone.
LEFT_BEHIND = text("""
    SELECT o.id, o.state FROM customer_order o
    WHERE o.id = ANY(:orders) AND EXISTS (
        SELECT FROM parcel p WHERE p.order_id = o.id AND p.state IN ('planned', 'packed')
    ) AND NOT EXISTS (
        SELECT FROM offer f WHERE f.order_id = o.id AND f.closed_at IS NULL AND f.kind IN ('not_loaded', 'called_off')
    )
    ORDER BY o.id FOR UPDATE OF o
""")


def offer_not_loaded(
    conn: Connection,
    *,
    order_ids: Sequence[str],
    actor: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes = random_bytes,
) -> int:
    """Ask the owners of these orders, as far as bags of them lie in no locker; returns how many were asked or refunded.

    Orders that are over, withdrawn, whole in the locker or asked already are left alone, so it may be called twice.
    """
    orders = conn.execute(LEFT_BEHIND, {"orders": list(order_ids)}).all()
    left = [row.id for row in orders if OrderState(row.state) in MOVABLE]
    for order_id in left:
        offer_another_way(
            conn,
            order_id=order_id,
            kind=OfferKind.NOT_LOADED,
            actor=actor,
            now=now,
            settings=settings,
            random=random,
        )
    return len(left)
