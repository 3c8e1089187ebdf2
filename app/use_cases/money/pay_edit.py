"""An order's owner goes to pay what a change costs more. The intent was written with the change; its id is the key."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from app.db.engine import transaction
from app.domain.edit_state import EditState
from app.domain.editing import EditClosed
from app.domain.errors import NotFound
from app.domain.holding import NotToBePaid
from app.payments.provider import PaymentProvider
from app.use_cases.money.start_payment import keep_reference

EDIT = text("""
    SELECT e.state, e.payment_id, p.state AS payment_state, p.amount_minor, p.currency, o.order_no,
        least(r.order_by, r.called_off_at) AS order_by
    FROM order_edit e JOIN customer_order o ON o.id = e.order_id JOIN load_run r USING (run_no)
    LEFT JOIN payment p ON p.id = e.payment_id
    WHERE e.id = :edit_id AND o.id = :order_id AND o.person_id = :person_id
""")


def pay_edit(
    engine: Engine,
    provider: PaymentProvider,
    *,
    order_id: str,
    edit_id: str,
    person_id: str,
    return_url: str,
    now: datetime,
) -> str:
    """Return the address where one pays. Raises NotFound, NotToBePaid, EditClosed, or the provider's Unavailable."""
    with transaction(engine) as conn:
        edit = _payable(conn, order_id, edit_id, person_id, now)
    started = provider.start(
        idempotency_key=edit.payment_id,
        amount_minor=edit.amount_minor,
        currency=edit.currency,
        description=edit.order_no,
        return_url=return_url,
    )
    with transaction(engine) as conn:
        keep_reference(conn, payment_id=edit.payment_id, provider_ref=started.ref)
    return started.pay_url


def _payable(conn: Connection, order_id: str, edit_id: str, person_id: str, now: datetime) -> Row[Any]:
    asked = {"edit_id": edit_id, "order_id": order_id, "person_id": person_id}
    edit = conn.execute(EDIT, asked).one_or_none()
    if edit is None:
        raise NotFound(what="edit")
    if EditState(edit.state) is not EditState.AWAITING_PAYMENT or edit.payment_state != "open":
        raise NotToBePaid(state=edit.state)
    if now >= edit.order_by:
        raise EditClosed(order_by=edit.order_by.isoformat())
    return edit
