"""Receipts: numbered by site without a gap, never changed, and the tax rates they are made with."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, metadata

tax_rate = Table(
    "tax_rate",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True),
    Column("tax_code", Text, primary_key=True),  # as products name it; one without a row is not taxed
    Column("rate_bp", Integer, nullable=False),  # hundredths of a percent
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    CheckConstraint("rate_bp BETWEEN 0 AND 10000", name="rate"),
)

# The last number given at a site. Its row is locked until the receipt is committed: hence no gap.
receipt_counter = Table(
    "receipt_counter",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True),
    Column("last_no", Integer, nullable=False),
)

# One for each payment of an order, and a negative one for each refund that was done. Insert-only.
receipt = Table(
    "receipt",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False),
    Column("payment_id", ForeignKey("payment.id"), unique=True),
    Column("refund_id", ForeignKey("refund.id"), unique=True),
    Column("refers_to", Integer),  # of a negative one: the order's first
    Column("issued_at", TIME, nullable=False),
    Column("currency", Text, nullable=False),
    Column("gross_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    Column("lines", JSONB, nullable=False),  # product, names in both languages, quantity, price, gross, tax code
    Column("taxes", JSONB, nullable=False),  # a row a tax code: names, rate_bp, net, tax, gross
    ForeignKeyConstraint(["site_id", "refers_to"], ["receipt.site_id", "receipt.number"]),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("(payment_id IS NULL) <> (refund_id IS NULL)", name="for_one"),
    CheckConstraint("(gross_minor > 0) = (payment_id IS NOT NULL)", name="sign"),
    Index("ix_receipt_order", "order_id"),
)
