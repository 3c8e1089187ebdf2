"""Nothing of a paid order shall be handed out any more; the money goes back once its site has said so.

`withdraw_order` ends the code and tells the site; `close_withdrawn` follows the site's word, or that of staff who
looked. Decides how the order ends: collected if any parcel was, else refunded. Parcels that lie in a locker stay there
until a visit takes them out.
"""

from datetime import datetime

from sqlalchemy import Connection, text, update

from app.db.holds import give_back
from app.db.moves import move_order, move_parcels
from app.db.outbox import put_entry
from app.db.tables import credential
from app.domain.errors import NotFound
from app.domain.order_state import OrderEvent, OrderState
from app.domain.parcel_state import ParcelEvent, ParcelState
from app.domain.refunding import RefundCause
from app.use_cases.collecting.end_order import end_order
from locker_protocol.ids import RandomBytes, random_bytes
from locker_protocol.site_entries import CancelOrder

LOCK = text("""
    SELECT o.id, o.state, o.site_id, o.withdrawn_for, r.order_by FROM customer_order o JOIN load_run r USING (run_no)
    WHERE o.id = :order_id FOR UPDATE OF o
""")
WAITING = text("SELECT id, state FROM parcel WHERE order_id = :order_id AND state IN ('planned', 'packed')")
CLOSE_OFFER = text("UPDATE offer SET closed_at = :now WHERE order_id = :order_id AND closed_at IS NULL")


def withdraw_order(conn: Connection, *, order_id: str, cause: RefundCause, actor: str, now: datetime) -> None:
    """Stop handing out. Raises NotFound, or IllegalMove when it is over already or under way."""
    order = conn.execute(LOCK, {"order_id": order_id}).one_or_none()
    if order is None:
        raise NotFound
    move_order(
        conn,
        order_id=order_id,
        state=OrderState(order.state),
        event=OrderEvent.WITHDRAWN,
        actor=actor,
        now=now,
        values={"withdrawn_for": cause.value},
    )
    live = (credential.c.order_id == order_id, credential.c.ended_at.is_(None))
    conn.execute(update(credential).where(*live).values(ended_at=now))
    conn.execute(CLOSE_OFFER, {"order_id": order_id, "now": now})
    if OrderState(order.state) is OrderState.PAID and now < order.order_by:
        give_back(conn, order_ids=[order_id])
    put_entry(conn, site_id=order.site_id, entry=CancelOrder(order_id=order_id), order_id=order_id, now=now)


def close_withdrawn(
    conn: Connection, *, order_id: str, site_id: str, actor: str, now: datetime, random: RandomBytes = random_bytes
) -> bool:
    """End a withdrawn order. False: it is not (or no longer) withdrawn at this site, and nothing changed."""
    order = conn.execute(LOCK, {"order_id": order_id}).one_or_none()
    if order is None or order.site_id != site_id or OrderState(order.state) is not OrderState.EXPIRING:
        return False
    by_state: dict[ParcelState, list[str]] = {}
    for row in conn.execute(WAITING, {"order_id": order_id}):
        by_state.setdefault(ParcelState(row.state), []).append(row.id)
    for state, parcels in by_state.items():
        move_parcels(
            conn,
            order_id=order_id,
            parcel_ids=parcels,
            state=state,
            event=ParcelEvent.CANCELLED,
            actor=actor,
            now=now,
        )
    end_order(
        conn,
        order_id=order_id,
        state=OrderState.EXPIRING,
        cause=RefundCause(order.withdrawn_for),
        actor=actor,
        now=now,
        random=random,
    )
    return True
