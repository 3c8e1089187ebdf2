"""Payments, refunds, the double-entry ledger, and where it differs from what a provider reports."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, by_age, metadata, one_of
from app.domain.ledger import Account
from app.domain.payment_state import PaymentState
from app.domain.reconciling import DifferenceKind, DifferenceState, MovementKind
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
    Column("unanswered_since", TIME),  # when it was first asked in vain; null again when it answered
    # What was decided to go back of it; kept by a trigger, so that no two decisions together exceed what was captured.
    Column("refund_minor", BigInteger, nullable=False, server_default="0"),
    one_of("state", PaymentState),
    UniqueConstraint("provider", "provider_ref"),
    CheckConstraint("refund_minor BETWEEN 0 AND amount_minor", name="refund_capped"),
    CheckConstraint("refund_minor = 0 OR state = 'captured'", name="refund_of_captured"),
    Index("ix_payment_unreceipted", "order_id", postgresql_where=text("state = 'captured' AND NOT receipted")),
    Index("ix_payment_open", "made_at", postgresql_where=text("state = 'open'")),
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
    by_age("payment_webhook", "received_at"),
    # Each settled payment asks which of its messages were not followed yet; those that were are never asked about.
    Index("ix_payment_webhook_unapplied", "provider_ref", postgresql_where=text("applied_at IS NULL")),
)

# Money that was decided to go back, once per order and `cause_key`; sent by a key made of its id and `attempt`.
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
    # Providers forget keys after a day: from then on they are asked what happened before a new key is used.
    Column("attempt", SmallInteger, nullable=False, server_default="1"),
    Column("asked_at", TIME),  # when the provider was first asked by this attempt's key
    Column("provider_ref", Text),  # the refund's name there, once it is done
    Column("done_at", TIME),
    Column("failed", Text),  # the provider will not do it; staff must
    Column("reason", Text),  # in the words of staff who decided it by hand
    Column("receipted", Boolean, nullable=False, server_default=text("false")),  # as of a payment
    UniqueConstraint("order_id", "cause_key"),
    UniqueConstraint("payment_id", "provider_ref"),
    CheckConstraint("amount_minor > 0", name="amount_positive"),
    one_of("cause", RefundCause),
    Index("ix_refund_unreceipted", "order_id", postgresql_where=text("done_at IS NOT NULL AND NOT receipted")),
    Index("ix_refund_done_at", "done_at"),
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
    one_of("account", Account),
    # Entries come in the order of time: a reconciliation finds its hour in a few pages.
    Index("ix_ledger_entry_at", "at", postgresql_using="brin"),
)

# A stretch of time whose report was compared with our books.
reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("provider", Text, nullable=False),
    Column("since", TIME, nullable=False),
    Column("until", TIME, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("movements", Integer, nullable=False),  # lines of the provider's report
    Column("found", Integer, nullable=False),  # differences seen for the first time, or again
    Column("healed", Integer, nullable=False),
    CheckConstraint("since < until", name="forward"),
    Index("ix_reconciliation_until", "provider", "until"),
)

# One thing on which our books and a provider's report do not agree. The same numbers are filed once.
payment_difference = Table(
    "payment_difference",
    metadata,
    Column("id", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("movement", Text, nullable=False),
    Column("subject", Text, nullable=False),  # the provider's name of it, or our row's id where they have none
    Column("own_id", Text),  # our payment or refund
    Column("heals", Boolean, nullable=False),  # put right without a person
    Column("order_id", ForeignKey("customer_order.id"), index=True),
    Column("ours_minor", BigInteger),  # null: nothing on this side
    Column("theirs_minor", BigInteger),
    Column("ours_currency", Text),
    Column("theirs_currency", Text),
    Column("state", Text, nullable=False),
    Column("found_at", TIME, nullable=False),
    Column("seen_at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("closed_by", Text),  # an actor, as in history
    Column("note", Text),
    one_of("kind", DifferenceKind),
    one_of("movement", MovementKind),
    one_of("state", DifferenceState),
    UniqueConstraint(
        "provider", "kind", "movement", "subject", "ours_minor", "theirs_minor", postgresql_nulls_not_distinct=True
    ),
    CheckConstraint("(state = 'found') = (closed_at IS NULL)", name="closed"),
    CheckConstraint("state <> 'decided' OR (closed_by IS NOT NULL AND note IS NOT NULL)", name="decided_by_somebody"),
    Index("ix_payment_difference_open", "found_at", postgresql_where=text("state = 'found'")),
)
