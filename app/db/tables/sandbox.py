"""What the sandbox payment provider itself remembers.

It shares our database for want of another, and nothing of ours reads it except through the provider protocol.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, by_age, metadata

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
    Column("made_at", TIME, nullable=False),
    Column("decided_at", TIME),
    CheckConstraint("state IN ('open', 'captured', 'declined')", name="state"),
    CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refund_capped"),
    Index("ix_sandbox_charge_decided_at", "decided_at"),
    by_age("sandbox_charge", "made_at"),
)

sandbox_refund = Table(
    "sandbox_refund",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("charge_ref", ForeignKey("sandbox_charge.ref"), nullable=False, index=True),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("made_at", TIME, nullable=False, index=True),
    CheckConstraint("amount_minor > 0", name="amount_positive"),
)

# Messages under way; sent means gone.
sandbox_message = Table(
    "sandbox_message",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("forged", Boolean, nullable=False),
    Column("due_at", TIME, nullable=False, index=True),
)

# What a demo switched on (`app.payments.sandbox_faults`); one row or none.
sandbox_switch = Table(
    "sandbox_switch",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("faults", JSONB, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
