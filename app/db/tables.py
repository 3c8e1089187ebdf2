"""Every table of the order service. Rules that must hold whatever the code does stand here as constraints.

Times are `timestamptz` in UTC; money is integer minor units; identifiers are 32 hex digits (UUIDv7) unless noted.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.domain.hold_state import HoldState
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.payment_state import PaymentState
from app.domain.picking import ShortReason
from app.domain.roles import Role
from locker_protocol.vocabulary import DoorCondition, DoorFault, DoorTrouble, Right, SizeClass, Zone

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TIME = DateTime(timezone=True)


def one_of(
    column: str,
    words: type[
        OrderState
        | HoldState
        | ParcelState
        | PaymentState
        | Role
        | Zone
        | SizeClass
        | DoorCondition
        | DoorFault
        | DoorTrouble
        | Right
        | ShortReason
    ],
) -> CheckConstraint:
    """Allow a text column only the words of an enumeration."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


# --- sites ------------------------------------------------------------------------------------------------------------

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

# --- what is sold -----------------------------------------------------------------------------------------------------

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
    one_of("zone", Zone),
    CheckConstraint("price_minor > 0", name="price_positive"),
    CheckConstraint("cap_minor IS NULL OR cap_minor >= price_minor", name="cap_covers_price"),
    CheckConstraint(
        "(net_g IS NULL OR net_g > 0) AND (cap_minor IS NULL OR net_g IS NOT NULL)", name="weighed_has_net"
    ),
)

# --- when: van visits and what each can carry -------------------------------------------------------------------------

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

# --- people -----------------------------------------------------------------------------------------------------------

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False, server_default=Role.RESIDENT.value),
    Column("staff_no", Integer, unique=True),  # stands in rotating staff codes
    Column("phone", Text, unique=True),  # E.164
    Column("mail", Text, unique=True),
    Column("display_name", Text, nullable=False, server_default=""),
    Column("site_id", ForeignKey("site.id")),
    Column("language", Text, nullable=False, server_default="zh"),
    Column("created_at", TIME, nullable=False),
    one_of("role", Role),
    CheckConstraint("phone IS NOT NULL OR mail IS NOT NULL", name="reachable"),
    CheckConstraint("language IN ('zh', 'en')", name="language"),
)

