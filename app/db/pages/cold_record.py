"""What the temperature was of an order's parcels, from packing to now: for its owner, and whoever holds its link."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.cold_minutes import measured
from app.db.cold_policy import band_of, policy_now
from app.domain.cold_record import Band, ColdSummary, Measured, stands, summarise
from locker_protocol.cold_chain.policy import ColdPolicy
from locker_protocol.vocabulary import Zone

# Food that was packed longer ago than this lay in our cold room: that is not the way to the door.
PACKED_WITHIN = timedelta(hours=12)

PARCELS = text("""
    SELECT p.id, p.ref, p.door, p.state, p.packed_at, p.loaded_at, c.locker_id, c.zone, o.site_id,
        (
            SELECT min(h.at) FROM history h WHERE h.order_id = p.order_id AND h.subject = 'parcel'
                AND h.subject_id = p.id AND h.from_state = 'loaded' AND h.at >= p.loaded_at
        ) AS left_at,
        ARRAY(
            SELECT DISTINCT d.food_class FROM order_line l JOIN product d ON d.id = l.product_id
            WHERE l.parcel_id = p.id AND coalesce(l.picked_quantity, l.quantity) > 0
        ) AS classes,
        van.read_at AS van_at, van.product_c AS van_c
    FROM parcel p JOIN customer_order o ON o.id = p.order_id
    JOIN compartment c ON c.site_id = o.site_id AND c.door = p.door
    LEFT JOIN LATERAL (
        SELECT r.read_at, r.product_c FROM visit v JOIN crate_reading r ON r.visit_id = v.id AND r.zone = c.zone
        WHERE v.site_id = o.site_id AND v.began_at <= p.loaded_at AND coalesce(v.ended_at, p.loaded_at) >= p.loaded_at
            AND r.read_at <= p.loaded_at
        ORDER BY r.read_at DESC LIMIT 1
    ) van ON true
    WHERE p.order_id = :order_id AND p.loaded_at IS NOT NULL ORDER BY p.door, p.ref
""")
KEPT_BACK = text("""
    SELECT DISTINCT ON (parcel_id) parcel_id, state, cause, since, found_at, due_at, decided_at, decided_by
    FROM quarantine WHERE order_id = :order_id ORDER BY parcel_id, found_at DESC
""")


@dataclass(frozen=True, slots=True)
class ParcelCold:
    """One parcel's record. `stands`: the judgement finds nothing against it. `quarantine`: its last one, if any."""

    parcel: Row[Any]
    band: Band
    minutes: Sequence[Measured]
    since: datetime
    until: datetime
    summary: ColdSummary
    stands: bool
    quarantine: Row[Any] | None

    @property
    def van(self) -> tuple[datetime, float] | None:
        """What the driver read of its crate, and when."""
        return (self.parcel.van_at, self.parcel.van_c) if self.parcel.van_at is not None else None

    @property
    def lies_there(self) -> bool:
        return bool(self.parcel.state == "loaded")


def records_of_order(conn: Connection, *, order_id: str, now: datetime, late_after: timedelta) -> list[ParcelCold]:
    """A record for each parcel that has been behind a door; none of the others."""
    parcels = conn.execute(PARCELS, {"order_id": order_id}).all()
    if not parcels:
        return []
    policy = policy_now(conn, site_id=parcels[0].site_id)
    kept_back = {row.parcel_id: row for row in conn.execute(KEPT_BACK, {"order_id": order_id})}
    return [_record(conn, row, policy, kept_back, now, late_after) for row in parcels]


def _record(
    conn: Connection,
    row: Row[Any],
    policy: ColdPolicy,
    kept_back: Mapping[str, Row[Any]],
    now: datetime,
    late_after: timedelta,
) -> ParcelCold:
    until = min(row.left_at or now, now)
    band = band_of(policy, row.classes, row.zone)
    minutes = measured(conn, locker_id=row.locker_id, zone=row.zone, since=row.loaded_at, until=until)
    summary = summarise(minutes, since=row.loaded_at, until=until, band=band, late_after=late_after)
    fine = stands(
        minutes, food_classes=row.classes, zone=Zone(row.zone), policy=policy, since=row.van_at or row.loaded_at
    )
    return ParcelCold(row, band, minutes, _begins(row), until, summary, fine, kept_back.get(row.id))


def _begins(row: Row[Any]) -> datetime:
    """From packing; without a moment of it, from what the driver read, or from the door."""
    if row.packed_at is not None and row.loaded_at - PACKED_WITHIN < row.packed_at < row.loaded_at:
        begins: datetime = row.packed_at
        return begins
    found: datetime = row.van_at or row.loaded_at
    return found
