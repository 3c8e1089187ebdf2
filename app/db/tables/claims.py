"""Claims: what households say was wrong, what was answered, and batches of which several said it."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.db.tables.columns import TIME, metadata, one_of
from app.domain.claim_state import ClaimState
from app.domain.claims import ClaimKind, RefusalAnswer, WhyHeld
from app.domain.hand_off import HandOff

claim = Table(
    "claim",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_id", ForeignKey("customer_order.id"), nullable=False),
    Column("line_no", SmallInteger, nullable=False),
    Column("key", Text, nullable=False),  # of the form it was sent with: the same again is the same claim
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("words", Text, nullable=False, server_default=""),  # the household's own
    Column("batches", ARRAY(Text), nullable=False),  # what it has in common with other households' (`domain.claims`)
    Column("worth_minor", BigInteger, nullable=False),
    Column("granted_minor", BigInteger, nullable=False, server_default="0"),
    Column("currency", Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("made_by", Text, nullable=False),  # an actor, as in history
    Column("first_by", ForeignKey("claim_alarm.id")),  # no household made it: staff gave back first, after this alarm
    Column("why_held", Text),
    Column("answered_at", TIME),
    Column("answered_by", Text),  # an actor; the clock where the policy granted it
    Column("answer", Text),  # why it was refused, as its household is told
    Column("reason", Text),  # in the words of staff who decided it
    Column("refund_no", ForeignKey("refund.refund_no"), unique=True),
    Column("hand_off", Text, nullable=False),  # who bears its cost
    Column("hand_off_by", Text),  # an actor, where somebody corrected it
    ForeignKeyConstraint(["order_id", "line_no"], ["order_line.order_id", "order_line.line_no"]),
    UniqueConstraint("order_id", "key", "line_no", "kind"),
    one_of("state", ClaimState),
    one_of("kind", ClaimKind),
    one_of("why_held", WhyHeld),
    one_of("answer", RefusalAnswer),
    one_of("hand_off", HandOff),
    CheckConstraint("quantity BETWEEN 1 AND 99", name="quantity"),
    CheckConstraint("worth_minor > 0", name="worth_positive"),
    CheckConstraint("granted_minor BETWEEN 0 AND worth_minor", name="granted_capped"),
    CheckConstraint(
        "(state = 'granted') = (refund_no IS NOT NULL) AND (state = 'granted') = (granted_minor > 0)",
        name="granted_whole",
    ),
    CheckConstraint("state <> 'refused' OR answer IS NOT NULL", name="refused_has_answer"),
    Index("ix_claim_line", "order_id", "line_no"),
    Index("ix_claim_made_at", "made_at"),
    Index("ix_claim_waiting", "made_at", postgresql_where=text("state = 'waiting'")),
)

# JPEG without metadata, at most 300 kB. The hash is of the picture as kept, to notice one that is used again.
claim_photo = Table(
    "claim_photo",
    metadata,
    Column("claim_id", ForeignKey("claim.id"), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("jpeg", LargeBinary, nullable=False),
    Column("sha256", LargeBinary, nullable=False, index=True),
)

# A batch that several households claimed; one open alarm each, until staff say what was done.
claim_alarm = Table(
    "claim_alarm",
    metadata,
    Column("id", Text, primary_key=True),
    Column("batch", Text, nullable=False),
    Column("site_id", ForeignKey("site.id"), nullable=False),  # where the claim came from that raised it
    Column("product_id", ForeignKey("product.id"), nullable=False),
    Column("kind", Text, nullable=False),  # what most of the claims said
    Column("raised_at", TIME, nullable=False),
    Column("orders", Integer, nullable=False),  # that had claimed when it was raised
    Column("closed_at", TIME),
    Column("closed_by", Text),  # an actor
    Column("reason", Text),  # in the words of who closed it
    one_of("kind", ClaimKind),
    CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_whole"),
    Index("uq_claim_alarm_open", "batch", unique=True, postgresql_where=text("closed_at IS NULL")),
)

# A site's own rules; without a row those of `domain.claims.DEFAULT_POLICY` hold.
claim_policy = Table(
    "claim_policy",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True),
    Column("claim_within_h", Integer, nullable=False),
    Column("automatic_most_minor", BigInteger, nullable=False),
    Column("automatic_times", Integer, nullable=False),
    Column("automatic_days", Integer, nullable=False),
    Column("alarm_claims", Integer, nullable=False),
    Column("alarm_within_h", Integer, nullable=False),
)
