"""An order's receipts, for its owner. Reads only; what stands on one was written when it was issued."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

OF_ORDER = text("""
    SELECT r.site_id, r.number, r.gross_minor, r.currency, r.issued_at, s.site_no FROM receipt r
    JOIN site s ON s.id = r.site_id WHERE r.order_id = :order_id ORDER BY r.issued_at, r.number
""")
ONE = text("""
    SELECT r.*, o.order_no, s.site_no, s.name_zh, s.name_en, s.address_zh, s.address_en, s.timezone
    FROM receipt r JOIN customer_order o ON o.id = r.order_id JOIN site s ON s.id = r.site_id
    WHERE r.order_id = :order_id AND r.number = :number AND o.person_id = :person_id
""")


def receipts_of(conn: Connection, *, order_id: str) -> Sequence[Row[Any]]:
    """An order's receipts in the order in which they were issued."""
    return conn.execute(OF_ORDER, {"order_id": order_id}).all()


def one_receipt(conn: Connection, *, order_id: str, number: int, person_id: str) -> Row[Any] | None:
    """One receipt of a person's order."""
    return conn.execute(ONE, {"order_id": order_id, "number": number, "person_id": person_id}).one_or_none()
