"""Every payment of an order gets a receipt, and every refund that was done a negative one, numbered by site.

Decides which are due and what stands on them; a receipt is never changed. A number is drawn under the lock of its
site's counter, in the transaction that writes the receipt, so none is missing. A payment that went back whole (too
late, twice, for a change that was gone) sold nothing and gets none. What an order was when it was paid stands on its
first receipt: whoever changes its lines has it issued before. A payment that is not for its lines is a fault of ours:
it gets no receipt, and the audit says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, RowMapping, insert, text

from app.db.engine import announce, transaction
from app.db.tables import receipt
from app.domain.receipts import ReceiptLine, TaxRate, tax_rows
from app.domain.refunding import NOT_OF_THE_ORDER

log = structlog.get_logger()

BATCH = 100

DUE = text("""
    SELECT order_id FROM payment WHERE state = 'captured' AND NOT receipted
    UNION SELECT order_id FROM refund WHERE done_at IS NOT NULL AND NOT receipted
    ORDER BY 1 LIMIT :batch
""")
LOCK_ORDER = text("SELECT id, site_id, currency FROM customer_order WHERE id = :order_id FOR UPDATE")
PAYMENTS = text("""
    SELECT p.id, p.amount_minor, e.id AS edit_id, EXISTS (
        SELECT FROM refund r WHERE r.payment_id = p.id AND r.cause = ANY(:not_of_the_order)
    ) AS foreign_to_it
    FROM payment p LEFT JOIN order_edit e ON e.payment_id = p.id
    WHERE p.order_id = :order_id AND p.state = 'captured' AND NOT p.receipted
    ORDER BY e.id IS NOT NULL, p.made_at, p.id
""")
# A refund of an edit that several payments give back is one decision: it waits until all of its parts are done.
REFUNDS = text("""
    SELECT r.id, e.id AS edit_id, r.cause = ANY(:not_of_the_order) AS foreign_to_it,
        r.cause = 'edited' AND e.id IS NULL AS part_of_another
    FROM refund r LEFT JOIN order_edit e ON e.refund_id = r.id
    WHERE r.order_id = :order_id AND r.done_at IS NOT NULL AND NOT r.receipted AND NOT EXISTS (
        SELECT FROM refund other WHERE r.cause = 'edited' AND other.order_id = r.order_id AND other.done_at IS NULL
            AND split_part(other.cause_key, '#', 1) = split_part(r.cause_key, '#', 1)
    ) ORDER BY r.decided_at, r.id
""")
PAYMENT_JUDGED = text("UPDATE payment SET receipted = true WHERE id = :id")
REFUND_JUDGED = text("UPDATE refund SET receipted = true WHERE id = :id")
ORDER_LINES = text("""
    SELECT p.id AS product_id, p.name_zh, p.name_en, p.tax_code, l.price_minor,
        sum(l.quantity)::int AS quantity, sum(l.line_minor)::bigint AS gross_minor
    FROM order_line l JOIN product p ON p.id = l.product_id WHERE l.order_id = :order_id
    GROUP BY p.id, l.price_minor ORDER BY min(l.line_no)
""")
EDIT_LINES = text("""
    SELECT p.id AS product_id, p.name_zh, p.name_en, p.tax_code, l.price_minor, l.after - l.before AS quantity,
        (l.after - l.before) * l.price_minor AS gross_minor
    FROM order_edit_line l JOIN product p ON p.id = l.product_id
    WHERE l.edit_id = :edit_id AND l.after <> l.before ORDER BY p.id, l.price_minor
""")
REFUND_LINES = text("""
    SELECT p.id AS product_id, p.name_zh, p.name_en, p.tax_code, NULL::bigint AS price_minor, NULL::int AS quantity,
        -sum(r.amount_minor)::bigint AS gross_minor
    FROM refund_line r JOIN order_line l USING (order_id, line_no) JOIN product p ON p.id = l.product_id
    WHERE r.refund_id = :refund_id GROUP BY p.id ORDER BY min(l.line_no)
""")
EARLIER = text("SELECT site_id, number, lines, taxes FROM receipt WHERE order_id = :order_id ORDER BY number")
RATES = text("SELECT tax_code, rate_bp, name_zh, name_en FROM tax_rate WHERE site_id = :site_id")
NUMBER = text("""
    INSERT INTO receipt_counter (site_id, last_no) VALUES (:site_id, 1)
    ON CONFLICT (site_id) DO UPDATE SET last_no = receipt_counter.last_no + 1 RETURNING last_no
