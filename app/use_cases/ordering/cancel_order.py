"""An order's owner no longer wants what they paid for: it is withdrawn, and what its page showed comes back.

Until the cut-off that is everything; afterwards its site's policy says (`domain.cancelling`). The money waits for the
site's word like that of every withdrawn order; what was promised is kept and decides how much it then is.
"""

from datetime import datetime

from sqlalchemy import Connection, insert, text

from app.db.pages.cancelling import cancel_page
from app.db.tables import order_cancellation
from app.domain.cancelling import CancelTermsChanged, TooLateToCancel
from app.domain.errors import NotFound
from app.domain.refunding import RefundCause
from app.use_cases.evening.withdraw_order import withdraw_order
from app.use_cases.ordering.drop_edit import drop_open_edit

CANCELLED = "cancelled"

LOCK = text("SELECT 1 FROM customer_order WHERE id = :order_id FOR UPDATE")


def cancel_order(conn: Connection, *, order_id: str, person_id: str, shown_minor: int, now: datetime) -> None:
    """Cancel it, if as much comes back as was shown.

    Raises NotFound, NotToBeCancelled, TooLateToCancel or CancelTermsChanged.
    """
    conn.execute(LOCK, {"order_id": order_id})
    page = cancel_page(conn, order_id=order_id, person_id=person_id, now=now)
    if page is None:
        raise NotFound(what="order")
    if page.percent == 0:
        raise TooLateToCancel
    if page.back_minor != shown_minor:
        raise CancelTermsChanged
    drop_open_edit(conn, order_id=order_id, reason=CANCELLED, now=now)
    conn.execute(
        insert(order_cancellation).values(
            order_id=order_id,
            asked_at=now,
            stage=page.stage.value,
            percent=page.percent,
            lines={str(line_no): minor for line_no, minor in page.back.items()},
        )
    )
    withdraw_order(conn, order_id=order_id, cause=RefundCause.GIVEN_UP, actor=f"person:{person_id}", now=now)
