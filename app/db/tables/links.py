"""What goes to the sites and comes from them, and who serves them."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
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

from app.db.tables.columns import TIME, by_age, metadata, one_of
from app.domain.hold_state import HoldState
from locker_protocol.vocabulary import DoorFault

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("gateway_id", ForeignKey("gateway.id"), nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("entry", LargeBinary, nullable=False),  # the JSON as it goes over the wire
    Column("order_id", Text),
    # Given by the relay, densely per gateway and log, to committed rows only.
    Column("log_id", Text),
    Column("seq", BigInteger),
    Column("acked_at", TIME),
    Column("fault", Text),  # consumed by the gateway without effect, and why
    UniqueConstraint("gateway_id", "log_id", "seq"),
    CheckConstraint("(log_id IS NULL) = (seq IS NULL)", name="numbered_whole"),
    by_age("outbox", "made_at"),
    Index("ix_outbox_unnumbered", "gateway_id", "id", postgresql_where=text("seq IS NULL")),
)

site_event = Table(
    "site_event",
    metadata,
    Column("gateway_id", ForeignKey("gateway.id"), primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", TIME, nullable=False),
    Column("applied_at", TIME, nullable=False),
    Column("type", Text, nullable=False),
    Column("order_id", Text, index=True),
    Column("body", JSONB, nullable=False),
    Column("fault", Text),  # stored but without effect: unknown type, malformed, or a move the tables refuse
    Index("ix_site_event_lately", "gateway_id", "at"),
)

rejected_message = Table(
    "rejected_message",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("received_at", TIME, nullable=False),
    Column("topic", Text, nullable=False),
    Column("fault", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # its first 2 KiB
    by_age("rejected_message", "received_at"),
)

remote_command = Table(
    "remote_command",
    metadata,
    Column("id", Text, primary_key=True),  # the command id on the wire, random
    Column("gateway_id", ForeignKey("gateway.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("doors", ARRAY(SmallInteger), nullable=False, server_default="{}"),
    Column("right", Text),
    Column("order_id", Text),
    Column("label", Text),
    Column("instead_of", SmallInteger),
    Column("fault", Text),
    Column("credential_id", Text),  # the code that was shown on a page instead of at the locker
    Column("cold_since", TIME),  # the reading of the crate it comes from, where a driver took one
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", TIME, nullable=False),
    Column("not_after", TIME, nullable=False),
    Column("sent_at", TIME),  # set before it is sent: a remote open is never sent twice
    # More were asked for at once than one person may open from afar: it waits for another's word, until `hold_until`.
    Column("hold_state", Text),
    Column("hold_until", TIME),
    Column("second_id", ForeignKey("person.id")),
    Column("second_at", TIME),
    Column("answered_at", TIME),
    Column("answered_doors", ARRAY(SmallInteger), nullable=False, server_default="{}"),
    Column("refusal", Text),
    CheckConstraint("kind IN ('open', 'load', 'collect')", name="kind"),
    CheckConstraint("kind <> 'open' OR \"right\" IS NOT NULL", name="open_whole"),
    CheckConstraint("kind <> 'load' OR label IS NOT NULL", name="load_whole"),
    CheckConstraint("kind <> 'collect' OR order_id IS NOT NULL AND credential_id IS NOT NULL", name="collect_whole"),
    one_of("fault", DoorFault),
    one_of("hold_state", HoldState),
    CheckConstraint("(hold_state IS NULL) = (hold_until IS NULL)", name="held_whole"),
    CheckConstraint("(hold_state IN ('confirmed', 'declined')) = (second_id IS NOT NULL)", name="second_named"),
    CheckConstraint("second_id <> person_id", name="second_is_another"),
    CheckConstraint("sent_at IS NULL OR hold_state = 'confirmed' OR hold_state IS NULL", name="sent_when_confirmed"),
    Index("ix_remote_command_unsent", "asked_at", postgresql_where=text("sent_at IS NULL")),
    Index("ix_remote_command_asked", "asked_at"),
    Index("ix_remote_command_collect", "order_id", "asked_at", postgresql_where=text("kind = 'collect'")),
    Index("ix_remote_command_held", "hold_until", postgresql_where=text("hold_state = 'waiting'")),
)

# The worker that serves a shard, by the database's clock: real time, whatever the demo does to the civil one.
worker_beat = Table(
    "worker_beat",
    metadata,
    Column("shard", Text, primary_key=True),
    Column("connected", Boolean, nullable=False),  # to the uplink's broker
    Column("beat_at", TIME, nullable=False),
)
