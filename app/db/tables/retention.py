"""What was thrown away because it was old, where something else counts on what is left."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Table, Text

from app.db.tables.columns import TIME, metadata

# The beginning of a site's log that is not kept any more: `site_event` has all events after `through_seq`, none before.
pruned_log = Table(
    "pruned_log",
    metadata,
    Column("gateway_id", ForeignKey("gateway.id"), primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("through_seq", BigInteger, nullable=False),
    Column("last_at", TIME, nullable=False),  # of its last event, by the site's clock
    CheckConstraint("through_seq > 0", name="positive"),
)
