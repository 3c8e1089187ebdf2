"""What happened and who did it. Rows are added, never changed."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.db.tables.columns import TIME, metadata

# Each move of an order, parcel or payment, and who made it: `person:…`, `gateway:…`, `provider:…` or `clock`.
history = Table(
    "history",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("from_state", Text),
    Column("event", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    CheckConstraint("subject IN ('order', 'parcel', 'payment', 'claim')", name="subject"),
)

# What staff changed that is not a move, and who: prices, stock, doors' use, roles. Insert-only.
change = Table(
    "change",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, nullable=False),  # SKU; run/SKU; site/door; or what its subject says
    Column("field", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint(
        "subject IN ('product', 'stock', 'door', 'person', 'order', 'refund', 'claim', 'lot', 'supplier',"
        " 'difference', 'cold', 'site')",
        name="subject",
    ),
    Index("ix_change_subject", "subject", "subject_id", "id"),
)

# Who did what, by what right and why: each site's unlocks, and people's acts that matter. Insert-only, hash over hash
# (`locker_protocol.audit_chain`); `body` is what is hashed, the columns beside it repeat it (`domain.audit_record`).
audit = Table(
    "audit",
    metadata,
    Column("chain", Text, primary_key=True),  # `people`, or a gateway and its log: `gateway:log`
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger),  # the event's number in that log
    Column("at_ms", BigInteger, nullable=False),  # civil, as the site told it: that is what was hashed
    Column("act", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("right", Text, nullable=False),
    Column("second", Text),  # who confirmed it
    Column("site_id", Text),
    Column("doors", ARRAY(SmallInteger), nullable=False),
    Column("order_id", Text),
    Column("why", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_site", "site_id", "at_ms"),
)

# The last row of each chain; its lock puts writers one after another.
audit_head = Table(
    "audit_head",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("no", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

# How a gateway said that its own audit ends, each time that changed, by its signed time. Insert-only.
audit_told = Table(
    "audit_told",
    metadata,
    Column("gateway_id", ForeignKey("gateway.id"), primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("heard_at", TIME, nullable=False),
    Column("no", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

# A keeper looked an order up with the person in front of them; without `order_id` what was said did not fit any.
keeper_look = Table(
    "keeper_look",
    metadata,
    Column("id", Text, primary_key=True),  # random: it stands in an address
    Column("at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("order_id", ForeignKey("customer_order.id"), index=True),
    Index("ix_keeper_look_wrong", "person_id", "at", postgresql_where=text("order_id IS NULL")),
)

# What a keeper told the office. Insert-only.
trouble_report = Table(
    "trouble_report",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("site_id", ForeignKey("site.id"), nullable=False, index=True),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("door", SmallInteger),
    Column("words", Text, nullable=False),
)
