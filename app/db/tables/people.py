"""Who there is, how they sign in, and what they were told."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
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

from app.db.tables.columns import TIME, by_age, metadata, one_of
from app.domain.roles import Role

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False, server_default=Role.RESIDENT.value),
    Column("guest", Boolean, nullable=False, server_default=text("false")),  # ordered without an account: a browser
    Column("staff_no", Integer, unique=True),  # stands in rotating staff codes
    Column("phone", Text, unique=True),  # E.164
    Column("mail", Text, unique=True),
    Column("display_name", Text, nullable=False, server_default=""),
    Column("site_id", ForeignKey("site.id")),
    Column("language", Text, nullable=False, server_default="zh"),
    Column("substitution", Text, nullable=False, server_default="refund"),  # what they want where something is short
    Column("low_door", Boolean, nullable=False, server_default=text("false")),  # asked for with their last order
    Column("created_at", TIME, nullable=False),
    Column("erased_at", TIME),  # their account is gone; what books must keep hangs on this row without a name
    one_of("role", Role),
    Index("ix_person_guests", "created_at", postgresql_where=text("guest")),
    CheckConstraint("(erased_at IS NULL) = (phone IS NOT NULL OR mail IS NOT NULL OR guest)", name="reachable"),
    CheckConstraint(
        "NOT guest OR (phone IS NULL AND mail IS NULL AND role = 'resident' AND staff_no IS NULL)",
        name="guest_confirmed",
    ),
    CheckConstraint("erased_at IS NULL OR (display_name = '' AND site_id IS NULL)", name="erased_whole"),
    CheckConstraint("language IN ('zh', 'en')", name="language"),
    CheckConstraint("substitution IN ('similar', 'refund')", name="substitution"),
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
    Column("facts", JSONB, nullable=False, server_default="{}"),  # what fills the text's gaps; templates want them
    Column("made_at", TIME, nullable=False),
    Column("next_try_at", TIME, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("sent_at", TIME),
    Column("failed", Text),
    Index("ix_notification_person_id", "person_id"),
    by_age("notification", "made_at"),
    Index("ix_notification_strangers", "contact", postgresql_where=text("person_id IS NULL")),
    Index("ix_notification_due", "next_try_at", postgresql_where=text("sent_at IS NULL AND failed IS NULL")),
)
