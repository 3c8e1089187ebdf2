"""Which programs are told what happens, and every message to them until it arrived or was given up."""

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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, metadata, one_of
from app.domain.webhook_event import DeliveryState

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", ARRAY(Text), nullable=False),
    Column("salt", LargeBinary, nullable=False),  # its secret is made from this and the service's own, and not kept
    Column("made_at", TIME, nullable=False),
    Column("made_by", ForeignKey("person.id"), nullable=False),
    Column("ended_at", TIME),
    CheckConstraint("cardinality(kinds) > 0", name="some_kinds"),
)

# Written in the transaction of what it tells. `facts` hold ids only.
webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("endpoint_id", ForeignKey("webhook_endpoint.id"), nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("next_try_at", TIME, nullable=False),
    Column("tried_at", TIME),
    Column("answered", SmallInteger),  # the HTTP status of the last try, if there was one
    Column("trouble", Text),  # why the last try failed
    one_of("state", DeliveryState),
    UniqueConstraint("endpoint_id", "event_id"),
    Index("ix_webhook_delivery_due", "endpoint_id", "next_try_at", postgresql_where=text("state = 'waiting'")),
    Index("ix_webhook_delivery_over", "tried_at", postgresql_where=text("state <> 'waiting'")),
)
