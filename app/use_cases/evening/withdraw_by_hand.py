"""Staff withdraw an order with a reason: nothing of it is handed out any more, and its money goes back.

The money waits for the site's word that no code of the order opens anything; see `withdraw_order`.
"""

from datetime import datetime

from sqlalchemy import Connection

from app.domain.refunding import RefundCause
from app.use_cases.catalogue.record_change import Change, record_changes
from app.use_cases.evening.withdraw_order import withdraw_order
from app.use_cases.site.ask_site import checked_order_reason


def withdraw_by_hand(conn: Connection, *, order_id: str, reason: str, person_id: str, now: datetime) -> None:
    """Withdraw it. Raises NotFound, ReasonNeeded, PersonalWords, or IllegalMove when it is over or under way."""
    reason = checked_order_reason(conn, reason, order_id=order_id)
    withdraw_order(conn, order_id=order_id, cause=RefundCause.STAFF, actor=f"person:{person_id}", now=now)
    change = Change("order", order_id, "withdrawn_for", None, RefundCause.STAFF.value)
    record_changes(conn, [change], person_id=person_id, now=now, reason=reason)
