"""What is sold, and what each van visit can carry of it."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, metadata, one_of
from locker_protocol.vocabulary import SizeClass, Zone

category = Table(
    "category",
    metadata,
    Column("id", Text, primary_key=True),
    Column("position", SmallInteger, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
)

product = Table(
    "product",
    metadata,
    Column("id", Text, primary_key=True),  # the SKU
    Column("category_id", ForeignKey("category.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("unit_zh", Text, nullable=False),
    Column("unit_en", Text, nullable=False),
    Column("origin_zh", Text, nullable=False),
    Column("origin_en", Text, nullable=False),
    Column("picture", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("cap_minor", BigInteger),  # catch weight: the most that is charged
    Column("unit_price_minor", BigInteger),
    Column("unit_price_per", Text),
    Column("tax_code", Text, nullable=False),
    Column("food_class", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("tolerates", JSONB, nullable=False),  # zone → hours; -1: without limit
    Column("life_h", Integer, nullable=False),
    Column("volume_ml", Integer, nullable=False),
    Column("longest_mm", Integer, nullable=False),
    Column("weight_g", Integer, nullable=False),
    Column("net_g", Integer),  # of one, where it is sold by weight: as declared, or the estimate of catch weight
    Column("flags", ARRAY(Text), nullable=False),
    Column("stock_a_run", Integer, nullable=False),
    Column("supplier_id", ForeignKey("supplier.id"), index=True),
    one_of("zone", Zone),
    CheckConstraint("price_minor > 0", name="price_positive"),
    CheckConstraint("cap_minor IS NULL OR cap_minor >= price_minor", name="cap_covers_price"),
    CheckConstraint(
        "(net_g IS NULL OR net_g > 0) AND (cap_minor IS NULL OR net_g IS NOT NULL)", name="weighed_has_net"
    ),
    # By the half kilogram, kilogram, litre or piece: a price by the 斤 is no legal one (SAMR order 90). 公斤 is.
    CheckConstraint("unit_price_per IN ('500g', 'kg', 'L', 'each')", name="legal_unit_price"),
    CheckConstraint("replace(unit_zh, '公斤', '') NOT LIKE '%斤%'", name="legal_unit"),
)

load_run = Table(
    "load_run",
    metadata,
    Column("run_no", Integer, Identity(), primary_key=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("local_date", Date, nullable=False),
    Column("order_by", TIME, nullable=False),
    Column("load_from", TIME, nullable=False),
    Column("load_until", TIME, nullable=False),
    Column("removal_from", TIME, nullable=False),
    Column("expected_at", TIME),  # when its van is late: the hour that was promised instead
    Column("called_off_at", TIME),  # it will not come; its orders are brought another way or refunded
    UniqueConstraint("site_id", "local_date", "kind"),
    Index("ix_load_run_removal_from", "site_id", "removal_from"),
    CheckConstraint("order_by <= load_from AND load_from < load_until AND load_until < removal_from", name="times"),
)

pickup_window = Table(
    "pickup_window",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("run_no", ForeignKey("load_run.run_no"), nullable=False, index=True),
    Column("opens_at", TIME, nullable=False),
    Column("closes_at", TIME, nullable=False),
    Column("order_cap", Integer, nullable=False),
    Column("orders_taken", Integer, nullable=False, server_default="0"),
    CheckConstraint("opens_at < closes_at", name="times"),
    CheckConstraint("orders_taken BETWEEN 0 AND order_cap", name="cap"),
)

# A parcel that needs an M door takes one of "S or larger" and one of "M or larger": with these nested counters kept,
# a door that fits is left for every parcel (Hall's condition for nested sets). `blocked` are doors that broke, or in
# which parcels of an earlier run lie that are removed only after this run loads; it may come to exceed what is left.
run_capacity = Table(
    "run_capacity",
    metadata,
    Column("run_no", ForeignKey("load_run.run_no"), primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("size_or_larger", Text, primary_key=True),
    Column("total", Integer, nullable=False),
    Column("taken", Integer, nullable=False, server_default="0"),
    Column("blocked", Integer, nullable=False, server_default="0"),
    one_of("zone", Zone),
    one_of("size_or_larger", SizeClass),
    CheckConstraint("taken BETWEEN 0 AND total", name="no_overflow"),
    CheckConstraint("blocked BETWEEN 0 AND total", name="blocked"),
)

run_stock = Table(
    "run_stock",
    metadata,
    Column("run_no", ForeignKey("load_run.run_no"), primary_key=True),
    Column("product_id", ForeignKey("product.id"), primary_key=True),
    Column("total", Integer, nullable=False),
    Column("taken", Integer, nullable=False, server_default="0"),
    CheckConstraint("taken BETWEEN 0 AND total", name="no_oversell"),
)
