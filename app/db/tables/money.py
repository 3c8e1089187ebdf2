"""Payments, refunds and the double-entry ledger."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, metadata, one_of
from app.domain.payment_state import PaymentState
from app.domain.refunding import RefundCause

payment = Table(
    "payment",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("provider", Text, nullable=False),
    Column("provider_ref", Text),  # known once the provider answered
    Column("state", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("checked_at", TIME),  # when the provider was last asked
    Column("receipted", Boolean, nullable=False, server_default=text("false")),  # has its receipt, or needs none
    one_of("state", PaymentState),
    UniqueConstraint("provider", "provider_ref"),
    Index("ix_payment_unreceipted", "order_id", postgresql_where=text("state = 'captured' AND NOT receipted")),
)

payment_webhook = Table(
    "payment_webhook",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("received_at", TIME, nullable=False),
    Column("provider_ref", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("applied_at", TIME),
)

# Money that was decided to go back, once per order and `cause_key`; sent by its id as idempotency key.
refund = Table(
    "refund",
    metadata,
    Column("id", Text, primary_key=True),
    Column("refund_no", Text, nullable=False, unique=True),  # short, for people: R-…
    Column("order_id", ForeignKey("customer_order.id"), nullable=False),
    Column("payment_id", ForeignKey("payment.id"), nullable=False, index=True),
    Column("cause", Text, nullable=False),
    Column("cause_key", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("decided_at", TIME, nullable=False),
    Column("decided_by", Text, nullable=False),  # an actor, as in history
    Column("next_try_at", TIME, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("done_at", TIME),
    Column("failed", Text),  # the provider will not do it; staff must
    Column("reason", Text),  # in the words of staff who decided it by hand
    Column("receipted", Boolean, nullable=False, server_default=text("false")),  # as of a payment
    UniqueConstraint("order_id", "cause_key"),
    CheckConstraint("amount_minor > 0", name="amount_positive"),
    one_of("cause", RefundCause),
    Index("ix_refund_unreceipted", "order_id", postgresql_where=text("done_at IS NOT NULL AND NOT receipted")),
    Index("ix_refund_due", "next_try_at", postgresql_where=text("done_at IS NULL AND failed IS NULL")),
)

# What of a refund belongs to which line; together no more than the line was charged.
refund_line = Table(
    "refund_line",
    metadata,
    Column("refund_id", ForeignKey("refund.id"), primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("line_no", SmallInteger, primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    ForeignKeyConstraint(["order_id", "line_no"], ["order_line.order_id", "order_line.line_no"]),
    CheckConstraint("amount_minor > 0", name="amount_positive"),
)

refund_number = Sequence("refund_number", minvalue=1, metadata=metadata)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("transaction_id", Text, nullable=False, index=True),
    Column("at", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # debit > 0, credit < 0; a transaction sums to zero
    Column("currency", Text, nullable=False),
    CheckConstraint("account IN ('provider_clearing', 'customer_held', 'sales', 'refunds')", name="account"),
)

# What the sandbox provider itself remembers. It shares our database for want of another, and nothing of ours reads it
# except through the provider protocol.
sandbox_charge = Table(
    "sandbox_charge",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("return_url", Text, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),
    Column("refund_keys", ARRAY(Text), nullable=False, server_default="{}"),
    Column("made_at", TIME, nullable=False),
    CheckConstraint("state IN ('open', 'captured', 'declined')", name="state"),
    CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refund_capped"),
)
