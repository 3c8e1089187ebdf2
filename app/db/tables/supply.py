"""Where the goods come from: suppliers, the lots they bring, what of a lot went into which line, and recalls."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.db.tables.columns import TIME, metadata, one_of
from app.domain.lot_state import LotState

supplier = Table(
    "supplier",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("contact", Text, nullable=False, server_default=""),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("margin_percent", SmallInteger, nullable=False, server_default="0"),  # ordered beyond what people ordered
    UniqueConstraint("name_zh"),
    CheckConstraint("margin_percent BETWEEN 0 AND 100", name="margin"),
)

# `taken` counts what `line_lot` has of it, so that two pickers never take the last piece twice.
lot = Table(
    "lot",
    metadata,
    Column("id", Text, primary_key=True),
    Column("product_id", ForeignKey("product.id"), nullable=False),
    Column("supplier_id", ForeignKey("supplier.id"), index=True),
    Column("code", Text, nullable=False),  # as printed on the crate
    Column("state", Text, nullable=False, server_default=LotState.OPEN.value),
    Column("origin_zh", Text, nullable=False),
    Column("origin_en", Text, nullable=False),
    Column("grower", Text, nullable=False, server_default=""),
    Column("harvested_at", TIME),
    Column("certificate", Text, nullable=False, server_default=""),
    Column("expires_on", Date, nullable=False),  # the last day on which it is good
    Column("received_at", TIME, nullable=False),
    Column("received", Integer, nullable=False),
    Column("taken", Integer, nullable=False, server_default="0"),
    UniqueConstraint("product_id", "code"),
    one_of("state", LotState),
    CheckConstraint("received > 0", name="received"),
    CheckConstraint("taken BETWEEN 0 AND received", name="taken"),
    Index("ix_lot_open", "product_id", "expires_on", postgresql_where=text("state = 'open'")),
)

# The photo of the day: JPEG without metadata, at most 300 kB.
lot_photo = Table(
    "lot_photo",
    metadata,
    Column("lot_id", ForeignKey("lot.id"), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("jpeg", LargeBinary, nullable=False),
)

line_lot = Table(
    "line_lot",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("line_no", SmallInteger, primary_key=True),
    Column("lot_id", ForeignKey("lot.id"), primary_key=True, index=True),
    Column("quantity", Integer, nullable=False),
    Column("by_hand", Boolean, nullable=False, server_default=text("false")),  # the picker chose it
    ForeignKeyConstraint(["order_id", "line_no"], ["order_line.order_id", "order_line.line_no"]),
    CheckConstraint("quantity > 0", name="quantity_positive"),
)

# One a lot. Its orders are dealt with one by one; `ended_at` says that none is left.
lot_recall = Table(
    "lot_recall",
    metadata,
    Column("lot_id", ForeignKey("lot.id"), primary_key=True),
    Column("begun_at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("orders", Integer, nullable=False),
    Column("ended_at", TIME),
    Index("ix_lot_recall_open", "begun_at", postgresql_where=text("ended_at IS NULL")),
)

lot_recall_order = Table(
    "lot_recall_order",
    metadata,
    Column("lot_id", ForeignKey("lot_recall.lot_id"), primary_key=True),
    Column("order_id", ForeignKey("customer_order.id"), primary_key=True),
    Column("at", TIME),  # when it was dealt with
    Column("step", Text),  # `domain.recalling.RecallStep`s, joined by commas
    Index("ix_lot_recall_order_left", "lot_id", "order_id", postgresql_where=text("at IS NULL")),
)
