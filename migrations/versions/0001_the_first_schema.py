"""The first schema: every table of `app.db.tables`, and the rules only a database can keep.

Expand first, backfill, remove in a later release; take locks for no longer than `lock_timeout` allows.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Checked at commit: a transaction of the ledger is written row by row.
LEDGER_SUMS_TO_ZERO = """
CREATE FUNCTION ledger_sums_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger_entry WHERE transaction_id = NEW.transaction_id
        GROUP BY currency HAVING sum(amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'ledger: % does not sum to zero', NEW.transaction_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_sums_to_zero AFTER INSERT ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_sums_to_zero();
"""

REFUND_CAPPED = """
CREATE FUNCTION count_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payment SET refund_minor = refund_minor + NEW.amount_minor
    WHERE id = NEW.payment_id AND currency = NEW.currency AND order_id = NEW.order_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'refund: % is not of its payment', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_refund AFTER INSERT ON refund FOR EACH ROW EXECUTE FUNCTION count_refund();
"""

INSERT_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON cold_policy
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON audit_told
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON receipt
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Apply."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("refund_number", minvalue=1)))
    op.execute(sa.schema.CreateSequence(sa.Sequence("order_number", minvalue=1)))
    op.create_table(
        "alarm_told",
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alarms", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "cause IN ('quarantined', 'too_warm', 'too_cold', 'unmeasured', 'locker_silent', 'site_silent',"
            " 'sensor', 'defrost')",
            name=op.f("ck_alarm_told_cause"),
        ),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_alarm_told")),
    )
    op.create_table(
        "audit",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("right", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=True),
        sa.Column("site_id", sa.Text(), nullable=True),
        sa.Column("doors", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "no", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_site", "audit", ["site_id", "at_ms"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("no", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "category",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_category")),
    )
    op.create_table(
        "payment_webhook",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("provider", "event_id", name=op.f("pk_payment_webhook")),
    )
    op.create_index("ix_payment_webhook_age", "payment_webhook", ["received_at"], unique=False, postgresql_using="brin")
    op.create_index(
        "ix_payment_webhook_unapplied",
        "payment_webhook",
        ["provider_ref"],
        unique=False,
        postgresql_where=sa.text("applied_at IS NULL"),
    )
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("movements", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("healed", sa.Integer(), nullable=False),
        sa.CheckConstraint("since < until", name=op.f("ck_reconciliation_forward")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation")),
    )
    op.create_index("ix_reconciliation_until", "reconciliation", ["provider", "until"], unique=False)
    op.create_table(
        "rejected_message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_message")),
    )
    op.create_index(
        "ix_rejected_message_age", "rejected_message", ["received_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "sandbox_charge",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('open', 'captured', 'declined')", name=op.f("ck_sandbox_charge_state")),
        sa.CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name=op.f("ck_sandbox_charge_refund_capped")),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_sandbox_charge")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_sandbox_charge_idempotency_key")),
    )
    op.create_index("ix_sandbox_charge_age", "sandbox_charge", ["made_at"], unique=False, postgresql_using="brin")
    op.create_index("ix_sandbox_charge_decided_at", "sandbox_charge", ["decided_at"], unique=False)
    op.create_table(
        "sandbox_message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("forged", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_message")),
    )
    op.create_index(op.f("ix_sandbox_message_due_at"), "sandbox_message", ["due_at"], unique=False)
    op.create_table(
        "sandbox_switch",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("faults", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_sandbox_switch_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_switch")),
    )
    op.create_table(
        "scale",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("verified_until", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scale")),
    )
    op.create_table(
        "sign_in_code",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("ck_sign_in_code_tries")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_code")),
    )
    op.create_index(op.f("ix_sign_in_code_contact"), "sign_in_code", ["contact"], unique=False)
    op.create_table(
        "site",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("site_no", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("address_zh", sa.Text(), nullable=False),
        sa.Column("address_en", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("households", sa.Integer(), nullable=False),
        sa.Column("neighbours", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("site_no", name=op.f("uq_site_site_no")),
    )
    op.create_table(
        "supplier",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("margin_percent", sa.SmallInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("margin_percent BETWEEN 0 AND 100", name=op.f("ck_supplier_margin")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier")),
        sa.UniqueConstraint("name_zh", name=op.f("uq_supplier_name_zh")),
    )
    op.create_table(
        "worker_beat",
        sa.Column("shard", sa.Text(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_worker_beat")),
    )
    op.create_table(
        "cancel_policy",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("closed_percent", sa.SmallInteger(), nullable=False),
        sa.Column("packed_percent", sa.SmallInteger(), nullable=False),
        sa.Column("ready_percent", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "closed_percent BETWEEN 0 AND 100 AND packed_percent BETWEEN 0 AND 100 AND ready_percent BETWEEN 0 AND 100",
            name=op.f("ck_cancel_policy_percents"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_cancel_policy_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_cancel_policy")),
    )
    op.create_table(
        "claim_policy",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("claim_within_h", sa.Integer(), nullable=False),
        sa.Column("automatic_most_minor", sa.BigInteger(), nullable=False),
        sa.Column("automatic_times", sa.Integer(), nullable=False),
        sa.Column("automatic_days", sa.Integer(), nullable=False),
        sa.Column("alarm_claims", sa.Integer(), nullable=False),
        sa.Column("alarm_within_h", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_claim_policy_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_claim_policy")),
    )
    op.create_table(
        "gateway",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("shard", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("told_keys", sa.Text(), nullable=True),
        sa.Column("keys_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("boot_id", sa.Text(), nullable=True),
        sa.Column("online", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ahead_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("down_log_id", sa.Text(), nullable=True),
        sa.Column("down_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("down_acked_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("up_log_id", sa.Text(), nullable=True),
        sa.Column("up_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("down_acked_seq <= down_seq", name=op.f("ck_gateway_acked_was_sent")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_gateway_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway")),
        sa.UniqueConstraint("site_id", name=op.f("uq_gateway_site_id")),
    )
    op.create_table(
        "load_run",
        sa.Column("run_no", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("order_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("load_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("load_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removal_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("called_off_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "order_by <= load_from AND load_from < load_until AND load_until < removal_from",
            name=op.f("ck_load_run_times"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_load_run_site_id")),
        sa.PrimaryKeyConstraint("run_no", name=op.f("pk_load_run")),
        sa.UniqueConstraint("site_id", "local_date", "kind", name=op.f("uq_load_run_site_id_local_date_kind")),
    )
    op.create_index("ix_load_run_removal_from", "load_run", ["site_id", "removal_from"], unique=False)
    op.create_table(
        "locker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("width_mm", sa.Integer(), nullable=False),
        sa.Column("height_mm", sa.Integer(), nullable=False),
        sa.Column("head", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("online", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("minutes_through", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_locker_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locker")),
    )
    op.create_index(op.f("ix_locker_site_id"), "locker", ["site_id"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default="resident", nullable=False),
        sa.Column("guest", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("staff_no", sa.Integer(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("mail", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), server_default="", nullable=False),
        sa.Column("site_id", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), server_default="zh", nullable=False),
        sa.Column("substitution", sa.Text(), server_default="refund", nullable=False),
        sa.Column("low_door", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "NOT guest OR (phone IS NULL AND mail IS NULL AND role = 'resident' AND staff_no IS NULL)",
            name=op.f("ck_person_guest_confirmed"),
        ),
        sa.CheckConstraint(
            "erased_at IS NULL OR (display_name = '' AND site_id IS NULL)", name=op.f("ck_person_erased_whole")
        ),
        sa.CheckConstraint("language IN ('zh', 'en')", name=op.f("ck_person_language")),
        sa.CheckConstraint(
            "role IN ('resident', 'picker', 'driver', 'keeper', 'operator', 'admin')", name=op.f("ck_person_role")
        ),
        sa.CheckConstraint("substitution IN ('similar', 'refund')", name=op.f("ck_person_substitution")),
        sa.CheckConstraint(
            "(erased_at IS NULL) = (phone IS NOT NULL OR mail IS NOT NULL OR guest)", name=op.f("ck_person_reachable")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_person_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("mail", name=op.f("uq_person_mail")),
        sa.UniqueConstraint("phone", name=op.f("uq_person_phone")),
        sa.UniqueConstraint("staff_no", name=op.f("uq_person_staff_no")),
    )
    op.create_index("ix_person_guests", "person", ["created_at"], unique=False, postgresql_where=sa.text("guest"))
    op.create_table(
        "product",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("category_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("unit_zh", sa.Text(), nullable=False),
        sa.Column("unit_en", sa.Text(), nullable=False),
        sa.Column("origin_zh", sa.Text(), nullable=False),
        sa.Column("origin_en", sa.Text(), nullable=False),
        sa.Column("picture", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("cap_minor", sa.BigInteger(), nullable=True),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=True),
        sa.Column("unit_price_per", sa.Text(), nullable=True),
        sa.Column("tax_code", sa.Text(), nullable=False),
        sa.Column("food_class", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("tolerates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("life_h", sa.Integer(), nullable=False),
        sa.Column("volume_ml", sa.Integer(), nullable=False),
        sa.Column("longest_mm", sa.Integer(), nullable=False),
        sa.Column("weight_g", sa.Integer(), nullable=False),
        sa.Column("net_g", sa.Integer(), nullable=True),
        sa.Column("flags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("stock_a_run", sa.Integer(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=True),
        sa.CheckConstraint("replace(unit_zh, '公斤', '') NOT LIKE '%斤%'", name=op.f("ck_product_legal_unit")),
        sa.CheckConstraint("unit_price_per IN ('500g', 'kg', 'L', 'each')", name=op.f("ck_product_legal_unit_price")),
        sa.CheckConstraint("zone IN ('frozen', 'chilled', 'cool', 'ambient')", name=op.f("ck_product_zone")),
        sa.CheckConstraint(
            "(net_g IS NULL OR net_g > 0) AND (cap_minor IS NULL OR net_g IS NOT NULL)",
            name=op.f("ck_product_weighed_has_net"),
        ),
        sa.CheckConstraint("cap_minor IS NULL OR cap_minor >= price_minor", name=op.f("ck_product_cap_covers_price")),
        sa.CheckConstraint("price_minor > 0", name=op.f("ck_product_price_positive")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_product_category_id")),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], name=op.f("fk_product_supplier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
    )
    op.create_index(op.f("ix_product_category_id"), "product", ["category_id"], unique=False)
    op.create_index(op.f("ix_product_supplier_id"), "product", ["supplier_id"], unique=False)
    op.create_table(
        "receipt_counter",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("last_no", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_receipt_counter_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_receipt_counter")),
    )
    op.create_table(
        "sandbox_refund",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("charge_ref", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_sandbox_refund_amount_positive")),
        sa.ForeignKeyConstraint(["charge_ref"], ["sandbox_charge.ref"], name=op.f("fk_sandbox_refund_charge_ref")),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_sandbox_refund")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_sandbox_refund_idempotency_key")),
    )
    op.create_index(op.f("ix_sandbox_refund_charge_ref"), "sandbox_refund", ["charge_ref"], unique=False)
    op.create_index(op.f("ix_sandbox_refund_made_at"), "sandbox_refund", ["made_at"], unique=False)
    op.create_table(
        "site_calendar",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("calendar", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_site_calendar_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_site_calendar")),
    )
    op.create_table(
        "tax_rate",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("tax_code", sa.Text(), nullable=False),
        sa.Column("rate_bp", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.CheckConstraint("rate_bp BETWEEN 0 AND 10000", name=op.f("ck_tax_rate_rate")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_tax_rate_site_id")),
        sa.PrimaryKeyConstraint("site_id", "tax_code", name=op.f("pk_tax_rate")),
    )
    op.create_table(
        "alarm_answer",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "cause IN ('quarantined', 'too_warm', 'too_cold', 'miswired', 'forced', 'jammed', 'clock_ahead',"
            " 'site_silent', 'locker_silent', 'unmeasured', 'reads_open', 'left_open', 'sensor', 'defrost',"
            " 'refusals')",
            name=op.f("ck_alarm_answer_cause"),
        ),
        sa.CheckConstraint(
            "until IS NULL OR until <= at + interval '24 hours' AND until > at",
            name=op.f("ck_alarm_answer_silence_ends"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_alarm_answer_person_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_alarm_answer_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_answer")),
    )
    op.create_index("ix_alarm_answer_at", "alarm_answer", ["at"], unique=False)
    op.create_table(
        "answered_request",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_answered_request_person_id")),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_answered_request")),
    )
    op.create_index("ix_answered_request_made_at", "answered_request", ["made_at"], unique=False)
    op.create_table(
        "audit_told",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("no", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_audit_told_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "log_id", "at_ms", name=op.f("pk_audit_told")),
    )
    op.create_table(
        "cabinet_energy",
        sa.Column("locker_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("first_wh", sa.BigInteger(), nullable=False),
        sa.Column("last_wh", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("last_wh >= first_wh", name=op.f("ck_cabinet_energy_never_back")),
        sa.ForeignKeyConstraint(["locker_id"], ["locker.id"], name=op.f("fk_cabinet_energy_locker_id")),
        sa.PrimaryKeyConstraint("locker_id", "day", name=op.f("pk_cabinet_energy")),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "subject IN ('product', 'stock', 'door', 'person', 'order', 'refund', 'claim', 'lot',"
            " 'supplier', 'difference', 'cold', 'site')",
            name=op.f("ck_change_subject"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_change_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
    )
    op.create_index("ix_change_subject", "change", ["subject", "subject_id", "id"], unique=False)
    op.create_table(
        "claim_alarm",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('spoiled', 'missing', 'wrong_item', 'damaged', 'short_weight', 'warm')",
            name=op.f("ck_claim_alarm_kind"),
        ),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name=op.f("ck_claim_alarm_closed_whole")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_claim_alarm_product_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_claim_alarm_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_alarm")),
    )
    op.create_index(
        "uq_claim_alarm_open", "claim_alarm", ["batch"], unique=True, postgresql_where=sa.text("closed_at IS NULL")
    )
    op.create_table(
        "cold_policy",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site_id", sa.Text(), nullable=True),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_cold_policy_version_positive")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_cold_policy_made_by")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_cold_policy_site_id")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_cold_policy")),
    )
    op.create_index(op.f("ix_cold_policy_site_id"), "cold_policy", ["site_id"], unique=False)
    op.create_table(
        "compartment",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("door", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("locker_id", sa.Text(), nullable=False),
        sa.Column("column_no", sa.SmallInteger(), nullable=False),
        sa.Column("row_no", sa.SmallInteger(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("volume_ml", sa.Integer(), nullable=False),
        sa.Column("longest_mm", sa.Integer(), nullable=False),
        sa.Column("x_mm", sa.Integer(), nullable=False),
        sa.Column("y_mm", sa.Integer(), nullable=False),
        sa.Column("width_mm", sa.Integer(), nullable=False),
        sa.Column("height_mm", sa.Integer(), nullable=False),
        sa.Column("sill_mm", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("condition", sa.Text(), server_default="free", nullable=False),
        sa.Column("condition_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("door_state", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("door_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("trouble_door", sa.SmallInteger(), nullable=True),
        sa.Column("trouble_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("condition IN ('free', 'to_check', 'broken')", name=op.f("ck_compartment_condition")),
        sa.CheckConstraint("door_state IN ('shut', 'open', 'unknown')", name=op.f("ck_compartment_door_state")),
        sa.CheckConstraint("size IN ('S', 'M', 'L', 'XL')", name=op.f("ck_compartment_size")),
        sa.CheckConstraint(
            "trouble IN ('miswired', 'forced', 'jammed', 'reads_open')", name=op.f("ck_compartment_trouble")
        ),
        sa.CheckConstraint("zone IN ('frozen', 'chilled', 'cool', 'ambient')", name=op.f("ck_compartment_zone")),
        sa.CheckConstraint("(trouble IS NULL) = (trouble_at IS NULL)", name=op.f("ck_compartment_trouble_whole")),
        sa.ForeignKeyConstraint(["locker_id"], ["locker.id"], name=op.f("fk_compartment_locker_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_compartment_site_id")),
        sa.PrimaryKeyConstraint("site_id", "door", name=op.f("pk_compartment")),
    )
    op.create_index(op.f("ix_compartment_locker_id"), "compartment", ["locker_id"], unique=False)
    op.create_index(
        "ix_compartment_wrong",
        "compartment",
        ["locker_id"],
        unique=False,
        postgresql_where=sa.text("trouble IS NOT NULL OR door_state = 'open'"),
    )
    op.create_table(
        "idempotent_request",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_idempotent_request_person_id")),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_idempotent_request")),
    )
    op.create_index(
        "ix_idempotent_request_age", "idempotent_request", ["made_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "lot",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("origin_zh", sa.Text(), nullable=False),
        sa.Column("origin_en", sa.Text(), nullable=False),
        sa.Column("grower", sa.Text(), server_default="", nullable=False),
        sa.Column("harvested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("certificate", sa.Text(), server_default="", nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('open', 'held', 'recalled')", name=op.f("ck_lot_state")),
        sa.CheckConstraint("received > 0", name=op.f("ck_lot_received")),
        sa.CheckConstraint("taken BETWEEN 0 AND received", name=op.f("ck_lot_taken")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_lot_product_id")),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], name=op.f("fk_lot_supplier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
        sa.UniqueConstraint("product_id", "code", name=op.f("uq_lot_product_id_code")),
    )
    op.create_index(
        "ix_lot_open", "lot", ["product_id", "expires_on"], unique=False, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(op.f("ix_lot_supplier_id"), "lot", ["supplier_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("log_id", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("acked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.CheckConstraint("(log_id IS NULL) = (seq IS NULL)", name=op.f("ck_outbox_numbered_whole")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_outbox_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("gateway_id", "log_id", "seq", name=op.f("uq_outbox_gateway_id_log_id_seq")),
    )
    op.create_index("ix_outbox_age", "outbox", ["made_at"], unique=False, postgresql_using="brin")
    op.create_index(
        "ix_outbox_unnumbered", "outbox", ["gateway_id", "id"], unique=False, postgresql_where=sa.text("seq IS NULL")
    )
    op.create_table(
        "pickup_window",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_cap", sa.Integer(), nullable=False),
        sa.Column("orders_taken", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_pickup_window_times")),
        sa.CheckConstraint("orders_taken BETWEEN 0 AND order_cap", name=op.f("ck_pickup_window_cap")),
        sa.ForeignKeyConstraint(["run_no"], ["load_run.run_no"], name=op.f("fk_pickup_window_run_no")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pickup_window")),
    )
    op.create_index(op.f("ix_pickup_window_run_no"), "pickup_window", ["run_no"], unique=False)
    op.create_table(
        "pruned_log",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("through_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("through_seq > 0", name=op.f("ck_pruned_log_positive")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_pruned_log_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "log_id", name=op.f("pk_pruned_log")),
    )
    op.create_table(
        "remote_command",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("doors", sa.ARRAY(sa.SmallInteger()), server_default="{}", nullable=False),
        sa.Column("right", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("instead_of", sa.SmallInteger(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("credential_id", sa.Text(), nullable=True),
        sa.Column("cold_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hold_state", sa.Text(), nullable=True),
        sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("second_id", sa.Text(), nullable=True),
        sa.Column("second_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_doors", sa.ARRAY(sa.SmallInteger()), server_default="{}", nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(hold_state IN ('confirmed', 'declined')) = (second_id IS NOT NULL)",
            name=op.f("ck_remote_command_second_named"),
        ),
        sa.CheckConstraint("fault IN ('no_fit', 'dirty', 'broken')", name=op.f("ck_remote_command_fault")),
        sa.CheckConstraint(
            "hold_state IN ('waiting', 'confirmed', 'declined', 'expired')", name=op.f("ck_remote_command_hold_state")
        ),
        sa.CheckConstraint(
            "kind <> 'collect' OR order_id IS NOT NULL AND credential_id IS NOT NULL",
            name=op.f("ck_remote_command_collect_whole"),
        ),
        sa.CheckConstraint("kind <> 'load' OR label IS NOT NULL", name=op.f("ck_remote_command_load_whole")),
        sa.CheckConstraint("kind IN ('open', 'load', 'collect')", name=op.f("ck_remote_command_kind")),
        sa.CheckConstraint(
            "sent_at IS NULL OR hold_state = 'confirmed' OR hold_state IS NULL",
            name=op.f("ck_remote_command_sent_when_confirmed"),
        ),
        sa.CheckConstraint("(hold_state IS NULL) = (hold_until IS NULL)", name=op.f("ck_remote_command_held_whole")),
        sa.CheckConstraint("kind <> 'open' OR \"right\" IS NOT NULL", name=op.f("ck_remote_command_open_whole")),
        sa.CheckConstraint("second_id <> person_id", name=op.f("ck_remote_command_second_is_another")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_remote_command_gateway_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_remote_command_person_id")),
        sa.ForeignKeyConstraint(["second_id"], ["person.id"], name=op.f("fk_remote_command_second_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_command")),
    )
    op.create_index("ix_remote_command_asked", "remote_command", ["asked_at"], unique=False)
    op.create_index(
        "ix_remote_command_collect",
        "remote_command",
        ["order_id", "asked_at"],
        unique=False,
        postgresql_where=sa.text("kind = 'collect'"),
    )
    op.create_index(
        "ix_remote_command_held",
        "remote_command",
        ["hold_until"],
        unique=False,
        postgresql_where=sa.text("hold_state = 'waiting'"),
    )
    op.create_index(
        "ix_remote_command_unsent",
        "remote_command",
        ["asked_at"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_table(
        "run_capacity",
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("size_or_larger", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("blocked", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("size_or_larger IN ('S', 'M', 'L', 'XL')", name=op.f("ck_run_capacity_size_or_larger")),
        sa.CheckConstraint("zone IN ('frozen', 'chilled', 'cool', 'ambient')", name=op.f("ck_run_capacity_zone")),
        sa.CheckConstraint("blocked BETWEEN 0 AND total", name=op.f("ck_run_capacity_blocked")),
        sa.CheckConstraint("taken BETWEEN 0 AND total", name=op.f("ck_run_capacity_no_overflow")),
        sa.ForeignKeyConstraint(["run_no"], ["load_run.run_no"], name=op.f("fk_run_capacity_run_no")),
        sa.PrimaryKeyConstraint("run_no", "zone", "size_or_larger", name=op.f("pk_run_capacity")),
    )
    op.create_table(
        "run_stock",
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("taken BETWEEN 0 AND total", name=op.f("ck_run_stock_no_oversell")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_run_stock_product_id")),
        sa.ForeignKeyConstraint(["run_no"], ["load_run.run_no"], name=op.f("fk_run_stock_run_no")),
        sa.PrimaryKeyConstraint("run_no", "product_id", name=op.f("pk_run_stock")),
    )
    op.create_table(
        "site_event",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_site_event_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "log_id", "seq", name=op.f("pk_site_event")),
    )
    op.create_index("ix_site_event_lately", "site_event", ["gateway_id", "at"], unique=False)
    op.create_index(op.f("ix_site_event_order_id"), "site_event", ["order_id"], unique=False)
    op.create_table(
        "trouble_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("door", sa.SmallInteger(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_trouble_report_person_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_trouble_report_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trouble_report")),
    )
    op.create_index(op.f("ix_trouble_report_site_id"), "trouble_report", ["site_id"], unique=False)
    op.create_table(
        "visit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gate", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("crates_back", sa.SmallInteger(), nullable=True),
        sa.Column("ice_packs_back", sa.SmallInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "crates_back BETWEEN 0 AND 999 AND ice_packs_back BETWEEN 0 AND 999", name=op.f("ck_visit_counts")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_visit_person_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_visit_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    op.create_index(
        "uq_visit_under_way", "visit", ["site_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_web_session_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_session")),
    )
    op.create_index(op.f("ix_web_session_person_id"), "web_session", ["person_id"], unique=False)
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cardinality(kinds) > 0", name=op.f("ck_webhook_endpoint_some_kinds")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_webhook_endpoint_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_table(
        "zone_alarm",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("locker_id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("alarm", sa.Text(), nullable=False),
        sa.Column("probe", sa.Text(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("value_c", sa.Float(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("probe IN ('air', 'product')", name=op.f("ck_zone_alarm_probe")),
        sa.CheckConstraint("zone IN ('frozen', 'chilled', 'cool', 'ambient')", name=op.f("ck_zone_alarm_zone")),
        sa.ForeignKeyConstraint(["locker_id"], ["locker.id"], name=op.f("fk_zone_alarm_locker_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_zone_alarm_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone_alarm")),
    )
    op.create_index("ix_zone_alarm_site", "zone_alarm", ["site_id", "found_at"], unique=False)
    op.create_index(
        "uq_zone_alarm_open",
        "zone_alarm",
        ["locker_id", "zone", "alarm"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "zone_hour",
        sa.Column("locker_id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("samples", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("product_min", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("product_mean", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("product_max", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("air_min", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("air_mean", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("air_max", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("open_s", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("cooling_s", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("defrost_s", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("air_fault", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("product_fault", sa.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("zone IN ('frozen', 'chilled', 'cool', 'ambient')", name=op.f("ck_zone_hour_zone")),
        sa.CheckConstraint("cardinality(samples) IN (4, 60)", name=op.f("ck_zone_hour_whole_hour")),
        sa.ForeignKeyConstraint(["locker_id"], ["locker.id"], name=op.f("fk_zone_hour_locker_id")),
        sa.PrimaryKeyConstraint("locker_id", "zone", "hour", name=op.f("pk_zone_hour")),
        postgresql_with={"fillfactor": "40"},
    )
    op.create_index(
        "ix_zone_hour_unthinned",
        "zone_hour",
        ["hour"],
        unique=False,
        postgresql_where=sa.text("cardinality(samples) = 60"),
    )
    op.create_table(
        "zone_reading",
        sa.Column("locker_id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("air_c", sa.Float(), nullable=True),
        sa.Column("product_c", sa.Float(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("zone IN ('frozen', 'chilled', 'cool', 'ambient')", name=op.f("ck_zone_reading_zone")),
        sa.ForeignKeyConstraint(["locker_id"], ["locker.id"], name=op.f("fk_zone_reading_locker_id")),
        sa.PrimaryKeyConstraint("locker_id", "zone", name=op.f("pk_zone_reading")),
    )
    op.create_table(
        "crate_reading",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("visit_id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("product_c", sa.Float(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.CheckConstraint("zone IN ('frozen', 'chilled', 'cool', 'ambient')", name=op.f("ck_crate_reading_zone")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_crate_reading_person_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_crate_reading_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crate_reading")),
        sa.UniqueConstraint("visit_id", "zone", name=op.f("uq_crate_reading_visit_id_zone")),
    )
    op.create_table(
        "customer_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("window_id", sa.Integer(), nullable=False),
        sa.Column("stock_run_no", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("low_door", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("substitution", sa.Text(), server_default="refund", nullable=False),
        sa.Column("guest_contact", sa.Text(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hold_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hold_extended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("hold_prolonged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("withdrawn_for", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "state IN ('awaiting_payment', 'paid', 'packed', 'ready', 'expiring', 'collected', 'released', 'refunded')",
            name=op.f("ck_customer_order_state"),
        ),
        sa.CheckConstraint("substitution IN ('similar', 'refund')", name=op.f("ck_customer_order_substitution")),
        sa.CheckConstraint("total_minor > 0", name=op.f("ck_customer_order_total_positive")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_customer_order_person_id")),
        sa.ForeignKeyConstraint(["run_no"], ["load_run.run_no"], name=op.f("fk_customer_order_run_no")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_customer_order_site_id")),
        sa.ForeignKeyConstraint(["stock_run_no"], ["load_run.run_no"], name=op.f("fk_customer_order_stock_run_no")),
        sa.ForeignKeyConstraint(["window_id"], ["pickup_window.id"], name=op.f("fk_customer_order_window_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_order")),
        sa.UniqueConstraint("order_no", name=op.f("uq_customer_order_order_no")),
    )
    op.create_index("ix_customer_order_age", "customer_order", ["placed_at"], unique=False, postgresql_using="brin")
    op.create_index(
        "ix_customer_order_guest_contact",
        "customer_order",
        ["guest_contact", "placed_at"],
        unique=False,
        postgresql_where=sa.text("guest_contact IS NOT NULL"),
    )
    op.create_index("ix_customer_order_history", "customer_order", ["person_id", "placed_at", "id"], unique=False)
    op.create_index(
        "ix_customer_order_open_holds",
        "customer_order",
        ["hold_until"],
        unique=False,
        postgresql_where=sa.text("state = 'awaiting_payment'"),
    )
    op.create_index(op.f("ix_customer_order_run_no"), "customer_order", ["run_no"], unique=False)
    op.create_index(
        "ix_customer_order_under_way",
        "customer_order",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('awaiting_payment', 'paid', 'packed', 'ready', 'expiring')"),
    )
    op.create_table(
        "lot_photo",
        sa.Column("lot_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_lot_photo_lot_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_lot_photo_person_id")),
        sa.PrimaryKeyConstraint("lot_id", name=op.f("pk_lot_photo")),
    )
    op.create_table(
        "lot_recall",
        sa.Column("lot_id", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_lot_recall_lot_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_lot_recall_person_id")),
        sa.PrimaryKeyConstraint("lot_id", name=op.f("pk_lot_recall")),
    )
    op.create_index(
        "ix_lot_recall_open", "lot_recall", ["begun_at"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "visit_driver",
        sa.Column("visit_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_visit_driver_person_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_driver_visit_id")),
        sa.PrimaryKeyConstraint("visit_id", "person_id", name=op.f("pk_visit_driver")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered", sa.SmallInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name=op.f("ck_webhook_delivery_state")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoint.id"], name=op.f("fk_webhook_delivery_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("endpoint_id", "event_id", name=op.f("uq_webhook_delivery_endpoint_id_event_id")),
    )
    op.create_index(
        "ix_webhook_delivery_due",
        "webhook_delivery",
        ["endpoint_id", "next_try_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_webhook_delivery_over",
        "webhook_delivery",
        ["tried_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'waiting'"),
    )
    op.create_table(
        "capacity_hold",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("size_or_larger", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("count > 0", name=op.f("ck_capacity_hold_count_positive")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_capacity_hold_order_id")),
        sa.ForeignKeyConstraint(
            ["run_no", "zone", "size_or_larger"],
            ["run_capacity.run_no", "run_capacity.zone", "run_capacity.size_or_larger"],
            name=op.f("fk_capacity_hold_run_no_zone_size_or_larger"),
        ),
        sa.PrimaryKeyConstraint("order_id", "run_no", "zone", "size_or_larger", name=op.f("pk_capacity_hold")),
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("handle", sa.Integer(), nullable=False),
        sa.Column("generation", sa.SmallInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("typed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_credential_order_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_credential_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("order_id", "generation", name=op.f("uq_credential_order_id_generation")),
    )
    op.create_index("ix_credential_expires_at", "credential", ["site_id", "expires_at"], unique=False)
    op.create_index(op.f("ix_credential_order_id"), "credential", ["order_id"], unique=False)
    op.create_index(
        "uq_credential_live_handle",
        "credential",
        ["site_id", "handle"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_credential_live_order",
        "credential",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint("subject IN ('order', 'parcel', 'payment', 'claim')", name=op.f("ck_history_subject")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_history_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
    )
    op.create_index(op.f("ix_history_order_id"), "history", ["order_id"], unique=False)
    op.create_table(
        "keeper_look",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_keeper_look_order_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_keeper_look_person_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_keeper_look_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keeper_look")),
    )
    op.create_index(op.f("ix_keeper_look_order_id"), "keeper_look", ["order_id"], unique=False)
    op.create_index(
        "ix_keeper_look_wrong",
        "keeper_look",
        ["person_id", "at"],
        unique=False,
        postgresql_where=sa.text("order_id IS NULL"),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "account IN ('provider_clearing', 'customer_held', 'sales', 'refunds', 'claims_supplier',"
            " 'claims_packing', 'claims_transport', 'claims_locker', 'claims_collection', 'claims_unknown')",
            name=op.f("ck_ledger_entry_account"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_ledger_entry_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
    )
    op.create_index("ix_ledger_entry_at", "ledger_entry", ["at"], unique=False, postgresql_using="brin")
    op.create_index(op.f("ix_ledger_entry_order_id"), "ledger_entry", ["order_id"], unique=False)
    op.create_index(op.f("ix_ledger_entry_transaction_id"), "ledger_entry", ["transaction_id"], unique=False)
    op.create_table(
        "lot_recall_order",
        sa.Column("lot_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lot_id"], ["lot_recall.lot_id"], name=op.f("fk_lot_recall_order_lot_id")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_lot_recall_order_order_id")),
        sa.PrimaryKeyConstraint("lot_id", "order_id", name=op.f("pk_lot_recall_order")),
    )
    op.create_index(
        "ix_lot_recall_order_left",
        "lot_recall_order",
        ["lot_id", "order_id"],
        unique=False,
        postgresql_where=sa.text("at IS NULL"),
    )
    op.create_table(
        "notification",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_notification_order_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notification_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_age", "notification", ["made_at"], unique=False, postgresql_using="brin")
    op.create_index(
        "ix_notification_due",
        "notification",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL AND failed IS NULL"),
    )
    op.create_index("ix_notification_person_id", "notification", ["person_id"], unique=False)
    op.create_index(
        "ix_notification_strangers",
        "notification",
        ["contact"],
        unique=False,
        postgresql_where=sa.text("person_id IS NULL"),
    )
    op.create_table(
        "offer",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("options", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('late_van', 'called_off', 'not_loaded', 'not_collected')", name=op.f("ck_offer_kind")
        ),
        sa.CheckConstraint("chosen IS NULL OR chosen = ANY(options)", name=op.f("ck_offer_chosen")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_offer_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
    )
    op.create_index(op.f("ix_offer_order_id"), "offer", ["order_id"], unique=False)
    op.create_index("uq_offer_open", "offer", ["order_id"], unique=True, postgresql_where=sa.text("closed_at IS NULL"))
    op.create_table(
        "order_cancellation",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("percent", sa.SmallInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("stage IN ('open', 'closed', 'packed', 'ready')", name=op.f("ck_order_cancellation_stage")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_order_cancellation_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_order_cancellation")),
    )
    op.create_table(
        "parcel",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("volume_ml", sa.Integer(), nullable=False),
        sa.Column("longest_mm", sa.Integer(), nullable=False),
        sa.Column("weight_g", sa.Integer(), nullable=False),
        sa.Column("collect_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("planned_doors", sa.ARRAY(sa.SmallInteger()), server_default="{}", nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("packed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("packed_by", sa.Text(), nullable=True),
        sa.Column("seal", sa.Text(), nullable=True),
        sa.Column("door", sa.SmallInteger(), nullable=True),
        sa.Column("look_door", sa.SmallInteger(), nullable=True),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("collected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rescued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rescued_by", sa.Text(), nullable=True),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discarded_for", sa.Text(), nullable=True),
        sa.CheckConstraint("size IN ('S', 'M', 'L', 'XL')", name=op.f("ck_parcel_size")),
        sa.CheckConstraint("state <> 'rescued' OR keep_until IS NOT NULL", name=op.f("ck_parcel_rescued_has_end")),
        sa.CheckConstraint(
            "state IN ('draft', 'planned', 'packed', 'loaded', 'rescued', 'collected', 'returned',"
            " 'disposed', 'cancelled')",
            name=op.f("ck_parcel_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('loaded', 'collected') OR door IS NOT NULL", name=op.f("ck_parcel_loaded_has_door")
        ),
        sa.CheckConstraint("zone IN ('frozen', 'chilled', 'cool', 'ambient')", name=op.f("ck_parcel_zone")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_parcel_order_id")),
        sa.ForeignKeyConstraint(["packed_by"], ["person.id"], name=op.f("fk_parcel_packed_by")),
        sa.ForeignKeyConstraint(["rescued_by"], ["person.id"], name=op.f("fk_parcel_rescued_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel")),
        sa.UniqueConstraint("ref", name=op.f("uq_parcel_ref")),
    )
    op.create_index(op.f("ix_parcel_order_id"), "parcel", ["order_id"], unique=False)
    op.create_index(
        "ix_parcel_rescued", "parcel", ["keep_until"], unique=False, postgresql_where=sa.text("state = 'rescued'")
    )
    op.create_index(op.f("ix_parcel_rescued_by"), "parcel", ["rescued_by"], unique=False)
    op.create_index(
        "ix_parcel_there",
        "parcel",
        ["order_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('planned', 'packed', 'loaded', 'rescued')"),
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("unanswered_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refund_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("refund_minor = 0 OR state = 'captured'", name=op.f("ck_payment_refund_of_captured")),
        sa.CheckConstraint("state IN ('open', 'captured', 'failed')", name=op.f("ck_payment_state")),
        sa.CheckConstraint("refund_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payment_refund_capped")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_payment_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("provider", "provider_ref", name=op.f("uq_payment_provider_provider_ref")),
    )
    op.create_index("ix_payment_open", "payment", ["made_at"], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_index(op.f("ix_payment_order_id"), "payment", ["order_id"], unique=False)
    op.create_index(
        "ix_payment_unreceipted",
        "payment",
        ["order_id"],
        unique=False,
        postgresql_where=sa.text("state = 'captured' AND NOT receipted"),
    )
    op.create_table(
        "payment_difference",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("movement", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("own_id", sa.Text(), nullable=True),
        sa.Column("heals", sa.Boolean(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("ours_minor", sa.BigInteger(), nullable=True),
        sa.Column("theirs_minor", sa.BigInteger(), nullable=True),
        sa.Column("ours_currency", sa.Text(), nullable=True),
        sa.Column("theirs_currency", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'found') = (closed_at IS NULL)", name=op.f("ck_payment_difference_closed")),
        sa.CheckConstraint(
            "kind IN ('unknown_here', 'not_done_here', 'not_done_there', 'amount', 'currency', 'twice', 'came_back')",
            name=op.f("ck_payment_difference_kind"),
        ),
        sa.CheckConstraint("movement IN ('charge', 'refund')", name=op.f("ck_payment_difference_movement")),
        sa.CheckConstraint(
            "state <> 'decided' OR (closed_by IS NOT NULL AND note IS NOT NULL)",
            name=op.f("ck_payment_difference_decided_by_somebody"),
        ),
        sa.CheckConstraint("state IN ('found', 'healed', 'decided')", name=op.f("ck_payment_difference_state")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_payment_difference_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_difference")),
        sa.UniqueConstraint(
            "provider",
            "kind",
            "movement",
            "subject",
            "ours_minor",
            "theirs_minor",
            name=op.f("uq_payment_difference_provider_kind_movement_subject_ours_minor_theirs_minor"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        "ix_payment_difference_open",
        "payment_difference",
        ["found_at"],
        unique=False,
        postgresql_where=sa.text("state = 'found'"),
    )
    op.create_index(op.f("ix_payment_difference_order_id"), "payment_difference", ["order_id"], unique=False)
    op.create_table(
        "order_line",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.SmallInteger(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("parcel_id", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("line_minor", sa.BigInteger(), nullable=False),
        sa.Column("picked_quantity", sa.Integer(), nullable=True),
        sa.Column("picked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("picked_by", sa.Text(), nullable=True),
        sa.Column("weight_g", sa.Integer(), nullable=True),
        sa.Column("short_reason", sa.Text(), nullable=True),
        sa.Column("substitute_id", sa.Text(), nullable=True),
        sa.Column("substitute_quantity", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "short_reason IN ('not_delivered', 'spoiled', 'damaged', 'other')", name=op.f("ck_order_line_short_reason")
        ),
        sa.CheckConstraint("(picked_at IS NULL) = (picked_quantity IS NULL)", name=op.f("ck_order_line_picked_whole")),
        sa.CheckConstraint(
            "(substitute_id IS NULL) = (substitute_quantity IS NULL)", name=op.f("ck_order_line_substitute_whole")
        ),
        sa.CheckConstraint("line_minor = quantity * price_minor", name=op.f("ck_order_line_line_adds_up")),
        sa.CheckConstraint(
            "picked_quantity + coalesce(substitute_quantity, 0) <= quantity",
            name=op.f("ck_order_line_no_more_than_ordered"),
        ),
        sa.CheckConstraint("picked_quantity BETWEEN 0 AND quantity", name=op.f("ck_order_line_picked")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 99", name=op.f("ck_order_line_quantity")),
        sa.CheckConstraint("weight_g > 0", name=op.f("ck_order_line_weight_positive")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_order_line_order_id")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_order_line_parcel_id")),
        sa.ForeignKeyConstraint(["picked_by"], ["person.id"], name=op.f("fk_order_line_picked_by")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_order_line_product_id")),
        sa.ForeignKeyConstraint(["substitute_id"], ["product.id"], name=op.f("fk_order_line_substitute_id")),
        sa.PrimaryKeyConstraint("order_id", "line_no", name=op.f("pk_order_line")),
    )
    op.create_index(op.f("ix_order_line_parcel_id"), "order_line", ["parcel_id"], unique=False)
    op.create_table(
        "photo",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("parcel_id", sa.Text(), nullable=True),
        sa.Column("visit_id", sa.Text(), nullable=True),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("(parcel_id IS NULL) <> (visit_id IS NULL)", name=op.f("ck_photo_of_one_thing")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_photo_parcel_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_photo_person_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_photo_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
    )
    op.create_index("ix_photo_age", "photo", ["at"], unique=False, postgresql_using="brin")
    op.create_index(op.f("ix_photo_parcel_id"), "photo", ["parcel_id"], unique=False)
    op.create_index(op.f("ix_photo_visit_id"), "photo", ["visit_id"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("parcel_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("locker_id", sa.Text(), nullable=False),
        sa.Column("door", sa.SmallInteger(), nullable=False),
        sa.Column("food_class", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("condemned", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("kept", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("probe_c", sa.Float(), nullable=True),
        sa.Column("photo", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state = 'open') = (decided_at IS NULL)", name=op.f("ck_quarantine_decided_whole")),
        sa.CheckConstraint(
            "state <> 'released' OR (kept IS NOT NULL AND reason IS NOT NULL AND probe_c IS NOT NULL AND"
            " photo IS NOT NULL)",
            name=op.f("ck_quarantine_released_after_a_look"),
        ),
        sa.CheckConstraint(
            "state <> 'released' OR NOT kept && condemned", name=op.f("ck_quarantine_nothing_condemned_released")
        ),
        sa.CheckConstraint("state IN ('open', 'released', 'cleared', 'condemned')", name=op.f("ck_quarantine_state")),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL)", name=op.f("ck_quarantine_decided_by_somebody")
        ),
        sa.ForeignKeyConstraint(["locker_id"], ["locker.id"], name=op.f("fk_quarantine_locker_id")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_quarantine_order_id")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_quarantine_parcel_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_quarantine_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(
        "ix_quarantine_due", "quarantine", ["due_at"], unique=False, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(op.f("ix_quarantine_order_id"), "quarantine", ["order_id"], unique=False)
    op.create_index(op.f("ix_quarantine_parcel_id"), "quarantine", ["parcel_id"], unique=False)
    op.create_index("ix_quarantine_site", "quarantine", ["site_id", "found_at"], unique=False)
    op.create_index(
        "uq_quarantine_open", "quarantine", ["parcel_id"], unique=True, postgresql_where=sa.text("state = 'open'")
    )
    op.create_table(
        "refund",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("refund_no", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("cause_key", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("attempt", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("receipted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "cause IN ('short', 'substitute', 'weight', 'not_collected', 'given_up', 'not_brought',"
            " 'not_opened', 'late_payment', 'second_payment', 'recalled', 'claim', 'cold_chain', 'staff',"
            " 'edited', 'edit_gone')",
            name=op.f("ck_refund_cause"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refund_amount_positive")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_refund_order_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_refund_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("order_id", "cause_key", name=op.f("uq_refund_order_id_cause_key")),
        sa.UniqueConstraint("payment_id", "provider_ref", name=op.f("uq_refund_payment_id_provider_ref")),
        sa.UniqueConstraint("refund_no", name=op.f("uq_refund_refund_no")),
    )
    op.create_index("ix_refund_done_at", "refund", ["done_at"], unique=False)
    op.create_index(
        "ix_refund_due",
        "refund",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL AND failed IS NULL"),
    )
    op.create_index(op.f("ix_refund_payment_id"), "refund", ["payment_id"], unique=False)
    op.create_index(
        "ix_refund_unreceipted",
        "refund",
        ["order_id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NOT NULL AND NOT receipted"),
    )
    op.create_table(
        "claim",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("batches", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("worth_minor", sa.BigInteger(), nullable=False),
        sa.Column("granted_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("first_by", sa.Text(), nullable=True),
        sa.Column("why_held", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("refund_no", sa.Text(), nullable=True),
        sa.Column("hand_off", sa.Text(), nullable=False),
        sa.Column("hand_off_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'granted') = (refund_no IS NOT NULL) AND (state = 'granted') = (granted_minor > 0)",
            name=op.f("ck_claim_granted_whole"),
        ),
        sa.CheckConstraint(
            "answer IN ('photo_shows_nothing', 'packed_complete', 'left_too_long', 'already_back', 'other')",
            name=op.f("ck_claim_answer"),
        ),
        sa.CheckConstraint(
            "hand_off IN ('supplier', 'packing', 'transport', 'locker', 'collection', 'unknown')",
            name=op.f("ck_claim_hand_off"),
        ),
        sa.CheckConstraint(
            "kind IN ('spoiled', 'missing', 'wrong_item', 'damaged', 'short_weight', 'warm')",
            name=op.f("ck_claim_kind"),
        ),
        sa.CheckConstraint("state <> 'refused' OR answer IS NOT NULL", name=op.f("ck_claim_refused_has_answer")),
        sa.CheckConstraint("state IN ('made', 'waiting', 'granted', 'refused')", name=op.f("ck_claim_state")),
        sa.CheckConstraint(
            "why_held IN ('over_amount', 'over_times', 'photo_known', 'by_weight')", name=op.f("ck_claim_why_held")
        ),
        sa.CheckConstraint("granted_minor BETWEEN 0 AND worth_minor", name=op.f("ck_claim_granted_capped")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 99", name=op.f("ck_claim_quantity")),
        sa.CheckConstraint("worth_minor > 0", name=op.f("ck_claim_worth_positive")),
        sa.ForeignKeyConstraint(["first_by"], ["claim_alarm.id"], name=op.f("fk_claim_first_by")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_no"],
            ["order_line.order_id", "order_line.line_no"],
            name=op.f("fk_claim_order_id_line_no"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_claim_order_id")),
        sa.ForeignKeyConstraint(["refund_no"], ["refund.refund_no"], name=op.f("fk_claim_refund_no")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("order_id", "key", "line_no", "kind", name=op.f("uq_claim_order_id_key_line_no_kind")),
        sa.UniqueConstraint("refund_no", name=op.f("uq_claim_refund_no")),
    )
    op.create_index("ix_claim_line", "claim", ["order_id", "line_no"], unique=False)
    op.create_index("ix_claim_made_at", "claim", ["made_at"], unique=False)
    op.create_index(
        "ix_claim_waiting", "claim", ["made_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "line_lot",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.SmallInteger(), nullable=False),
        sa.Column("lot_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("by_hand", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_line_lot_quantity_positive")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_line_lot_lot_id")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_no"],
            ["order_line.order_id", "order_line.line_no"],
            name=op.f("fk_line_lot_order_id_line_no"),
        ),
        sa.PrimaryKeyConstraint("order_id", "line_no", "lot_id", name=op.f("pk_line_lot")),
    )
    op.create_index(op.f("ix_line_lot_lot_id"), "line_lot", ["lot_id"], unique=False)
    op.create_table(
        "order_edit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("window_id", sa.Integer(), nullable=False),
        sa.Column("before_window_id", sa.Integer(), nullable=False),
        sa.Column("difference_minor", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("refund_id", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_for", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'awaiting_payment') = (closed_at IS NULL)", name=op.f("ck_order_edit_closed")),
        sa.CheckConstraint("(state = 'dropped') = (dropped_for IS NOT NULL)", name=op.f("ck_order_edit_dropped")),
        sa.CheckConstraint("state IN ('awaiting_payment', 'applied', 'dropped')", name=op.f("ck_order_edit_state")),
        sa.ForeignKeyConstraint(
            ["before_window_id"], ["pickup_window.id"], name=op.f("fk_order_edit_before_window_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_order_edit_order_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_order_edit_payment_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_order_edit_refund_id")),
        sa.ForeignKeyConstraint(["window_id"], ["pickup_window.id"], name=op.f("fk_order_edit_window_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_edit")),
        sa.UniqueConstraint("order_id", "key", name=op.f("uq_order_edit_order_id_key")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_order_edit_payment_id")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_order_edit_refund_id")),
    )
    op.create_index(op.f("ix_order_edit_order_id"), "order_edit", ["order_id"], unique=False)
    op.create_index(
        "uq_order_edit_open",
        "order_edit",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state = 'awaiting_payment'"),
    )
    op.create_table(
        "receipt",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("refund_id", sa.Text(), nullable=True),
        sa.Column("refers_to", sa.Integer(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("taxes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("(gross_minor > 0) = (payment_id IS NOT NULL)", name=op.f("ck_receipt_sign")),
        sa.CheckConstraint("(payment_id IS NULL) <> (refund_id IS NULL)", name=op.f("ck_receipt_for_one")),
        sa.CheckConstraint("number > 0", name=op.f("ck_receipt_number_positive")),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"], name=op.f("fk_receipt_order_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_receipt_payment_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_receipt_refund_id")),
        sa.ForeignKeyConstraint(
            ["site_id", "refers_to"], ["receipt.site_id", "receipt.number"], name=op.f("fk_receipt_site_id_refers_to")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_receipt_site_id")),
        sa.PrimaryKeyConstraint("site_id", "number", name=op.f("pk_receipt")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_receipt_payment_id")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_receipt_refund_id")),
    )
    op.create_index("ix_receipt_order", "receipt", ["order_id"], unique=False)
    op.create_table(
        "refund_line",
        sa.Column("refund_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.SmallInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refund_line_amount_positive")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_no"],
            ["order_line.order_id", "order_line.line_no"],
            name=op.f("fk_refund_line_order_id_line_no"),
        ),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_refund_line_refund_id")),
        sa.PrimaryKeyConstraint("refund_id", "order_id", "line_no", name=op.f("pk_refund_line")),
    )
    op.create_table(
        "visit_record",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("visit_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("parcel_id", sa.Text(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("door", sa.SmallInteger(), nullable=True),
        sa.Column("photo_id", sa.Text(), nullable=True),
        sa.Column("device_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'trouble') = (trouble IS NOT NULL)", name=op.f("ck_visit_record_trouble_is_said")),
        sa.CheckConstraint("kind IN ('scan', 'trouble', 'undo', 'photo', 'count')", name=op.f("ck_visit_record_kind")),
        sa.CheckConstraint(
            "trouble IN ('bag_missing', 'bag_broken', 'door_stuck', 'no_fit', 'dirty')",
            name=op.f("ck_visit_record_trouble"),
        ),
        sa.CheckConstraint("undone_at IS NULL OR kind = 'trouble'", name=op.f("ck_visit_record_only_trouble_undone")),
        sa.CheckConstraint("done_at <= received_at", name=op.f("ck_visit_record_done_before_received")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_visit_record_parcel_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_visit_record_person_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_visit_record_photo_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_record_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_record")),
    )
    op.create_index("ix_visit_record_age", "visit_record", ["received_at"], unique=False, postgresql_using="brin")
    op.create_index(op.f("ix_visit_record_parcel_id"), "visit_record", ["parcel_id"], unique=False)
    op.create_index(op.f("ix_visit_record_photo_id"), "visit_record", ["photo_id"], unique=False)
    op.create_index("ix_visit_record_visit_id", "visit_record", ["visit_id", "kind"], unique=False)
    op.create_table(
        "weighing",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("scale_id", sa.Text(), nullable=False),
        sa.Column("gross_g", sa.Integer(), nullable=False),
        sa.Column("tare_g", sa.Integer(), nullable=False),
        sa.CheckConstraint("tare_g >= 0 AND gross_g > tare_g", name=op.f("ck_weighing_net_positive")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_no"],
            ["order_line.order_id", "order_line.line_no"],
            name=op.f("fk_weighing_order_id_line_no"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_weighing_person_id")),
        sa.ForeignKeyConstraint(["scale_id"], ["scale.id"], name=op.f("fk_weighing_scale_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_weighing")),
    )
    op.create_table(
        "claim_photo",
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_claim_photo_claim_id")),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_claim_photo")),
    )
    op.create_index(op.f("ix_claim_photo_sha256"), "claim_photo", ["sha256"], unique=False)
    op.create_table(
        "order_edit_line",
        sa.Column("edit_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("before", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.CheckConstraint("before >= 0 AND after >= 0 AND before + after > 0", name=op.f("ck_order_edit_line_counts")),
        sa.ForeignKeyConstraint(["edit_id"], ["order_edit.id"], name=op.f("fk_order_edit_line_edit_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_order_edit_line_product_id")),
        sa.PrimaryKeyConstraint("edit_id", "product_id", "price_minor", name=op.f("pk_order_edit_line")),
    )
    op.execute(LEDGER_SUMS_TO_ZERO)
    op.execute(REFUND_CAPPED)
    op.execute(INSERT_ONLY)


def downgrade() -> None:
    """Take back."""
    for table in TABLES:
        op.drop_table(table)
    op.execute(sa.schema.DropSequence(sa.Sequence("refund_number")))
    op.execute(sa.schema.DropSequence(sa.Sequence("order_number")))
    op.execute("DROP FUNCTION ledger_sums_to_zero, refuse_change, count_refund")


# In the order in which they can be dropped.
TABLES = (
    "order_edit_line",
    "claim_photo",
    "weighing",
    "visit_record",
    "refund_line",
    "receipt",
    "order_edit",
    "line_lot",
    "claim",
    "refund",
    "quarantine",
    "photo",
    "order_line",
    "payment_difference",
    "payment",
    "parcel",
    "order_cancellation",
    "offer",
    "notification",
    "lot_recall_order",
    "ledger_entry",
    "keeper_look",
    "history",
    "credential",
    "capacity_hold",
    "webhook_delivery",
    "visit_driver",
    "lot_recall",
    "lot_photo",
    "customer_order",
    "crate_reading",
    "zone_reading",
    "zone_hour",
    "zone_alarm",
    "webhook_endpoint",
    "web_session",
    "visit",
    "trouble_report",
    "site_event",
    "run_stock",
    "run_capacity",
    "remote_command",
    "pruned_log",
    "pickup_window",
    "outbox",
    "lot",
    "idempotent_request",
    "compartment",
    "cold_policy",
    "claim_alarm",
    "change",
    "cabinet_energy",
    "audit_told",
    "answered_request",
    "alarm_answer",
    "tax_rate",
    "site_calendar",
    "sandbox_refund",
    "receipt_counter",
    "product",
    "person",
    "locker",
    "load_run",
    "gateway",
    "claim_policy",
    "cancel_policy",
    "worker_beat",
    "supplier",
    "site",
    "sign_in_code",
    "scale",
    "sandbox_switch",
    "sandbox_message",
    "sandbox_charge",
    "rejected_message",
    "reconciliation",
    "payment_webhook",
    "category",
    "audit_head",
    "audit",
    "alarm_told",
)
