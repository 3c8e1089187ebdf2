"""The moves of an order that is paid, folded: each statement moves, keeps the history and writes what belongs to it.

As in `moves.py`, each asks its state table first, and its UPDATE is guarded by the state that was read: where a row
meanwhile stands elsewhere, somebody else won (MovedMeanwhile) and the transaction goes back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.db.engine import announce
from app.db.moves import MovedMeanwhile
from app.db.statement import Statement, as_json
from app.domain.ledger import Kind, postings
from app.domain.order_state import ORDER_TABLE, OrderEvent, OrderState
from app.domain.parcel_state import PARCEL_TABLE, ParcelEvent, ParcelState
from app.domain.payment_state import PAYMENT_TABLE, PaymentEvent, PaymentState
from app.domain.state_table import step
from app.domain.webhook_event import WebhookKind

# Locks the order's run last, as whoever plans doors does: two orders of a run are planned one after the other, or both
# would find the same door free.
PAY = Statement("""
    WITH captured AS (
        UPDATE payment SET state = :captured, checked_at = :now WHERE id = :payment_id AND state = :open RETURNING id
    ), paid AS (
        UPDATE customer_order o SET state = :paid, version = o.version + 1
        FROM captured WHERE o.id = :order_id AND o.state = :unpaid
        RETURNING o.id, o.run_no, o.window_id, o.low_door
    ), told AS (
        INSERT INTO history (at, order_id, subject, subject_id, from_state, event, to_state, actor)
        SELECT :now, :order_id, 'payment', id, :open, :was_captured, :captured, :actor FROM captured
        UNION ALL SELECT :now, :order_id, 'order', id, :unpaid, :was_paid, :paid, :actor FROM paid
        RETURNING id, subject, order_id
    ), programs AS (
        INSERT INTO webhook_delivery (endpoint_id, event_id, kind, at, next_try_at, facts)
        SELECT e.id, 'move-' || told.id, :telling, :now, :now, jsonb_build_object('order_id', told.order_id)
        FROM told, webhook_endpoint e
        WHERE told.subject = 'order' AND e.ended_at IS NULL AND :telling = ANY(e.kinds)
    ), booked AS (
        INSERT INTO ledger_entry (transaction_id, at, kind, order_id, account, amount_minor, currency)
        SELECT :transaction_id, :now, :kind, :order_id, p.account, p.amount_minor, :currency
        FROM paid, jsonb_to_recordset(:postings) AS p(account text, amount_minor bigint)
    )
    SELECT r.run_no, r.site_id, r.load_from, r.removal_from, paid.window_id, paid.low_door
    FROM paid JOIN load_run r USING (run_no) FOR NO KEY UPDATE OF r
""")

PLAN = Statement("""
    WITH planned AS (
        UPDATE parcel p SET state = :planned, planned_doors = d.doors
        FROM jsonb_to_recordset(:doors) AS d(id text, doors smallint[])
        WHERE p.id = d.id AND p.order_id = :order_id AND p.state = :draft
        RETURNING p.id
    ), told AS (
        INSERT INTO history (at, order_id, subject, subject_id, from_state, event, to_state, actor)
        SELECT :now, :order_id, 'parcel', id, :draft, :event, :planned, :actor FROM planned ORDER BY id
    ), noticed AS (
        INSERT INTO notification (id, person_id, contact, kind, order_id, language, subject, body, facts, made_at,
            next_try_at)
        SELECT id, person_id, contact, kind, order_id, language, subject, body, facts, :now, :now
        FROM jsonb_to_record(:notice) AS n(id text, person_id text, contact text, kind text, order_id text,
            language text, subject text, body text, facts jsonb)
        WHERE contact IS NOT NULL
    ), queued AS (
        INSERT INTO outbox (gateway_id, made_at, entry, order_id)
        SELECT id, :now, :entry, :order_id FROM gateway WHERE site_id = :site_id RETURNING id
    )
    SELECT (SELECT count(*) FROM planned) AS parcels, (SELECT count(*) FROM queued) AS entries
""")


def move_to_paid(conn: Connection, *, payment: Row[Any], order_state: OrderState, now: datetime) -> Row[Any]:
    """A captured payment pays its order and is booked; returns the order's run, locked, for whoever plans its doors.

    `payment` has `id`, `order_id`, `state`, `provider`, amount and currency. Raises IllegalMove or MovedMeanwhile.
    """
    open_, got, was_paid = PaymentState(payment.state), PaymentEvent.CAPTURED, OrderEvent.PAYMENT_CAPTURED
    moved = {
        "open": open_.value,
        "was_captured": got.value,
        "captured": step(PAYMENT_TABLE, open_, got).value,
        "unpaid": order_state.value,
        "was_paid": was_paid.value,
        "paid": step(ORDER_TABLE, order_state, was_paid).value,
        "telling": WebhookKind.ORDER_PAID.value,  # of a payment's and a draft's moves no program is told
    }
    booked = {
        "transaction_id": f"capture-{payment.id}",
        "kind": Kind.CAPTURE.value,
        "currency": payment.currency,
        "postings": as_json(
            [
                {"account": line.account.value, "amount_minor": line.amount_minor}
                for line in postings(Kind.CAPTURE, payment.amount_minor)
            ]
        ),
    }
    of = {"payment_id": payment.id, "order_id": payment.order_id, "actor": f"provider:{payment.provider}", "now": now}
    run: Row[Any] | None = PAY.row(conn, {**moved, **booked, **of})
    if run is None:
        raise MovedMeanwhile
    announce(conn, f"order:{payment.order_id}")
    return run


def move_to_planned(
    conn: Connection,
    *,
    order_id: str,
    site_id: str,
    plan: Mapping[str, Sequence[int]],
    entry: bytes,
    notice: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> None:
    """Parcels of a paid order get their doors; its site (`entry`, as it goes over the wire) and its owner are told.

    Raises IllegalMove or MovedMeanwhile. A site without a gateway is our bug.
    """
    draft, event = ParcelState.DRAFT, ParcelEvent.PAID
    done = PLAN.one(
        conn,
        {
            "order_id": order_id,
            "site_id": site_id,
            "doors": as_json([{"id": parcel_id, "doors": doors} for parcel_id, doors in plan.items()]),
            "draft": draft.value,
            "event": event.value,
            "planned": step(PARCEL_TABLE, draft, event).value,
            "entry": entry,
            "notice": as_json(notice),
            "actor": actor,
            "now": now,
        },
    )
    if done.parcels != len(plan):
        raise MovedMeanwhile
    assert done.entries == 1, f"site {site_id} has no gateway"
    for topic in (f"order:{order_id}", "outbox", "notification"):
        announce(conn, topic)