""")


def issue_receipts(engine: Engine, *, now: datetime) -> int:
    """Issue what is due, an order a transaction; returns how many were issued."""
    with transaction(engine) as conn:
        orders = conn.execute(DUE, {"batch": BATCH}).scalars().all()
    issued = 0
    for order_id in orders:
        with transaction(engine) as conn:
            issued += issue_receipts_of(conn, order_id=order_id, now=now)
    return issued


def issue_receipts_of(conn: Connection, *, order_id: str, now: datetime) -> int:
    """Issue what is due of one order, and lock it; returns how many were issued."""
    order = conn.execute(LOCK_ORDER, {"order_id": order_id}).one()
    asked = {"order_id": order_id, "not_of_the_order": sorted(NOT_OF_THE_ORDER)}
    issued = 0
    for paid in conn.execute(PAYMENTS, asked).all():
        conn.execute(PAYMENT_JUDGED, {"id": paid.id})
        if not paid.foreign_to_it and (rows := _sold(conn, order_id, paid)):
            _issue(conn, order, rows, now, payment_id=paid.id)
            issued += 1
    for back in conn.execute(REFUNDS, asked).all():
        conn.execute(REFUND_JUDGED, {"id": back.id})
        if not back.foreign_to_it and not back.part_of_another and (rows := _given_back(conn, back)):
            _issue(conn, order, rows, now, refund_id=back.id)
            issued += 1
    if issued:
        announce(conn, f"order:{order_id}")
    return issued


def _sold(conn: Connection, order_id: str, paid: Row[Any]) -> Sequence[Row[Any]]:
    if paid.edit_id is None:
        rows = conn.execute(ORDER_LINES, {"order_id": order_id}).all()
    else:
        rows = conn.execute(EDIT_LINES, {"edit_id": paid.edit_id}).all()
    if sum(row.gross_minor for row in rows) != paid.amount_minor:
        log.error("receipt_does_not_add_up", order_id=order_id, payment=paid.id)
        return ()
    return rows


def _given_back(conn: Connection, back: Row[Any]) -> Sequence[Row[Any]]:
    if back.edit_id is None:
        return conn.execute(REFUND_LINES, {"refund_id": back.id}).all()
    return conn.execute(EDIT_LINES, {"edit_id": back.edit_id}).all()


def _issue(
    conn: Connection,
    order: Row[Any],
    rows: Sequence[Row[Any]],
    now: datetime,
    *,
    payment_id: str | None = None,
    refund_id: str | None = None,
) -> None:
    earlier = conn.execute(EARLIER, {"order_id": order.id}).all()
    site_id = earlier[0].site_id if earlier else order.site_id
    codes = {line["product_id"]: line["tax_code"] for one in earlier for line in one.lines}
    lines = [_line(row, codes) for row in rows]
    taxes = tax_rows(lines, _rates(conn, site_id, earlier))
    conn.execute(
        insert(receipt).values(
            site_id=site_id,
            number=conn.execute(NUMBER, {"site_id": site_id}).scalar_one(),
            order_id=order.id,
            payment_id=payment_id,
            refund_id=refund_id,
            refers_to=earlier[0].number if refund_id and earlier else None,
            issued_at=now,
            currency=order.currency,
            gross_minor=sum(line.gross_minor for line in lines),
            tax_minor=sum(row.tax_minor for row in taxes),
            lines=[asdict(line) for line in lines],
            taxes=[asdict(row) for row in taxes],
        )
    )


def _line(row: Row[Any], codes: Mapping[str, str]) -> ReceiptLine:
    """A product keeps the tax code under which the order's receipts named it first."""
    return ReceiptLine(
        product_id=row.product_id,
        name_zh=row.name_zh,
        name_en=row.name_en,
        quantity=row.quantity,
        price_minor=row.price_minor,
        gross_minor=row.gross_minor,
        tax_code=codes.get(row.product_id, row.tax_code),
    )


def _rates(conn: Connection, site_id: str, earlier: Sequence[Row[Any]]) -> Mapping[str, TaxRate]:
    """Today's rates, and for what was sold already those it was sold with."""
    rates = {row.tax_code: _rate(row) for row in conn.execute(RATES, {"site_id": site_id}).mappings()}
    return rates | {row["tax_code"]: _rate(row) for one in earlier for row in one.taxes}


def _rate(row: RowMapping | Mapping[str, Any]) -> TaxRate:
    return TaxRate(**{name: row[name] for name in ("tax_code", "rate_bp", "name_zh", "name_en")})
