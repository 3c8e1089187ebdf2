"""Where food is collected: sites, lockers, compartments, gateways and what was last read there."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables.columns import TIME, metadata, one_of
from locker_protocol.vocabulary import DoorCondition, DoorTrouble, SizeClass, Zone

site = Table(
    "site",
    metadata,
    Column("id", Text, primary_key=True),
    Column("site_no", Integer, nullable=False, unique=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("address_zh", Text, nullable=False),
    Column("address_en", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("households", Integer, nullable=False),
    Column("neighbours", ARRAY(Text), nullable=False, server_default="{}"),  # sites its residents can be sent to
)

locker = Table(
    "locker",
    metadata,
    Column("id", Text, primary_key=True),  # also the controller's id on the local bus
    Column("site_id", ForeignKey("site.id"), nullable=False, index=True),
    Column("position", SmallInteger, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("width_mm", Integer, nullable=False),
    Column("height_mm", Integer, nullable=False),
    Column("head", JSONB, nullable=False),  # where scanner and keypad are: {x_mm, y_mm, width_mm, height_mm, …}
    Column("online", Boolean, nullable=False, server_default=text("false")),
    Column("heard_at", TIME),
    Column("minutes_through", BigInteger, nullable=False, server_default="0"),  # civil minutes since 1970 UTC
)

compartment = Table(
    "compartment",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True),
    Column("door", SmallInteger, primary_key=True, autoincrement=False),  # the number printed on it, unique at a site
    Column("locker_id", ForeignKey("locker.id"), nullable=False, index=True),
    Column("column_no", SmallInteger, nullable=False),
    Column("row_no", SmallInteger, nullable=False),  # 1 = top
    Column("zone", Text, nullable=False),
    Column("size", Text, nullable=False),
    Column("volume_ml", Integer, nullable=False),
    Column("longest_mm", Integer, nullable=False),
    Column("x_mm", Integer, nullable=False),
    Column("y_mm", Integer, nullable=False),  # from the floor of the cabinet
    Column("width_mm", Integer, nullable=False),
    Column("height_mm", Integer, nullable=False),
    Column("sill_mm", Integer, nullable=False),
    Column("openings", Integer, nullable=False, server_default="0"),  # in its life, to wear all doors alike
    # Whether it may be loaded, as its site last told: emptied doors wait for the next visit.
    Column("condition", Text, nullable=False, server_default=DoorCondition.FREE.value),
    Column("condition_at", TIME),
    # What the site last told. `unknown` whenever its locker is silent; pages must ask locker.online as well.
    Column("door_state", Text, nullable=False, server_default="unknown"),
    Column("door_changed_at", TIME),
    # What is wrong with it and lasts, as its site last told; `trouble_door` is the one its wires take it for.
    Column("trouble", Text),
    Column("trouble_door", SmallInteger),
    Column("trouble_at", TIME),
    CheckConstraint("(trouble IS NULL) = (trouble_at IS NULL)", name="trouble_whole"),
    one_of("trouble", DoorTrouble),
    Index("ix_compartment_wrong", "locker_id", postgresql_where=text("trouble IS NOT NULL OR door_state = 'open'")),
    CheckConstraint("door_state IN ('shut', 'open', 'unknown')", name="door_state"),
    one_of("condition", DoorCondition),
    one_of("zone", Zone),
    one_of("size", SizeClass),
)

zone_reading = Table(
    "zone_reading",
    metadata,
    Column("locker_id", ForeignKey("locker.id"), primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("air_c", Float),
    Column("product_c", Float),
    Column("read_at", TIME, nullable=False),
    one_of("zone", Zone),
)

gateway = Table(
    "gateway",
    metadata,
    Column("id", Text, primary_key=True),
    Column("site_id", ForeignKey("site.id"), nullable=False, unique=True),
    Column("shard", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),  # 32 bytes of Ed25519
    # The service's live keys as the gateway was last told, `2:<hex>,1:<hex>`, the one that signs first; and since when.
    Column("told_keys", Text),
    Column("keys_told_at", TIME),
    Column("boot_id", Text),
    Column("online", Boolean, nullable=False, server_default=text("false")),
    Column("heard_at", TIME),
    # How far its clock is ahead of ours at least, by its last status. What is behind may only have been on its way.
    Column("ahead_s", BigInteger, nullable=False, server_default="0"),
    # Down log: what we number and send. Up log: what we applied of theirs.
    Column("down_log_id", Text),
    Column("down_seq", BigInteger, nullable=False, server_default="0"),
    Column("down_acked_seq", BigInteger, nullable=False, server_default="0"),
    Column("up_log_id", Text),
    Column("up_seq", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("down_acked_seq <= down_seq", name="acked_was_sent"),
)

# Its rules for runs and windows, as `domain.calendar.Calendar` reads them; runs of the coming days are made from it.
site_calendar = Table(
    "site_calendar",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True),
    Column("calendar", JSONB, nullable=False),
)
