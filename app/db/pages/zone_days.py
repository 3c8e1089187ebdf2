"""How cold a zone of a building's lockers was in the last day, in half hours, for whoever thinks of ordering.

Reads only. What nobody measured is not among the points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.cold_minutes import HUNDREDTHS, in_steps

SHOWN = timedelta(hours=24)
STEP = timedelta(minutes=30)
# Two of a cabinet's zones are read as fast as one; more lockers than this say nothing more to a reader.
MOST_LOCKERS = 3

LOCKERS = text("""
    SELECT l.id, l.name_zh, l.name_en FROM locker l
    WHERE l.site_id = :site_id AND EXISTS (SELECT FROM compartment c WHERE c.locker_id = l.id AND c.zone = :zone)
    ORDER BY l.position LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class Degrees:
    """What was measured of the food's temperature in a step, °C."""

    at: datetime
    low_c: float
    mean_c: float
    high_c: float


@dataclass(frozen=True, slots=True)
class ZoneDay:
    """A locker's zone from `since` to `until`; empty `points`: nobody measured."""

    locker: Row[Any]
    points: Sequence[Degrees]
    since: datetime
    until: datetime

    @property
    def low_c(self) -> float:
        """The coldest it was, of what was measured."""
        return min(point.low_c for point in self.points)

    @property
    def high_c(self) -> float:
        """The warmest it was, of what was measured."""
        return max(point.high_c for point in self.points)


def zone_days(conn: Connection, *, site_id: str, zone: str, now: datetime) -> list[ZoneDay]:
    """One for each locker of the site that has such a zone."""
    lockers = conn.execute(LOCKERS, {"site_id": site_id, "zone": zone, "most": MOST_LOCKERS}).all()
    return [ZoneDay(locker, _points(conn, locker.id, zone, now), now - SHOWN, now) for locker in lockers]


def _points(conn: Connection, locker_id: str, zone: str, now: datetime) -> list[Degrees]:
    rows = in_steps(conn, locker_id=locker_id, zone=zone, since=now - SHOWN, until=now, step=STEP)
    return [
        Degrees(row.at, row.product_min / HUNDREDTHS, row.product_mean / HUNDREDTHS, row.product_max / HUNDREDTHS)
        for row in rows
        if row.product_mean is not None
    ]
