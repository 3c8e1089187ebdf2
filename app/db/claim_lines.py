"""The lines of an order as a claim sees them, read by its pages and locked by the use cases that decide. Reads only."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.cold_minutes import HUNDREDTHS, in_steps
from app.domain.claims import DEFAULT_POLICY, ClaimLine, ClaimPolicy
from app.domain.hand_off import ColdRecord, ZoneReading, judge_cold
from app.domain.visit import PRODUCT_C
from locker_protocol.vocabulary import Zone

LOCK_ORDER = text("""
    SELECT o.id, o.order_no, o.person_id, o.guest_contact, o.site_id, o.currency, o.state FROM customer_order o
    WHERE o.id = :order_id FOR UPDATE
""")
# Together with the order's lock: a household's claims are counted one after another.
LOCK_HOUSEHOLD = text("SELECT 1 FROM person WHERE id = :person_id FOR NO KEY UPDATE")
QUARTER = timedelta(minutes=15)
LINES = text("""
    SELECT l.line_no, l.product_id, l.line_minor, l.quantity, p.id AS parcel_id, p.ref, p.door, p.packed_at,
        p.loaded_at, p.rescued_at, d.name_zh, d.name_en, d.unit_zh, d.unit_en, d.picture, d.life_h,
        coalesce(o.stock_run_no, o.run_no) AS run_no, c.zone AS door_zone, c.locker_id,
        CASE p.state WHEN 'collected' THEN p.collected_at END AS collected_at,
        (coalesce(l.picked_quantity, l.quantity) + coalesce(l.substitute_quantity, 0))::int AS came,
        m.refunded_minor, m.corrected_minor, w.claimed_minor
    FROM order_line l JOIN customer_order o ON o.id = l.order_id JOIN product d ON d.id = l.product_id
    LEFT JOIN parcel p ON p.id = l.parcel_id
    LEFT JOIN compartment c ON c.site_id = o.site_id AND c.door = p.door
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.amount_minor), 0)::bigint AS refunded_minor,
            coalesce(sum(x.amount_minor) FILTER (WHERE r.cause IN ('short', 'substitute', 'weight')), 0)::bigint
                AS corrected_minor
        FROM refund r JOIN refund_line x ON x.refund_id = r.id
        WHERE r.order_id = l.order_id AND x.order_id = l.order_id AND x.line_no = l.line_no
    ) m
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(worth_minor), 0)::bigint AS claimed_minor FROM claim
        WHERE claim.order_id = l.order_id AND claim.line_no = l.line_no AND claim.state = 'waiting'
    ) w
    WHERE l.order_id = :order_id ORDER BY l.line_no
""")
LOTS = text("SELECT lot_id FROM line_lot WHERE order_id = :order_id AND line_no = :line_no")
POLICY = text("""
    SELECT claim_within_h, automatic_most_minor, automatic_times, automatic_days, alarm_claims, alarm_within_h
    FROM claim_policy WHERE site_id = :site_id
