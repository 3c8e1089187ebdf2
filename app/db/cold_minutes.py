"""The minutes kept of a zone, taken out of their hours. Reads only; what nobody measured is not among them.

An hour's row holds arrays as long as each other: sixty minutes, or four quarters once it was thinned.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.cold_record import Measured

HUNDREDTHS = 100

MINUTES = text("""
    SELECT h.hour + (m.n - 1) * s.step AS at, s.step, m.low, m.mean, m.high
    FROM zone_hour h CROSS JOIN LATERAL (SELECT interval '1 hour' / cardinality(h.samples) AS step) s
    CROSS JOIN LATERAL unnest(h.product_min, h.product_mean, h.product_max) WITH ORDINALITY AS m (low, mean, high, n)
    WHERE h.locker_id = :locker_id AND h.zone = :zone
        AND h.hour > CAST(:since AS timestamptz) - interval '1 hour' AND h.hour < :until
        AND h.hour + (m.n - 1) * s.step >= :since AND h.hour + (m.n - 1) * s.step < :until
        AND m.low IS NOT NULL AND m.mean IS NOT NULL AND m.high IS NOT NULL
    ORDER BY 1
""")
# A whole cabinet's day is 1,440 rows a zone: the widest that minutes are asked for at once.
STEPS = text("""
    SELECT date_bin(:step, h.hour + (m.n - 1) * s.step, 'epoch') AS at,
        min(m.product_low) AS product_min, avg(m.product_mean)::float8 AS product_mean,
        max(m.product_high) AS product_max, min(m.air_low) AS air_min, avg(m.air_mean)::float8 AS air_mean,
        max(m.air_high) AS air_max, sum(m.open_s)::int AS open_s, sum(m.cooling_s)::int AS cooling_s,
        sum(m.defrost_s)::int AS defrost_s,
        sum(extract(epoch FROM s.step)) FILTER (WHERE m.product_mean IS NOT NULL)::int AS known_s
    FROM zone_hour h CROSS JOIN LATERAL (SELECT interval '1 hour' / cardinality(h.samples) AS step) s
    CROSS JOIN LATERAL unnest(
        h.product_min, h.product_mean, h.product_max, h.air_min, h.air_mean, h.air_max, h.open_s, h.cooling_s,
        h.defrost_s
    ) WITH ORDINALITY
        AS m (product_low, product_mean, product_high, air_low, air_mean, air_high, open_s, cooling_s, defrost_s, n)
    WHERE h.locker_id = :locker_id AND h.zone = :zone
        AND h.hour > CAST(:since AS timestamptz) - interval '1 hour' AND h.hour < :until
        AND h.hour + (m.n - 1) * s.step >= :since AND h.hour + (m.n - 1) * s.step < :until
    GROUP BY 1 ORDER BY 1
""")


def measured(conn: Connection, *, locker_id: str, zone: str, since: datetime, until: datetime) -> list[Measured]:
    """The measured minutes of a zone's food from `since` up to `until`, oldest first."""
    found = conn.execute(MINUTES, {"locker_id": locker_id, "zone": zone, "since": since, "until": until})
    return [
        Measured(row.at, row.step, row.low / HUNDREDTHS, row.mean / HUNDREDTHS, row.high / HUNDREDTHS) for row in found
    ]


def in_steps(
    conn: Connection, *, locker_id: str, zone: str, since: datetime, until: datetime, step: timedelta
) -> Sequence[Row[Any]]:
    """The same with air, door, compressor and thawing, folded to steps; hundredths of °C. Empty steps are left out."""
    asked = {"locker_id": locker_id, "zone": zone, "since": since, "until": until, "step": step}
    return conn.execute(STEPS, asked).all()
