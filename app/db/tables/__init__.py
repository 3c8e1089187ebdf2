"""Every table of the order service, a file for each room.

Rules that must hold whatever the code does stand here as constraints.

Times are `timestamptz` in UTC; money is integer minor units; identifiers are 32 hex digits (UUIDv7) unless noted.
"""

from app.db.tables.alarms import alarm_answer, alarm_told
from app.db.tables.answers import answered_request
from app.db.tables.claims import claim, claim_alarm, claim_photo, claim_policy
from app.db.tables.cold import (
    cabinet_energy,
    cold_policy,
    crate_reading,
    quarantine,
    zone_alarm,
    zone_hour,
)
from app.db.tables.columns import metadata
from app.db.tables.edits import cancel_policy, order_cancellation, order_edit, order_edit_line
from app.db.tables.goods import category, load_run, pickup_window, product, run_capacity, run_stock
from app.db.tables.handling import photo, scale, visit, visit_driver, weighing
from app.db.tables.links import outbox, rejected_message, remote_command, site_event, worker_beat
from app.db.tables.money import (
    ledger_entry,
    payment,
    payment_difference,
    payment_webhook,
    reconciliation,
    refund,
    refund_line,
    refund_number,
)
from app.db.tables.orders import (
    capacity_hold,
    credential,
    customer_order,
    idempotent_request,
    offer,
    order_line,
    order_number,
    parcel,
)
from app.db.tables.people import notification, person, sign_in_code, web_session
from app.db.tables.receipts import receipt, receipt_counter, tax_rate
from app.db.tables.records import audit, audit_head, audit_told, change, history, keeper_look, trouble_report
from app.db.tables.retention import pruned_log
from app.db.tables.sandbox import sandbox_charge, sandbox_message, sandbox_refund, sandbox_switch
from app.db.tables.sites import compartment, gateway, locker, site, site_calendar, zone_reading
from app.db.tables.supply import line_lot, lot, lot_photo, lot_recall, lot_recall_order, supplier
from app.db.tables.visit_records import visit_record
from app.db.tables.webhooks import webhook_delivery, webhook_endpoint

__all__ = [
    "alarm_answer",
    "alarm_told",
    "answered_request",
    "audit",
    "audit_head",
    "audit_told",
    "cabinet_energy",
    "cancel_policy",
    "capacity_hold",
    "category",
    "change",
    "claim",
    "claim_alarm",
    "claim_photo",
    "claim_policy",
    "cold_policy",
    "compartment",
    "crate_reading",
    "credential",
    "customer_order",
    "gateway",
    "history",
    "idempotent_request",
    "keeper_look",
    "ledger_entry",
    "line_lot",
    "load_run",
    "locker",
    "lot",
    "lot_photo",
    "lot_recall",
    "lot_recall_order",
    "metadata",
    "notification",
    "offer",
    "order_cancellation",
    "order_edit",
    "order_edit_line",
    "order_line",
    "order_number",
    "outbox",
    "parcel",
    "payment",
    "payment_difference",
    "payment_webhook",
    "person",
    "photo",
    "pickup_window",
    "product",
    "pruned_log",
    "quarantine",
    "receipt",
    "receipt_counter",
    "reconciliation",
    "refund",
    "refund_line",
    "refund_number",
    "rejected_message",
    "remote_command",
    "run_capacity",
    "run_stock",
    "sandbox_charge",
    "sandbox_message",
    "sandbox_refund",
    "sandbox_switch",
    "scale",
    "sign_in_code",
    "site",
    "site_calendar",
    "site_event",
    "supplier",
    "tax_rate",
    "trouble_report",
    "visit",
    "visit_driver",
    "visit_record",
    "web_session",
    "webhook_delivery",
    "webhook_endpoint",
    "weighing",
    "worker_beat",
    "zone_alarm",
    "zone_hour",
    "zone_reading",
]
