"""What hands do with parcels: weighing, photos, visits."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, by_age, metadata

# A scale may weigh for trade until its verification ends.
scale = Table(
    "scale",
    metadata,
    Column("id", Text, primary_key=True),  # the number on its plate
    Column("verified_until", Date, nullable=False),
)

# Every weighing as read: the line keeps only the net weight that counted last.
weighing = Table(
    "weighing",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("line_no", SmallInteger, nullable=False),
    Column("at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("scale_id", ForeignKey("scale.id"), nullable=False),
    Column("gross_g", Integer, nullable=False),
    Column("tare_g", Integer, nullable=False),
    ForeignKeyConstraint(["order_id", "line_no"], ["order_line.order_id", "order_line.line_no"]),
    CheckConstraint("tare_g >= 0 AND gross_g > tare_g", name="net_positive"),
)

# JPEG without metadata, at most 300 kB. Of a packed parcel, or of the lockers at the end of a visit.
photo = Table(
    "photo",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("parcel_id", ForeignKey("parcel.id"), index=True),
    Column("visit_id", ForeignKey("visit.id"), index=True),
    Column("jpeg", LargeBinary, nullable=False),
    by_age("photo", "at"),
    CheckConstraint("(parcel_id IS NULL) <> (visit_id IS NULL)", name="of_one_thing"),
)

# A van at a site, from the first door to the last. One at a time; whoever else comes joins it.
visit = Table(
    "visit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("began_at", TIME, nullable=False),
    Column("gate", JSONB, nullable=False, server_default="{}"),  # `domain.visit.Gate`
    Column("crates_back", SmallInteger),
    Column("ice_packs_back", SmallInteger),
    Column("note", Text, nullable=False, server_default=""),
    Column("ended_at", TIME),
    CheckConstraint("crates_back BETWEEN 0 AND 999 AND ice_packs_back BETWEEN 0 AND 999", name="counts"),
    Index("uq_visit_under_way", "site_id", unique=True, postgresql_where=text("ended_at IS NULL")),
)

# Who is at a visit: whoever began it, and whoever came later.
visit_driver = Table(
    "visit_driver",
    metadata,
    Column("visit_id", ForeignKey("visit.id"), primary_key=True),
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("joined_at", TIME, nullable=False),
)
