"""What programs were answered, for a day, so that a request that is sent again is not done again."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, SmallInteger, Table, Text

from app.db.tables.columns import TIME, metadata

answered_request = Table(
    "answered_request",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("made_at", TIME, nullable=False),
    Index("ix_answered_request_made_at", "made_at"),
)