""")
# What the visit's load gate read, before the bag went in.
GATE = text("""
    SELECT (z->>'product_c')::float8 AS product_c, CAST(NULL AS float8) AS air_c, (z->>'read_at')::timestamptz AS at
    FROM visit v CROSS JOIN LATERAL (SELECT v.gate #> ARRAY[CAST(:locker_id AS text), CAST(:zone AS text)] AS z) found
    WHERE v.site_id = :site_id AND v.began_at <= :loaded_at AND coalesce(v.ended_at, :loaded_at) >= :loaded_at
        AND z->>'read_at' IS NOT NULL
""")
# Of a zone whose minutes were never told: its last word.
LAST_WORD = text("""
    SELECT product_c, air_c, read_at AS at FROM zone_reading
    WHERE locker_id = :locker_id AND zone = :zone AND read_at BETWEEN :loaded_at AND :collected_at
""")
FORCED = text("""
    SELECT EXISTS (
        SELECT FROM site_event e JOIN gateway g ON g.id = e.gateway_id
        WHERE g.site_id = :site_id AND e.at BETWEEN :loaded_at AND :collected_at AND e.type = 'DoorTroubleFound'
            AND e.body->>'trouble' = 'forced' AND (e.body->>'door')::int = :door
    )
""")


def policy_of(conn: Connection, *, site_id: str) -> ClaimPolicy:
    """A site's rules for claims."""
    row = conn.execute(POLICY, {"site_id": site_id}).mappings().one_or_none()
    return ClaimPolicy(**row) if row is not None else DEFAULT_POLICY


def claimable(row: Row[Any]) -> ClaimLine:
    """A row of `LINES` as the rules want it."""
    return ClaimLine(
        line_no=row.line_no,
        charged_minor=row.line_minor,
        came=row.came,
        corrected_minor=row.corrected_minor,
        refunded_minor=row.refunded_minor,
        claimed_minor=row.claimed_minor,
        collected_at=row.collected_at,
    )


def lots_of(conn: Connection, *, order_id: str, line_no: int) -> Sequence[str]:
    """The lots a line was taken from; none where a shop keeps none."""
    return list(conn.execute(LOTS, {"order_id": order_id, "line_no": line_no}).scalars())


def door_readings(conn: Connection, line: Row[Any], *, site_id: str) -> Sequence[ZoneReading]:
    """What was read of the temperature behind a line's door, from the visit that loaded it to its collection."""
    if line.loaded_at is None or line.collected_at is None or line.locker_id is None:
        return []
    asked = {
        "site_id": site_id,
        "locker_id": line.locker_id,
        "zone": line.door_zone,
        "loaded_at": line.loaded_at,
        "collected_at": line.collected_at,
    }
    minutes = _quarters(conn, line)
    rows = [*conn.execute(GATE, asked), *(() if minutes else conn.execute(LAST_WORD, asked))]
    read = [ZoneReading(row.at, row.product_c, row.air_c) for row in rows]
    return sorted([*read, *minutes], key=lambda each: each.at)


def _quarters(conn: Connection, line: Row[Any]) -> list[ZoneReading]:
    """The measured quarters of an hour while it lay there, each by its minute that was furthest off, if any was."""
    asked = {"locker_id": line.locker_id, "zone": line.door_zone, "step": QUARTER}
    found = in_steps(conn, since=line.loaded_at, until=line.collected_at, **asked)
    least, most = PRODUCT_C[Zone(line.door_zone)]
    return [
        # A quarter is told from its first minute on; the first one began before the bag came.
        ZoneReading(max(row.at, line.loaded_at), _telling(row, least, most), row.air_mean / HUNDREDTHS)
        for row in found
        if row.product_mean is not None and row.air_mean is not None
    ]


def _telling(row: Row[Any], least: float, most: float) -> float:
    low, mean, high = (value / HUNDREDTHS for value in (row.product_min, row.product_mean, row.product_max))
    return float(high if high > most else low if low < least else mean)


def cold_record(readings: Sequence[ZoneReading], line: Row[Any]) -> ColdRecord:
    """What these readings say of a line's door."""
    if not readings:
        return ColdRecord.UNKNOWN
    # The load gate is read when the visit begins, some minutes before the bag goes in.
    return judge_cold(readings, zone=Zone(line.door_zone), since=readings[0].at, until=line.collected_at)


def was_forced(conn: Connection, line: Row[Any], *, site_id: str) -> bool:
    """Whether a line's door was opened without a code while its bag lay there."""
    if line.loaded_at is None or line.collected_at is None:
        return False
    asked: dict[str, str | int | datetime] = {
        "site_id": site_id,
        "door": line.door,
        "loaded_at": line.loaded_at,
        "collected_at": line.collected_at,
    }
    return bool(conn.execute(FORCED, asked).scalar_one())
