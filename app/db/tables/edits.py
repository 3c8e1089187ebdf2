"""Changes of paid orders by their owners: edits until the cut-off, and cancellations by their site's policy."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, metadata, one_of
from app.domain.cancelling import Stage
from app.domain.edit_state import EditState

# A wish to change an order. One that costs more waits for its payment and holds nothing meanwhile.
order_edit = Table(
    "order_edit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("key", Text, nullable=False),  # of the form it was sent with: twice sent is once done
    Column("state", Text, nullable=False),
    Column("window_id", ForeignKey("pickup_window.id"), nullable=False),
    Column("before_window_id", ForeignKey("pickup_window.id"), nullable=False),
    Column("difference_minor", BigInteger, nullable=False),  # above zero it is paid for, below it goes back
    Column("payment_id", ForeignKey("payment.id"), unique=True),
    Column("refund_id", ForeignKey("refund.id"), unique=True),
    Column("made_at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("dropped_for", Text),  # a refusal's code
    one_of("state", EditState),
    UniqueConstraint("order_id", "key"),
    CheckConstraint("(state = 'awaiting_payment') = (closed_at IS NULL)", name="closed"),
    CheckConstraint("(state = 'dropped') = (dropped_for IS NOT NULL)", name="dropped"),
    Index("uq_order_edit_open", "order_id", unique=True, postgresql_where=text("state = 'awaiting_payment'")),
)

# A product at one price, before and after; lines that stay as they are, too.
order_edit_line = Table(
    "order_edit_line",
    metadata,
    Column("edit_id", ForeignKey("order_edit.id"), primary_key=True),
    Column("product_id", ForeignKey("product.id"), primary_key=True),
    Column("price_minor", BigInteger, primary_key=True, autoincrement=False),
    Column("before", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    CheckConstraint("before >= 0 AND after >= 0 AND before + after > 0", name="counts"),
)

# How much comes back by stage; a site without a row gives all of it.
cancel_policy = Table(
    "cancel_policy",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True),
    Column("closed_percent", SmallInteger, nullable=False),
    Column("packed_percent", SmallInteger, nullable=False),
    Column("ready_percent", SmallInteger, nullable=False),
    CheckConstraint(
        "closed_percent BETWEEN 0 AND 100 AND packed_percent BETWEEN 0 AND 100 AND ready_percent BETWEEN 0 AND 100",
        name="percents",
    ),
)

# An order its owner cancelled: what was promised to come back, by line number.
order_cancellation = Table(
    "order_cancellation",
    metadata,
    Column("order_id", ForeignKey("customer_order.id"), primary_key=True),
    Column("asked_at", TIME, nullable=False),
    Column("stage", Text, nullable=False),
    Column("percent", SmallInteger, nullable=False),
    Column("lines", JSONB, nullable=False),
    one_of("stage", Stage),
)
