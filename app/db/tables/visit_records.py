"""What drivers' phones saw at visits: each record once, by the id its phone made."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Table, Text

from app.db.tables.columns import TIME, by_age, metadata, one_of
from app.domain.visit_record import RecordKind, Trouble

visit_record = Table(
    "visit_record",
    metadata,
    Column("id", Text, primary_key=True),  # made by the phone
    Column("visit_id", ForeignKey("visit.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("seq", Integer, nullable=False),  # the phone's own numbers, which may begin anew
    Column("digest", LargeBinary, nullable=False),  # of all that was sent: the same id with the same is the same record
    Column("parcel_id", ForeignKey("parcel.id"), index=True),
    Column("trouble", Text),
    Column("door", SmallInteger),
    Column("photo_id", ForeignKey("photo.id", ondelete="SET NULL"), index=True),
    Column("device_at", TIME, nullable=False),  # as the phone's clock said, whatever that was
    Column("done_at", TIME, nullable=False),
    Column("received_at", TIME, nullable=False),
    Column("undone_at", TIME),
    one_of("kind", RecordKind),
    one_of("trouble", Trouble),
    CheckConstraint("(kind = 'trouble') = (trouble IS NOT NULL)", name="trouble_is_said"),
    CheckConstraint("done_at <= received_at", name="done_before_received"),
    CheckConstraint("undone_at IS NULL OR kind = 'trouble'", name="only_trouble_undone"),
    Index("ix_visit_record_visit_id", "visit_id", "kind"),
    by_age("visit_record", "received_at"),
)
