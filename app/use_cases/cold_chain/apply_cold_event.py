"""What a site says of the cold chain: a parcel is kept shut, is good after all, or must not be eaten; a zone is wrong.

The site judges; the service writes it down, tells the owner in the same transaction, and gives money back for what must
not be eaten. Raises a DomainError for what cannot be true of the parcel, and then nothing of the event has an effect.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.cold_policy import policy_now
from app.db.engine import announce
from app.db.food_classes import lines_in_bag
from app.db.quarantines import latest_quarantine
from app.domain.errors import DomainError
from app.domain.order_state import OrderState
from app.domain.quarantine_state import QUARANTINE_TABLE, QuarantineEvent, QuarantineState
from app.domain.state_table import step
from app.use_cases.cold_chain.condemn_food import condemn_food
from app.use_cases.site.wire_time import from_wire, to_wire
from app.use_cases.telling.tell_quarantine import tell_kept_shut, tell_kept_shut_no_more
from locker_protocol.cold_messages import (
    ParcelCleared,
    ParcelCondemned,
    ParcelQuarantined,
    ZoneAlarmEnded,
    ZoneAlarmFound,
)
from locker_protocol.ids import RandomBytes, new_id, random_bytes

ColdEvent = ParcelQuarantined | ParcelCleared | ParcelCondemned | ZoneAlarmFound | ZoneAlarmEnded

# Whose order goes on is told; whose is withdrawn or over, gets nothing of it in any case.
WAITS_FOR_IT = frozenset({OrderState.PAID, OrderState.PACKED, OrderState.READY})

# The order's row is locked before all that is its, as everywhere.
PARCEL = text("""
    SELECT o.state AS order_state, p.state FROM customer_order o JOIN parcel p ON p.order_id = o.id
    JOIN locker l ON l.site_id = o.site_id AND l.id = :locker
    WHERE p.id = :parcel AND o.id = :order AND o.site_id = :site FOR UPDATE OF o
""")
KEEP_SHUT = text("""
    INSERT INTO quarantine (
        id, parcel_id, order_id, site_id, locker_id, door, food_class, cause, since, found_at, due_at, kept
    ) VALUES (
        :id, :parcel, :order, :site, :locker, :door, :food_class, :cause, :since, :found_at, :due_at,
        (
            SELECT q.kept FROM quarantine q WHERE q.parcel_id = :parcel AND q.kept IS NOT NULL
            ORDER BY q.found_at DESC LIMIT 1
        )
    )
    ON CONFLICT (parcel_id) WHERE state = 'open' DO NOTHING
""")
CLEAR = text("""
    UPDATE quarantine SET state = :state, decided_at = :at, decided_by = :actor WHERE id = :id AND state = 'open'
""")
FOUND = text("""
    INSERT INTO zone_alarm (id, site_id, locker_id, zone, alarm, probe, fault, value_c, found_at)
    SELECT :id, l.site_id, l.id, :zone, :alarm, :probe, :fault, :value_c, :at FROM locker l
    WHERE l.id = :locker AND l.site_id = :site
    ON CONFLICT (locker_id, zone, alarm) WHERE ended_at IS NULL
    DO UPDATE SET probe = excluded.probe, fault = excluded.fault, value_c = excluded.value_c
""")
ENDED = text("""
    UPDATE zone_alarm SET ended_at = :at
    WHERE locker_id = :locker AND site_id = :site AND zone = :zone AND alarm = :alarm AND ended_at IS NULL
