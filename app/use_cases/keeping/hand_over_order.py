"""A keeper opens an order's doors for its owner, who has no phone; only after they were looked up together.

Decides which doors may be asked for: those with food of the order that is still good. The site opens them, and its
`ParcelCollected` ends the matter.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.quarantines import KEPT_SHUT, kept_shut
from app.domain.asking_for import LOOK_LIVES, LookOver
from app.domain.errors import DomainError
from app.domain.inspecting import KeptShut
from app.domain.keeping import KeptParcel, NothingToHandOver, may_be_given
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.use_cases.site.ask_site import open_doors
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.vocabulary import Right

LOOK = text("SELECT order_id, site_id, at FROM keeper_look WHERE id = :look_id AND person_id = :person_id")
LOCK_ORDER = text("SELECT id, state, site_id FROM customer_order WHERE id = :order_id FOR UPDATE")
PARCELS = text(f"""
    SELECT p.id, p.state, p.door, p.collect_until, p.keep_until, p.rescued_by, {KEPT_SHUT} AS kept_shut
    FROM parcel p WHERE p.order_id = :order_id
""")  # noqa: S608


def hand_over_order(
    conn: Connection,
    *,
    look_id: str,
    person_id: str,
    reason: str,
    now: datetime,
    random: RandomBytes = random_bytes,
    rate: float = 1,
) -> str:
    """Ask for the doors; returns the command's id. Raises LookOver, KeptShut, NothingToHandOver or ReasonNeeded.

    `rate` is how fast civil time runs (1 outside a demo).
    """
    order = looked_up(conn, look_id=look_id, person_id=person_id, now=now, rate=rate)
    doors = [one.door for one in good_parcels(conn, order, ParcelState.LOADED, now=now)]
    if not doors:
        raise nothing_to_give(conn, order_id=order.id)
    return open_doors(
        conn,
        site_id=order.site_id,
        doors=doors,
        right=Right.HAND_OVER,
        person_id=person_id,
        reason=reason,
        now=now,
        order_id=order.id,
        random=random,
        rate=rate,
    )


def looked_up(conn: Connection, *, look_id: str, person_id: str, now: datetime, rate: float) -> Row[Any]:
    """Lock the order this keeper looked up a moment ago: `id`, `state`, `site_id`. Raises LookOver."""
    look = conn.execute(LOOK, {"look_id": look_id, "person_id": person_id}).one_or_none()
    if look is None or look.order_id is None or now - look.at > LOOK_LIVES * rate:
        raise LookOver
    return conn.execute(LOCK_ORDER, {"order_id": look.order_id}).one()


def good_parcels(conn: Connection, order: Row[Any], state: ParcelState, *, now: datetime) -> list[Row[Any]]:
    """The order's parcels in one state that may be given to its owner now."""
    return [
        row
        for row in conn.execute(PARCELS, {"order_id": order.id})
        if row.state == state and may_be_given(OrderState(order.state), _kept(row), now=now)
    ]


def nothing_to_give(conn: Connection, *, order_id: str) -> DomainError:
    """Why nothing of an order may be given out: it is kept shut for food safety, or there is nothing."""
    return KeptShut() if kept_shut(conn, order_id=order_id) else NothingToHandOver()


def _kept(row: Row[Any]) -> KeptParcel:
    return KeptParcel(
        state=ParcelState(row.state),
        collect_until=row.collect_until,
        keep_until=row.keep_until,
        kept_shut=row.kept_shut,
    )
