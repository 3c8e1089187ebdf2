"""Orders, their lines and parcels, what they hold, and how they are collected."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, by_age, metadata, one_of
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.picking import ShortReason
from locker_protocol.vocabulary import SizeClass, Zone

# Counts orders; `domain.order_number` makes the short numbers from it.
order_number = Sequence("order_number", minvalue=1, metadata=metadata)

customer_order = Table(
    "customer_order",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_no", Text, nullable=False, unique=True),  # short, for people
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("run_no", ForeignKey("load_run.run_no"), nullable=False, index=True),
    Column("window_id", ForeignKey("pickup_window.id"), nullable=False),
    Column("stock_run_no", ForeignKey("load_run.run_no")),  # of an order that was moved: the run whose goods it has
    Column("state", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("low_door", Boolean, nullable=False, server_default=text("false")),
    Column("substitution", Text, nullable=False, server_default="refund"),  # what to do when something is short
    Column("guest_contact", Text),  # where a guest wants to be told; nobody has shown that it is theirs
    Column("placed_at", TIME, nullable=False),
    Column("hold_until", TIME, nullable=False),
    Column("hold_extended", Boolean, nullable=False, server_default=text("false")),
    Column("hold_prolonged", Boolean, nullable=False, server_default=text("false")),  # its owner asked for ten minutes
    Column("withdrawn_for", Text),  # the refund's cause, from the moment nothing is handed out any more
    Column("version", Integer, nullable=False, server_default="1"),  # grows with each change; streams compare it
    one_of("state", OrderState),
    CheckConstraint("substitution IN ('similar', 'refund')", name="substitution"),
    CheckConstraint("total_minor > 0", name="total_positive"),
    Index("ix_customer_order_history", "person_id", "placed_at", "id"),
    Index(
        "ix_customer_order_guest_contact",
        "guest_contact",
        "placed_at",
        postgresql_where=text("guest_contact IS NOT NULL"),
    ),
    Index(
        "ix_customer_order_under_way",
        "id",
        postgresql_where=text("state IN ('awaiting_payment', 'paid', 'packed', 'ready', 'expiring')"),
    ),
    by_age("customer_order", "placed_at"),
    Index("ix_customer_order_open_holds", "hold_until", postgresql_where=text("state = 'awaiting_payment'")),
)

parcel = Table(
    "parcel",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ref", Text, nullable=False, unique=True),  # on the label, eight characters
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("size", Text, nullable=False),  # the smallest door it fits
    Column("volume_ml", Integer, nullable=False),
    Column("longest_mm", Integer, nullable=False),
    Column("weight_g", Integer, nullable=False),
    Column("collect_until", TIME, nullable=False),  # then its door opens for its owner no more
    Column("planned_doors", ARRAY(SmallInteger), nullable=False, server_default="{}"),  # the plan, then alternatives
    Column("confirmed_at", TIME),  # the gateway stored the plan
    Column("packed_at", TIME),
    Column("packed_by", ForeignKey("person.id")),
    Column("seal", Text),  # the number on the seal, where a shop uses numbered ones
    Column("door", SmallInteger),  # where it lies, as the site told
    Column("look_door", SmallInteger),  # a door it may or may not lie behind: the next driver looks first
    Column("loaded_at", TIME),
    Column("opened_at", TIME),
    Column("collected_at", TIME),
    Column("rescued_at", TIME),  # taken into the cold bag of this keeper, where it is good for so long
    Column("rescued_by", ForeignKey("person.id"), index=True),
    Column("keep_until", TIME),
    Column("discarded_for", Text),  # why a keeper threw it away
    one_of("state", ParcelState),
    one_of("zone", Zone),
    one_of("size", SizeClass),
    CheckConstraint("state NOT IN ('loaded', 'collected') OR door IS NOT NULL", name="loaded_has_door"),
    CheckConstraint("state <> 'rescued' OR keep_until IS NOT NULL", name="rescued_has_end"),
    # What is on its way or behind a door is little beside what was collected, and pages ask for that alone.
    Index("ix_parcel_there", "order_id", postgresql_where=text("state IN ('planned', 'packed', 'loaded', 'rescued')")),
    Index("ix_parcel_rescued", "keep_until", postgresql_where=text("state = 'rescued'")),
)

order_line = Table(
    "order_line",
    metadata,
    Column("order_id", ForeignKey("customer_order.id"), primary_key=True),
    Column("line_no", SmallInteger, primary_key=True),
    Column("product_id", ForeignKey("product.id"), nullable=False),
    Column("parcel_id", ForeignKey("parcel.id"), index=True),
    Column("quantity", Integer, nullable=False),
    Column("price_minor", BigInteger, nullable=False),  # of one, as charged: the cap where weight counts
    Column("line_minor", BigInteger, nullable=False),
    # What the picker did: none of it is set before. Pieces missing are refunded for `short_reason`, or replaced.
    Column("picked_quantity", Integer),
    Column("picked_at", TIME),
    Column("picked_by", ForeignKey("person.id")),
    Column("weight_g", Integer),  # of all its pieces, net, where weight counts
    Column("short_reason", Text),
    Column("substitute_id", ForeignKey("product.id")),
    Column("substitute_quantity", Integer),
    CheckConstraint("quantity BETWEEN 1 AND 99", name="quantity"),
    CheckConstraint("picked_quantity BETWEEN 0 AND quantity", name="picked"),
    CheckConstraint("weight_g > 0", name="weight_positive"),
    CheckConstraint("(substitute_id IS NULL) = (substitute_quantity IS NULL)", name="substitute_whole"),
    CheckConstraint("picked_quantity + coalesce(substitute_quantity, 0) <= quantity", name="no_more_than_ordered"),
    CheckConstraint("(picked_at IS NULL) = (picked_quantity IS NULL)", name="picked_whole"),
    one_of("short_reason", ShortReason),
    CheckConstraint("line_minor = quantity * price_minor", name="line_adds_up"),
)

# What an order's release must give back: run_capacity rows it took. Lines tell the stock, the order tells the window.
capacity_hold = Table(
    "capacity_hold",
    metadata,
    Column("order_id", ForeignKey("customer_order.id"), primary_key=True),
    Column("run_no", Integer, primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("size_or_larger", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    ForeignKeyConstraint(
        ["run_no", "zone", "size_or_larger"],
        ["run_capacity.run_no", "run_capacity.zone", "run_capacity.size_or_larger"],
    ),
    CheckConstraint("count > 0", name="count_positive"),
)

credential = Table(
    "credential",
    metadata,
    Column("id", Text, primary_key=True),  # 16 hex digits
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("handle", Integer, nullable=False),
    Column("generation", SmallInteger, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("ended_at", TIME),  # superseded, revoked or spent
    Column("typed", Boolean, nullable=False),
    UniqueConstraint("order_id", "generation"),
    Index("uq_credential_live_handle", "site_id", "handle", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("ix_credential_expires_at", "site_id", "expires_at"),
    Index("uq_credential_live_order", "order_id", unique=True, postgresql_where=text("ended_at IS NULL")),
)

# A choice put to a resident when something does not go as promised: one at a time, answered once.
offer = Table(
    "offer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("options", ARRAY(Text), nullable=False),
    Column("facts", JSONB, nullable=False, server_default="{}"),
    Column("made_at", TIME, nullable=False),
    Column("answer_by", TIME, nullable=False),
    Column("chosen", Text),  # one of the options, or none when nobody answered in time
    Column("closed_at", TIME),
    CheckConstraint("kind IN ('late_van', 'called_off', 'not_loaded', 'not_collected')", name="kind"),
    CheckConstraint("chosen IS NULL OR chosen = ANY(options)", name="chosen"),
    Index("uq_offer_open", "order_id", unique=True, postgresql_where=text("closed_at IS NULL")),
)

idempotent_request = Table(
    "idempotent_request",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("answer", JSONB),
    Column("made_at", TIME, nullable=False),
    by_age("idempotent_request", "made_at"),
)
