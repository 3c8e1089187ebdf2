"""A zone of a locker over time, for operators: what was measured, folded to steps as fine as the stretch is short."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

from app.db.cold_minutes import in_steps
from app.db.cold_policy import policy_now, strictest_of
from locker_protocol.cold_chain.policy import ClassPolicy

LONGEST = timedelta(days=90)
# As many points as a screen has columns; an hour is the coarsest.
STEPS = (
    (timedelta(days=3), timedelta(minutes=1)),
    (timedelta(days=31), timedelta(minutes=15)),
    (LONGEST, timedelta(hours=1)),
)
WEEK = timedelta(days=7)

ZONE = text("""
    SELECT l.id AS locker_id, l.name_zh AS locker_zh, l.name_en AS locker_en, l.online AND g.online AS online, s.id AS
        site_id, s.name_zh, s.name_en, s.timezone, z.air_c, z.product_c, z.read_at,
        ARRAY(
            SELECT DISTINCT d.food_class FROM parcel p JOIN customer_order o ON o.id = p.order_id
            JOIN compartment c ON c.site_id = o.site_id AND c.door = p.door JOIN order_line x ON x.parcel_id = p.id
            JOIN product d ON d.id = x.product_id
            WHERE p.state = 'loaded' AND c.locker_id = l.id AND c.zone = :zone
        ) AS classes,
        ARRAY(SELECT DISTINCT c.zone FROM compartment c WHERE c.locker_id = l.id ORDER BY c.zone) AS zones
    FROM locker l JOIN site s ON s.id = l.site_id JOIN gateway g ON g.site_id = s.id
    LEFT JOIN zone_reading z ON z.locker_id = l.id AND z.zone = :zone
    WHERE l.id = :locker_id AND EXISTS (SELECT FROM compartment c WHERE c.locker_id = l.id AND c.zone = :zone)
""")
ALARMS = text("""
    SELECT alarm, probe, fault, value_c, found_at, ended_at FROM zone_alarm
    WHERE locker_id = :locker_id AND zone = :zone AND found_at < :until AND coalesce(ended_at, :until) >= :since
    ORDER BY found_at DESC LIMIT 50
""")
ENERGY = text("""
    SELECT day, last_wh - first_wh AS wh FROM cabinet_energy
    WHERE locker_id = :locker_id AND day > CAST(:day AS date) - 14 AND day <= :day ORDER BY day
""")


@dataclass(frozen=True, slots=True)
class ZonePage:
    """A zone with the rules of what lies there, and the alarms of the stretch."""

    zone: Row[Any]
    rules: ClassPolicy
    alarms: Sequence[Row[Any]]
    energy: "Energy"


@dataclass(frozen=True, slots=True)
class Energy:
    """What a cabinet used in the seven days before today, beside the seven before those; kWh, `None`: not all known."""

    days: int
    kwh: float | None
    before_kwh: float | None

    @property
    def change(self) -> float | None:
        """By how much more it was than the week before: 0.15 is 15 %."""
        if self.kwh is None or not self.before_kwh:
            return None
        return self.kwh / self.before_kwh - 1


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the stretch, °C; `None` where nobody measured."""

    at: datetime
    product_min: float | None = None
    product_mean: float | None = None
    product_max: float | None = None
    air_min: float | None = None
    air_mean: float | None = None
    air_max: float | None = None
    open_s: int = 0
    cooling_s: int = 0
    defrost_s: int = 0
    known_s: int = 0


DEGREES = ("product_min", "product_mean", "product_max", "air_min", "air_mean", "air_max")


def zone_page(
    conn: Connection, *, locker_id: str, zone: str, since: datetime, until: datetime, now: datetime
) -> ZonePage | None:
    """One zone; `None` when the locker has no such."""
    found = conn.execute(ZONE, {"locker_id": locker_id, "zone": zone}).one_or_none()
    if found is None:
        return None
    asked = {"locker_id": locker_id, "zone": zone, "since": since, "until": until}
    rules = strictest_of(policy_now(conn, site_id=found.site_id), found.classes, zone)
    today = now.astimezone(ZoneInfo(found.timezone)).date()
    return ZonePage(found, rules, conn.execute(ALARMS, asked).all(), energy_of(conn, locker_id=locker_id, today=today))


def energy_of(conn: Connection, *, locker_id: str, today: date) -> Energy:
    """Two weeks of a cabinet's meter. Only days that both weeks have are compared."""
    yesterday = today - timedelta(days=1)
    by_day = {row.day: row.wh for row in conn.execute(ENERGY, {"locker_id": locker_id, "day": yesterday})}
    week = [yesterday - timedelta(days=n) for n in range(WEEK.days)]
    both = [day for day in week if day in by_day and day - WEEK in by_day]
    known = [day for day in week if day in by_day]
    if not both:
        return Energy(len(known), _kwh(by_day[day] for day in known) if known else None, None)
    return Energy(len(both), _kwh(by_day[day] for day in both), _kwh(by_day[day - WEEK] for day in both))


def steps(
    conn: Connection, *, locker_id: str, zone: str, since: datetime, until: datetime
) -> tuple[timedelta, list[Step]]:
    """How long a step of this stretch is, and every one of them, the unmeasured too."""
    step = next(step for longest, step in STEPS if until - since <= longest)
    found = in_steps(conn, locker_id=locker_id, zone=zone, since=since, until=until, step=step)
    by_at = {row.at: _step(row) for row in found}
    return step, [by_at.get(at) or Step(at) for at in _moments(since, until, step)]


def _step(row: Row[Any]) -> Step:
    values = {name: None if (value := getattr(row, name)) is None else round(value / 100, 2) for name in DEGREES}
    return Step(
        row.at,
        **values,
        open_s=row.open_s or 0,
        cooling_s=row.cooling_s or 0,
        defrost_s=row.defrost_s or 0,
        known_s=row.known_s or 0,
    )


def _moments(since: datetime, until: datetime, step: timedelta) -> Iterator[datetime]:
    epoch = datetime.fromtimestamp(0, tz=since.tzinfo)
    at = since - (since - epoch) % step
    while at < until:
        yield at
        at += step


def _kwh(watt_hours: Iterator[int]) -> float:
    return round(sum(watt_hours) / 1000, 1)
