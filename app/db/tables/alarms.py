"""What people answered to alarms, and of which they were told."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, Index, Integer, Table, Text

from app.db.tables.columns import TIME, metadata, one_of
from app.domain.alarms import AlarmCause
from app.domain.fleet import Wrong

# Somebody saw a cause of the cold, a door or a link at a site, or silenced it until a moment, at most a day later.
# Insert-only.
alarm_answer = Table(
    "alarm_answer",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("cause", Text, nullable=False),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("until", TIME),
    Column("reason", Text, nullable=False, server_default=""),
    one_of("cause", Wrong),
    CheckConstraint("until IS NULL OR until <= at + interval '24 hours' AND until > at", name="silence_ends"),
    Index("ix_alarm_answer_at", "at"),
)

# When operators were last told of a cause, and of how many alarms: one notice for all, and none for a while after.
alarm_told = Table(
    "alarm_told",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("told_at", TIME, nullable=False),
    Column("alarms", Integer, nullable=False),
    one_of("cause", AlarmCause),
)
