"""Staff looked at food that was kept shut, with a probe and a photo, and decide: what stays in the bag, what does not.

Decides once for each quarantine. What is taken out, or all of it, is refunded at once; what stays is released by its
site, which refuses when it knows of a discard line crossed. Nothing is handed out by this.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.audit_log import record_act
from app.db.cold_policy import policy_now
from app.db.engine import announce
from app.db.food_classes import BagLine, lines_in_bag
from app.db.outbox import put_entry
from app.domain.audit_record import Act, of_people
from app.domain.degrees import check_degrees
from app.domain.errors import NotFound
from app.domain.inspecting import Kept, NotInBag, QuarantineOver, check_release
from app.domain.quarantine_state import QUARANTINE_TABLE, QuarantineEvent, QuarantineState
from app.domain.state_table import step
from app.use_cases.cold_chain.condemn_food import condemn_food
from app.use_cases.cold_chain.refund_food import refund_food
from app.use_cases.site.ask_site import checked_order_reason
from app.use_cases.site.wire_time import to_wire
from locker_protocol.cold_messages import CondemnParcel, ReleaseParcel
from locker_protocol.ids import RandomBytes, random_bytes

ORDER = text("SELECT order_id FROM quarantine WHERE id = :id")
LOCK_ORDER = text("SELECT id FROM customer_order WHERE id = :order_id FOR UPDATE")
QUARANTINE = text("SELECT * FROM quarantine WHERE id = :id FOR UPDATE")
RELEASE = text("""
    UPDATE quarantine SET state = :state, decided_at = :now, decided_by = :actor, kept = :kept, reason = :reason,
        probe_c = :probe_c, photo = :photo
    WHERE id = :id AND state = 'open'
""")


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody saw: why they decide so, what their probe said (°C), and a JPEG."""

    reason: str
    probe_c: float
    jpeg: bytes


def inspect_food(
    conn: Connection,
    *,
    quarantine_id: str,
    kept: Collection[int],
    look: Look,
    person_id: str,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Release what stays in the bag, by line number; without any, discard all of it.

    Raises NotFound, QuarantineOver, ReasonNeeded, PersonalWords, NotInBag, ProbeUnlikely, DiscardLineCrossed or
    ProbeOutside, and changes nothing then.
    """
    quarantine = _locked(conn, quarantine_id)
    reason = checked_order_reason(conn, look.reason, order_id=quarantine.order_id)
    check_degrees(look.probe_c)
    lines = lines_in_bag(conn, parcel_id=quarantine.parcel_id)
    if unknown := set(kept) - {line.line_no for line in lines}:
        raise NotInBag(line=min(unknown))
    seen = {"reason": reason, "probe_c": look.probe_c, "photo": look.jpeg}
    if kept:
        classes = _release(conn, quarantine, lines, kept, seen, person_id, now, random)
    else:
        classes = []
        _discard(conn, quarantine, seen, person_id, now, random)
    _record(conn, quarantine, classes, look, reason, person_id, now)
    announce(conn, f"site:{quarantine.site_id}")
    announce(conn, f"order:{quarantine.order_id}")


def _locked(conn: Connection, quarantine_id: str) -> Row[Any]:
    """The order's row first, as everywhere."""
    order_id = conn.execute(ORDER, {"id": quarantine_id}).scalar_one_or_none()
    if order_id is None:
        raise NotFound
    conn.execute(LOCK_ORDER, {"order_id": order_id})
    quarantine = conn.execute(QUARANTINE, {"id": quarantine_id}).one()
    if quarantine.state != QuarantineState.OPEN:
        raise QuarantineOver
    return quarantine


def _release(
    conn: Connection,
    quarantine: Row[Any],
    lines: Collection[BagLine],
    kept: Collection[int],
    seen: dict[str, Any],
    person_id: str,
    now: datetime,
    random: RandomBytes,
) -> list[str]:
    staying = {
        line.line_no: Kept(line.name_zh, line.name_en, line.food_classes) for line in lines if line.line_no in kept
    }
    policy = policy_now(conn, site_id=quarantine.site_id)
    classes = check_release(staying, condemned=quarantine.condemned, probe_c=seen["probe_c"], policy=policy)
    new, actor = step(QUARANTINE_TABLE, QuarantineState.OPEN, QuarantineEvent.RELEASED), f"person:{person_id}"
    values = {"id": quarantine.id, "state": new.value, "now": now, "actor": actor, "kept": classes}
    conn.execute(RELEASE, {**values, **seen})
    out = [line for line in lines if line.line_no not in kept]
    refund_food(
        conn, order_id=quarantine.order_id, key=f"{quarantine.id}:out", lines=out, actor=actor, now=now, random=random
    )
    entry = ReleaseParcel(quarantine.parcel_id, quarantine.order_id, person_id, classes)
    put_entry(conn, site_id=quarantine.site_id, entry=entry, order_id=quarantine.order_id, now=now)
    return classes


def _discard(
    conn: Connection, quarantine: Row[Any], seen: dict[str, Any], person_id: str, now: datetime, random: RandomBytes
) -> None:
    condemn_food(
        conn,
        quarantine,
        food_classes=None,
        event=QuarantineEvent.DISCARDED,
        actor=f"person:{person_id}",
        now=now,
        seen=seen,
        random=random,
    )
    entry = CondemnParcel(quarantine.parcel_id, quarantine.order_id, person_id)
    put_entry(conn, site_id=quarantine.site_id, entry=entry, order_id=quarantine.order_id, now=now)


def _record(
    conn: Connection,
    quarantine: Row[Any],
    classes: Collection[str],
    look: Look,
    reason: str,
    person_id: str,
    now: datetime,
) -> None:
    facts = {"quarantine": quarantine.id, "kept": ",".join(classes), "probe_c": f"{look.probe_c:.1f}"}
    said = of_people(
        at_ms=to_wire(now),
        act=Act.FOOD_RELEASED if classes else Act.FOOD_DISCARDED,
        actor=f"person:{person_id}",
        site_id=quarantine.site_id,
        doors=[quarantine.door],
        order_id=quarantine.order_id,
        why=reason,
        facts=facts,
    )
    record_act(conn, said)