""")


class NoSuchParcelThere(DomainError):
    """The site tells of a parcel or a locker this service does not have there."""

    code = "no_such_parcel_there"


def apply_cold_event(
    conn: Connection,
    event: ColdEvent,
    *,
    site_id: str,
    actor: str,
    at: datetime,
    now: datetime,
    random: RandomBytes = random_bytes,
) -> None:
    """Apply one event that happened at `at`. Raises NoSuchParcelThere; then nothing of it counts."""
    match event:
        case ParcelQuarantined():
            parcel = _parcel(conn, event, site_id)
            kept = latest_quarantine(conn, parcel_id=event.parcel_id)
            if kept is None or kept.state not in (QuarantineState.OPEN, QuarantineState.CONDEMNED):
                row = _keep_shut(conn, event, site_id, from_wire(event.since), at, random)
                if OrderState(parcel.order_state) in WAITS_FOR_IT:
                    tell_kept_shut(conn, row, now=now, random=random)
        case ParcelCleared():
            _clear(conn, event, _parcel(conn, event, site_id), actor, at, now, random)
        case ParcelCondemned():
            _parcel(conn, event, site_id)
            _condemn(conn, event, site_id, actor, at, now, random)
        case ZoneAlarmFound() | ZoneAlarmEnded():
            _alarm(conn, event, site_id, at, random)
    announce(conn, f"site:{site_id}")


def _parcel(conn: Connection, event: ParcelQuarantined | ParcelCleared | ParcelCondemned, site_id: str) -> Row[Any]:
    asked = {"parcel": event.parcel_id, "order": event.order_id, "site": site_id, "locker": event.controller}
    row = conn.execute(PARCEL, asked).one_or_none()
    if row is None:
        raise NoSuchParcelThere(parcel=event.parcel_id)
    announce(conn, f"order:{event.order_id}")
    return row


def _keep_shut(
    conn: Connection,
    event: ParcelQuarantined | ParcelCondemned,
    site_id: str,
    since: datetime,
    at: datetime,
    random: RandomBytes,
) -> Row[Any]:
    conn.execute(
        KEEP_SHUT,
        {
            "id": new_id(to_wire(at), random),
            "parcel": event.parcel_id,
            "order": event.order_id,
            "site": site_id,
            "locker": event.controller,
            "door": event.door,
            "food_class": event.food_class,
            "cause": event.cause.value,
            "since": since,
            "found_at": at,
            "due_at": at + timedelta(seconds=policy_now(conn, site_id=site_id).decide_within_s),
        },
    )
    row = latest_quarantine(conn, parcel_id=event.parcel_id)
    assert row is not None, "written above"
    return row


def _clear(
    conn: Connection,
    event: ParcelCleared,
    parcel: Row[Any],
    actor: str,
    at: datetime,
    now: datetime,
    random: RandomBytes,
) -> None:
    """Where staff released it, that was decided before; its owner is told now, when the door opens again."""
    kept = latest_quarantine(conn, parcel_id=event.parcel_id)
    if kept is None or kept.state == QuarantineState.CONDEMNED:
        return
    if kept.state == QuarantineState.OPEN:
        new = step(QUARANTINE_TABLE, QuarantineState.OPEN, QuarantineEvent.CLEARED)
        conn.execute(CLEAR, {"id": kept.id, "state": new.value, "at": at, "actor": actor})
    if OrderState(parcel.order_state) in WAITS_FOR_IT:
        tell_kept_shut_no_more(conn, order_id=event.order_id, door=event.door, now=now, random=random)


def _condemn(
    conn: Connection,
    event: ParcelCondemned,
    site_id: str,
    actor: str,
    at: datetime,
    now: datetime,
    random: RandomBytes,
) -> None:
    """What was released or cleared and is past its discard line now is another quarantine, condemned at once."""
    kept = latest_quarantine(conn, parcel_id=event.parcel_id)
    if kept is not None and _was_taken_out(conn, event, kept.kept or ()):
        return
    if kept is None or kept.state in (QuarantineState.RELEASED, QuarantineState.CLEARED):
        kept = _keep_shut(conn, event, site_id, at, at, random)
    condemn_food(
        conn,
        kept,
        food_classes=[event.food_class],
        event=QuarantineEvent.CONDEMNED,
        actor=actor,
        now=now,
        random=random,
    )


def _was_taken_out(conn: Connection, event: ParcelCondemned, stays: Collection[str]) -> bool:
    """The site condemned it before it heard that staff took it out; its money went back then."""
    if not stays or event.food_class in stays:
        return False
    return any(event.food_class in line.food_classes for line in lines_in_bag(conn, parcel_id=event.parcel_id))


def _alarm(
    conn: Connection, event: ZoneAlarmFound | ZoneAlarmEnded, site_id: str, at: datetime, random: RandomBytes
) -> None:
    place = {"site": site_id, "locker": event.controller, "zone": event.zone.value, "alarm": event.alarm.value}
    if isinstance(event, ZoneAlarmEnded):
        conn.execute(ENDED, {**place, "at": at})
        return
    about = {"probe": event.probe, "fault": event.fault.value if event.fault else None, "value_c": event.value_c}
    values = {**place, **about, "id": new_id(to_wire(at), random), "at": at}
    if conn.execute(FOUND, values).rowcount == 0:
        raise NoSuchParcelThere(locker=event.controller)
