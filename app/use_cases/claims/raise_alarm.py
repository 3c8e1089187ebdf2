"""Several households claim one batch within hours: an alarm, once, and everybody who operates the lockers is told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.claims import ClaimPolicy, alarms
from app.notify.texts import NoticeKind
from app.settings import Settings
from app.use_cases.site.wire_time import to_wire
from app.use_cases.telling.queue_notification import queue_notification
from app.use_cases.telling.tell_order import PREFIXES
from locker_protocol.ids import RandomBytes, new_id

# Claims of one batch are counted one after another, or three at once would each find two others missing.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('claims ' || :batch, 0))")
# Claims that an earlier alarm was closed over do not raise another.
CLAIMED = text("""
    SELECT array_agg(DISTINCT order_id) AS orders, mode() WITHIN GROUP (ORDER BY kind) AS kind FROM claim
    WHERE made_at > greatest(:since, (SELECT max(closed_at) FROM claim_alarm WHERE batch = :batch))
        AND :batch = ANY(batches) AND first_by IS NULL
""")
RAISE = text("""
    INSERT INTO claim_alarm (id, batch, site_id, product_id, kind, raised_at, orders)
    VALUES (:id, :batch, :site_id, :product_id, :kind, :now, :orders)
    ON CONFLICT (batch) WHERE closed_at IS NULL DO NOTHING RETURNING id
""")
OFFICE = text("""
    SELECT p.id, p.language, coalesce(p.phone, p.mail) AS contact, s.name_zh, s.name_en
    FROM person p CROSS JOIN site s WHERE p.role IN ('operator', 'admin') AND s.id = :site_id ORDER BY p.id
""")


def raise_alarms(
    conn: Connection,
    *,
    batches: Sequence[str],
    product: Row[Any],
    site_id: str,
    policy: ClaimPolicy,
    now: datetime,
    settings: Settings,
    random: RandomBytes,
) -> None:
    """Count each batch and raise what is due; `product` has `product_id` and its names."""
    since = now - timedelta(hours=policy.alarm_within_h)
    for batch in batches:
        conn.execute(LOCK, {"batch": batch})
        found = conn.execute(CLAIMED, {"batch": batch, "since": since}).one()
        if not alarms(found.orders or (), policy):
            continue
        asked = {
            "id": new_id(to_wire(now), random),
            "batch": batch,
            "site_id": site_id,
            "product_id": product.product_id,
            "kind": found.kind,
            "now": now,
            "orders": len(found.orders),
        }
        raised = conn.execute(RAISE, asked).scalar_one_or_none()
        if raised is not None:
            _tell_office(conn, raised, len(found.orders), product, site_id, now, settings, random)


def _tell_office(
    conn: Connection,
    alarm_id: str,
    orders: int,
    product: Row[Any],
    site_id: str,
    now: datetime,
    settings: Settings,
    random: RandomBytes,
) -> None:
    for each in conn.execute(OFFICE, {"site_id": site_id}):
        zh = each.language == "zh"
        queue_notification(
            conn,
            contact=each.contact,
            kind=NoticeKind.CLAIM_ALARM,
            language=each.language,
            facts={
                "item": product.name_zh if zh else product.name_en,
                "site": each.name_zh if zh else each.name_en,
                "orders": str(orders),
                "link": f"{settings.public_url}/{PREFIXES[each.language]}/ops/claims/alarms/{alarm_id}",
            },
            person_id=each.id,
            now=now,
            random=random,
        )