sign_in_code = Table(
    "sign_in_code",
    metadata,
    Column("id", Text, primary_key=True),  # the request it is bound to, kept in the asking browser's session
    Column("contact", Text, nullable=False, index=True),
    Column("language", Text, nullable=False),  # of a new account
    Column("code_hash", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("used_at", TIME),
    CheckConstraint("tries BETWEEN 0 AND 5", name="tries"),
)

web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("made_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
)

# --- orders -----------------------------------------------------------------------------------------------------------

# Counts orders; `domain.order_number` makes the short numbers from it.
order_number = Sequence("order_number", minvalue=1, metadata=metadata)

customer_order = Table(
    "customer_order",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_no", Text, nullable=False, unique=True),  # short, for people
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("run_no", ForeignKey("load_run.run_no"), nullable=False, index=True),
    Column("window_id", ForeignKey("pickup_window.id"), nullable=False),
    Column("stock_run_no", ForeignKey("load_run.run_no")),  # of an order that was moved: the run whose goods it has
    Column("state", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("low_door", Boolean, nullable=False, server_default=text("false")),
    Column("substitution", Text, nullable=False, server_default="refund"),  # what to do when something is short
    Column("placed_at", TIME, nullable=False),
    Column("hold_until", TIME, nullable=False),
    Column("hold_extended", Boolean, nullable=False, server_default=text("false")),
    Column("withdrawn_for", Text),  # the refund's cause, from the moment nothing is handed out any more
    Column("version", Integer, nullable=False, server_default="1"),  # grows with each change; streams compare it
    one_of("state", OrderState),
    CheckConstraint("substitution IN ('similar', 'refund')", name="substitution"),
    CheckConstraint("total_minor > 0", name="total_positive"),
    Index("ix_customer_order_under_way", "id", postgresql_where=text("state IN ('paid', 'packed', 'ready')")),
    Index("ix_customer_order_open_holds", "hold_until", postgresql_where=text("state = 'awaiting_payment'")),
)

parcel = Table(
    "parcel",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ref", Text, nullable=False, unique=True),  # on the label, eight characters
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("size", Text, nullable=False),  # the smallest door it fits
    Column("volume_ml", Integer, nullable=False),
    Column("longest_mm", Integer, nullable=False),
    Column("weight_g", Integer, nullable=False),
    Column("collect_until", TIME, nullable=False),  # then its door opens for its owner no more
    Column("planned_doors", ARRAY(SmallInteger), nullable=False, server_default="{}"),  # the plan, then alternatives
    Column("confirmed_at", TIME),  # the gateway stored the plan
    Column("packed_at", TIME),
    Column("packed_by", ForeignKey("person.id")),
    Column("seal", Text),  # the number on the seal, where a shop uses numbered ones
    Column("door", SmallInteger),  # where it lies, as the site told
    Column("look_door", SmallInteger),  # a door it may or may not lie behind: the next driver looks first
    Column("loaded_at", TIME),
    Column("opened_at", TIME),
    Column("collected_at", TIME),
    Column("rescued_at", TIME),  # taken into the cold bag of this keeper, where it is good for so long
    Column("rescued_by", ForeignKey("person.id"), index=True),
    Column("keep_until", TIME),
    Column("discarded_for", Text),  # why a keeper threw it away
    one_of("state", ParcelState),
    one_of("zone", Zone),
    one_of("size", SizeClass),
    CheckConstraint("state NOT IN ('loaded', 'collected') OR door IS NOT NULL", name="loaded_has_door"),
    CheckConstraint("state <> 'rescued' OR keep_until IS NOT NULL", name="rescued_has_end"),
    Index("ix_parcel_rescued", "keep_until", postgresql_where=text("state = 'rescued'")),
)

order_line = Table(
    "order_line",
    metadata,
    Column("order_id", ForeignKey("customer_order.id"), primary_key=True),
    Column("line_no", SmallInteger, primary_key=True),
    Column("product_id", ForeignKey("product.id"), nullable=False),
    Column("parcel_id", ForeignKey("parcel.id"), index=True),
    Column("quantity", Integer, nullable=False),
    Column("price_minor", BigInteger, nullable=False),  # of one, as charged: the cap where weight counts
    Column("line_minor", BigInteger, nullable=False),
    # What the picker did: none of it is set before. Pieces missing are refunded for `short_reason`, or replaced.
    Column("picked_quantity", Integer),
    Column("picked_at", TIME),
    Column("picked_by", ForeignKey("person.id")),
    Column("weight_g", Integer),  # of all its pieces, net, where weight counts
    Column("short_reason", Text),
    Column("substitute_id", ForeignKey("product.id")),
    Column("substitute_quantity", Integer),
    CheckConstraint("quantity BETWEEN 1 AND 99", name="quantity"),
    CheckConstraint("picked_quantity BETWEEN 0 AND quantity", name="picked"),
    CheckConstraint("weight_g > 0", name="weight_positive"),
    CheckConstraint("(substitute_id IS NULL) = (substitute_quantity IS NULL)", name="substitute_whole"),
    CheckConstraint("picked_quantity + coalesce(substitute_quantity, 0) <= quantity", name="no_more_than_ordered"),
    CheckConstraint("(picked_at IS NULL) = (picked_quantity IS NULL)", name="picked_whole"),
    one_of("short_reason", ShortReason),
    CheckConstraint("line_minor = quantity * price_minor", name="line_adds_up"),
)

# What an order's release must give back: run_capacity rows it took. Lines tell the stock, the order tells the window.
capacity_hold = Table(
    "capacity_hold",
    metadata,
    Column("order_id", ForeignKey("customer_order.id"), primary_key=True),
    Column("run_no", Integer, primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("size_or_larger", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    ForeignKeyConstraint(
        ["run_no", "zone", "size_or_larger"],
        ["run_capacity.run_no", "run_capacity.zone", "run_capacity.size_or_larger"],
    ),
    CheckConstraint("count > 0", name="count_positive"),
)

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

# A choice put to a resident when something does not go as promised: one at a time, answered once.
offer = Table(
    "offer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("options", ARRAY(Text), nullable=False),
    Column("facts", JSONB, nullable=False, server_default="{}"),
    Column("made_at", TIME, nullable=False),
    Column("answer_by", TIME, nullable=False),
    Column("chosen", Text),  # one of the options, or none when nobody answered in time
    Column("closed_at", TIME),
    CheckConstraint("kind IN ('late_van', 'called_off', 'not_loaded', 'not_collected')", name="kind"),
    CheckConstraint("chosen IS NULL OR chosen = ANY(options)", name="chosen"),
    Index("uq_offer_open", "order_id", unique=True, postgresql_where=text("closed_at IS NULL")),
)

credential = Table(
    "credential",
    metadata,
    Column("id", Text, primary_key=True),  # 16 hex digits
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("handle", Integer, nullable=False),
    Column("generation", SmallInteger, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("ended_at", TIME),  # superseded, revoked or spent
    Column("typed", Boolean, nullable=False),
    UniqueConstraint("order_id", "generation"),
    Index("uq_credential_live_handle", "site_id", "handle", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("uq_credential_live_order", "order_id", unique=True, postgresql_where=text("ended_at IS NULL")),
)

# Each move of an order, parcel or payment, and who made it: `person:…`, `gateway:…`, `provider:…` or `clock`.
history = Table(
    "history",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("from_state", Text),
    Column("event", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    CheckConstraint("subject IN ('order', 'parcel', 'payment')", name="subject"),
)

# What staff changed that is not a move, and who: prices, stock, doors' use, roles. Insert-only.
change = Table(
    "change",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, nullable=False),  # SKU; run/SKU; site/door; person, order or refund
    Column("field", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint("subject IN ('product', 'stock', 'door', 'person', 'order', 'refund')", name="subject"),
    Index("ix_change_subject", "subject", "subject_id", "id"),
)

idempotent_request = Table(
    "idempotent_request",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("answer", JSONB),
    Column("made_at", TIME, nullable=False),
)

# --- money ------------------------------------------------------------------------------------------------------------

payment = Table(
    "payment",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("provider", Text, nullable=False),
    Column("provider_ref", Text),  # known once the provider answered
    Column("state", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("checked_at", TIME),  # when the provider was last asked
    one_of("state", PaymentState),
    UniqueConstraint("provider", "provider_ref"),
)

payment_webhook = Table(
    "payment_webhook",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("received_at", TIME, nullable=False),
    Column("provider_ref", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("applied_at", TIME),
)

# Money that was decided to go back, once per order and `cause_key`; sent by its id as idempotency key.
refund = Table(
    "refund",
    metadata,
    Column("id", Text, primary_key=True),
    Column("refund_no", Text, nullable=False, unique=True),  # short, for people: R-…
    Column("order_id", ForeignKey("customer_order.id"), nullable=False),
    Column("payment_id", ForeignKey("payment.id"), nullable=False, index=True),
    Column("cause", Text, nullable=False),
    Column("cause_key", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("decided_at", TIME, nullable=False),
    Column("decided_by", Text, nullable=False),  # an actor, as in history
    Column("next_try_at", TIME, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("done_at", TIME),
    Column("failed", Text),  # the provider will not do it; staff must
    Column("reason", Text),  # in the words of staff who decided it by hand
    UniqueConstraint("order_id", "cause_key"),
    CheckConstraint("amount_minor > 0", name="amount_positive"),
    CheckConstraint(
        "cause IN ('short', 'substitute', 'weight', 'not_collected', 'given_up', 'not_brought', 'late_payment',"
        " 'second_payment', 'staff')",
        name="cause",
    ),
    Index("ix_refund_due", "next_try_at", postgresql_where=text("done_at IS NULL AND failed IS NULL")),
)

# What of a refund belongs to which line; together no more than the line was charged.
refund_line = Table(
    "refund_line",
    metadata,
    Column("refund_id", ForeignKey("refund.id"), primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("line_no", SmallInteger, primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    ForeignKeyConstraint(["order_id", "line_no"], ["order_line.order_id", "order_line.line_no"]),
    CheckConstraint("amount_minor > 0", name="amount_positive"),
)

refund_number = Sequence("refund_number", minvalue=1, metadata=metadata)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("transaction_id", Text, nullable=False, index=True),
    Column("at", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # debit > 0, credit < 0; a transaction sums to zero
    Column("currency", Text, nullable=False),
    CheckConstraint("account IN ('provider_clearing', 'customer_held', 'sales', 'refunds')", name="account"),
)

# What the sandbox provider itself remembers. It shares our database for want of another, and nothing of ours reads it
# except through the provider protocol.
sandbox_charge = Table(
    "sandbox_charge",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("return_url", Text, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),
    Column("refund_keys", ARRAY(Text), nullable=False, server_default="{}"),
    Column("made_at", TIME, nullable=False),
    CheckConstraint("state IN ('open', 'captured', 'declined')", name="state"),
    CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refund_capped"),
)

# --- links ------------------------------------------------------------------------------------------------------------

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
    CheckConstraint("(kind = 'open' AND \"right\" IS NOT NULL) OR (kind = 'load' AND label IS NOT NULL)", name="kind"),
    one_of("fault", DoorFault),
    one_of("hold_state", HoldState),
    CheckConstraint("(hold_state IS NULL) = (hold_until IS NULL)", name="held_whole"),
    CheckConstraint("(hold_state IN ('confirmed', 'declined')) = (second_id IS NOT NULL)", name="second_named"),
    CheckConstraint("second_id <> person_id", name="second_is_another"),
    CheckConstraint("sent_at IS NULL OR hold_state = 'confirmed' OR hold_state IS NULL", name="sent_when_confirmed"),
    Index("ix_remote_command_unsent", "asked_at", postgresql_where=text("sent_at IS NULL")),
    Index("ix_remote_command_asked", "asked_at"),
    Index("ix_remote_command_held", "hold_until", postgresql_where=text("hold_state = 'waiting'")),
)

# Who did what, by what right and why: each site's unlocks, and people's acts that matter. Insert-only, hash over hash
# (`locker_protocol.audit_chain`); `body` is what is hashed, the columns beside it repeat it (`domain.audit_record`).
audit = Table(
    "audit",
    metadata,
    Column("chain", Text, primary_key=True),  # `people`, or a gateway and its log: `gateway:log`
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger),  # the event's number in that log
    Column("at_ms", BigInteger, nullable=False),  # civil, as the site told it: that is what was hashed
    Column("act", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("right", Text, nullable=False),
    Column("second", Text),  # who confirmed it
    Column("site_id", Text),
    Column("doors", ARRAY(SmallInteger), nullable=False),
    Column("order_id", Text),
    Column("why", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_site", "site_id", "at_ms"),
)

# The last row of each chain; its lock puts writers one after another.
audit_head = Table(
    "audit_head",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("no", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

# How a gateway said that its own audit ends, each time that changed, by its signed time. Insert-only.
audit_told = Table(
    "audit_told",
    metadata,
    Column("gateway_id", ForeignKey("gateway.id"), primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("heard_at", TIME, nullable=False),
    Column("no", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

# A keeper looked an order up with the person in front of them; without `order_id` what was said did not fit any.
keeper_look = Table(
    "keeper_look",
    metadata,
    Column("id", Text, primary_key=True),  # random: it stands in an address
    Column("at", TIME, nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("order_id", ForeignKey("customer_order.id"), index=True),
    Index("ix_keeper_look_wrong", "person_id", "at", postgresql_where=text("order_id IS NULL")),
)

# What a keeper told the office. Insert-only.
trouble_report = Table(
    "trouble_report",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("site_id", ForeignKey("site.id"), nullable=False, index=True),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("door", SmallInteger),
    Column("words", Text, nullable=False),
)

# The worker that serves a shard, by the database's clock: real time, whatever the demo does to the civil one.
worker_beat = Table(
    "worker_beat",
    metadata,
    Column("shard", Text, primary_key=True),
    Column("connected", Boolean, nullable=False),  # to the uplink's broker
    Column("beat_at", TIME, nullable=False),
)

notification = Table(
    "notification",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", ForeignKey("person.id")),  # none: a sign-in code to somebody not yet known
    Column("contact", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", ForeignKey("customer_order.id")),
    Column("language", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("next_try_at", TIME, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("sent_at", TIME),
    Column("failed", Text),
    Index("ix_notification_due", "next_try_at", postgresql_where=text("sent_at IS NULL AND failed IS NULL")),
)
