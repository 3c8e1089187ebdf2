"""The cold chain: what was measured, by which rules it is judged, and what was kept shut.

Temperatures in arrays are hundredths of a degree Celsius; an element is a minute (or a quarter of an hour, in a row
that was thinned), and one that is null was not measured.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
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
from app.domain.quarantine_state import QuarantineState
from locker_protocol.vocabulary import Zone

_EACH = ARRAY(SmallInteger)

# An hour of a zone. All arrays are as long as each other: 60 elements, or 4 once the row is older than 90 days. A null
# in `samples` is a minute nobody told of; nought, one in which nothing was believed.
zone_hour = Table(
    "zone_hour",
    metadata,
    Column("locker_id", ForeignKey("locker.id"), primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("hour", TIME, primary_key=True),
    Column("samples", _EACH, nullable=False),
    Column("product_min", _EACH, nullable=False),
    Column("product_mean", _EACH, nullable=False),
    Column("product_max", _EACH, nullable=False),
    Column("air_min", _EACH, nullable=False),
    Column("air_mean", _EACH, nullable=False),
    Column("air_max", _EACH, nullable=False),
    Column("open_s", _EACH, nullable=False),
    Column("cooling_s", _EACH, nullable=False),
    Column("defrost_s", _EACH, nullable=False),
    # `locker_protocol.telemetry.SensorFault`; null where the probe was believed.
    Column("air_fault", ARRAY(Text), nullable=False),
    Column("product_fault", ARRAY(Text), nullable=False),
    one_of("zone", Zone),
    CheckConstraint("cardinality(samples) IN (4, 60)", name="whole_hour"),
    Index("ix_zone_hour_unthinned", "hour", postgresql_where=text("cardinality(samples) = 60")),
    postgresql_with={"fillfactor": "40"},  # a row is written sixty times in its hour, each time beside its old version
)

# A cabinet's meter at the first and the last word of a day in its site's time.
cabinet_energy = Table(
    "cabinet_energy",
    metadata,
    Column("locker_id", ForeignKey("locker.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("first_wh", BigInteger, nullable=False),
    Column("last_wh", BigInteger, nullable=False),
    CheckConstraint("last_wh >= first_wh", name="never_back"),
)

# `locker_protocol.cold_chain.policy.ColdPolicy`. A site's newest row holds there, else the newest without a site.
# Insert-only.
cold_policy = Table(
    "cold_policy",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("site_id", ForeignKey("site.id"), index=True),
    Column("policy", JSONB, nullable=False),
    Column("made_by", ForeignKey("person.id"), nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint("version > 0", name="version_positive"),
)

# A parcel that is kept shut because its food may be unsafe. `food_class`, `cause` and `since` are of the class that was
# found first; `condemned` are those of its classes whose discard line was crossed.
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Text, primary_key=True),
    Column("parcel_id", ForeignKey("parcel.id"), nullable=False, index=True),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("locker_id", ForeignKey("locker.id"), nullable=False),
    Column("door", SmallInteger, nullable=False),
    Column("food_class", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("since", TIME, nullable=False),
    Column("found_at", TIME, nullable=False),
    Column("due_at", TIME, nullable=False),
    Column("state", Text, nullable=False, server_default=QuarantineState.OPEN.value),
    Column("condemned", ARRAY(Text), nullable=False, server_default="{}"),
    Column("reminded_at", TIME),  # its site was told that time is over
    Column("decided_at", TIME),
    Column("decided_by", Text),  # an actor, as in history
    Column("kept", ARRAY(Text)),  # the classes of what staff left in the bag, now or at an earlier look
    Column("reason", Text),  # in the words of who decided
    Column("probe_c", Float),  # what they measured in the food
    Column("photo", LargeBinary),  # JPEG without metadata, at most 300 kB
    one_of("state", QuarantineState),
    CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_whole"),
    CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name="decided_by_somebody"),
    CheckConstraint(
        "state <> 'released' OR (kept IS NOT NULL AND reason IS NOT NULL AND probe_c IS NOT NULL"
        " AND photo IS NOT NULL)",
        name="released_after_a_look",
    ),
    CheckConstraint("state <> 'released' OR NOT kept && condemned", name="nothing_condemned_released"),
    Index("uq_quarantine_open", "parcel_id", unique=True, postgresql_where=text("state = 'open'")),
    Index("ix_quarantine_due", "due_at", postgresql_where=text("state = 'open'")),
    Index("ix_quarantine_site", "site_id", "found_at"),
)

# Something is wrong with a zone, as its site found it; `probe`, `fault` and `value_c` where a probe is meant.
zone_alarm = Table(
    "zone_alarm",
    metadata,
    Column("id", Text, primary_key=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("locker_id", ForeignKey("locker.id"), nullable=False),
    Column("zone", Text, nullable=False),
    Column("alarm", Text, nullable=False),
    Column("probe", Text),
    Column("fault", Text),
    Column("value_c", Float),
    Column("found_at", TIME, nullable=False),
    Column("ended_at", TIME),
    one_of("zone", Zone),
    CheckConstraint("probe IN ('air', 'product')", name="probe"),
    Index("uq_zone_alarm_open", "locker_id", "zone", "alarm", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("ix_zone_alarm_site", "site_id", "found_at"),
)

# What a driver read in a crate before its food went behind doors: from then on its cold chain counts.
crate_reading = Table(
    "crate_reading",
    metadata,
    Column("id", Text, primary_key=True),
    Column("visit_id", ForeignKey("visit.id"), nullable=False),
    Column("zone", Text, nullable=False),
    Column("product_c", Float, nullable=False),
    Column("read_at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    one_of("zone", Zone),
    UniqueConstraint("visit_id", "zone"),
)
