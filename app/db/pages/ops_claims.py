"""What operators see of claims: those that wait, each beside what is known of its bag, alarms, costs. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from app.db.claim_batches import Buyers, buyers_of
from app.db.claim_lines import LINES, cold_record, door_readings
from app.domain.hand_off import ColdRecord, ZoneReading

MOST_ROWS = 100
COST_DAYS = 7
HISTORY_DAYS = 90

_CLAIM = """
    SELECT c.*, o.order_no, o.person_id, o.site_id, s.name_zh AS site_zh, s.name_en AS site_en, s.timezone,
        d.name_zh, d.name_en, p.claim_id IS NOT NULL AS photo
    FROM claim c JOIN customer_order o ON o.id = c.order_id JOIN site s ON s.id = o.site_id
    JOIN order_line l ON l.order_id = c.order_id AND l.line_no = c.line_no JOIN product d ON d.id = l.product_id
    LEFT JOIN claim_photo p ON p.claim_id = c.id
"""
WAITING = text(f"{_CLAIM} WHERE c.state = 'waiting' ORDER BY c.made_at, c.id LIMIT :most")
ANSWERED = text(f"{_CLAIM} WHERE c.state <> 'waiting' AND c.made_at > :since ORDER BY c.made_at DESC, c.id LIMIT :most")
CLAIM = text(f"{_CLAIM} WHERE c.id = :claim_id")
OF_BATCH = text(f"{_CLAIM} WHERE :batch = ANY(c.batches) ORDER BY c.made_at, c.id LIMIT :most")
ALARMS = text("""
    SELECT a.*, d.name_zh, d.name_en, s.name_zh AS site_zh, s.name_en AS site_en, s.timezone
    FROM claim_alarm a JOIN product d ON d.id = a.product_id JOIN site s ON s.id = a.site_id
    WHERE CASE WHEN CAST(:alarm_id AS text) IS NULL THEN a.closed_at IS NULL ELSE a.id = :alarm_id END
    ORDER BY a.raised_at
""")
COSTS = text("""
    SELECT e.currency, substr(e.account, 8) AS hand_off, sum(e.amount_minor)::bigint AS cost_minor
    FROM ledger_entry e WHERE e.at > :since AND e.account LIKE 'claims\\_%'
    GROUP BY 1, 2 HAVING sum(e.amount_minor) <> 0 ORDER BY 1, 3 DESC
""")
KINDS = text("""
    SELECT kind, count(*) AS claims FROM claim WHERE made_at > :since AND first_by IS NULL GROUP BY kind ORDER BY 2 DESC
""")
LEFT_WAITING = text("SELECT count(*) AS claims, min(made_at) AS since FROM claim WHERE state = 'waiting'")
SITES = text("SELECT id, site_no, name_zh, name_en, currency, timezone FROM site ORDER BY site_no")
PHOTOS = text("SELECT id, at FROM photo WHERE parcel_id = :parcel_id ORDER BY at")
WEIGHINGS = text("""
    SELECT at, scale_id, gross_g - tare_g AS net_g FROM weighing
    WHERE order_id = :order_id AND line_no = :line_no ORDER BY at, id
""")
HOUSEHOLD = text(f"""
    {_CLAIM} WHERE o.person_id = :person_id AND c.id <> :claim_id AND c.made_at > :since AND c.first_by IS NULL
    ORDER BY c.made_at DESC LIMIT :most
""")
ORDERS = text("""
    SELECT count(*) FROM customer_order
    WHERE person_id = :person_id AND placed_at > :since AND state NOT IN ('awaiting_payment', 'released')
""")
SAME_PHOTO = text("""
    SELECT c.id, o.order_no, o.person_id = :person_id AS own FROM claim_photo p
    JOIN claim_photo q ON q.sha256 = p.sha256 AND q.claim_id <> p.claim_id JOIN claim c ON c.id = q.claim_id
    JOIN customer_order o ON o.id = c.order_id
    WHERE p.claim_id = :claim_id AND c.order_id <> :order_id ORDER BY c.made_at LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class ClaimsNow:
    """The room of claims: alarms, who waits, who was answered, and a week's sums."""

    alarms: Sequence[Row[Any]]
    waiting: Sequence[Row[Any]]
    answered: Sequence[Row[Any]]
    costs: Sequence[Row[Any]]
    kinds: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class Household:
    """A household's orders and claims of the last `HISTORY_DAYS` days."""

    orders: int
    claims: Sequence[Row[Any]]

    @property
    def granted(self) -> int:
        """How many of them were granted."""
        return sum(each.state == "granted" for each in self.claims)


@dataclass(frozen=True, slots=True)
class ClaimFile:
    """One claim beside all that is kept of its bag."""

    claim: Row[Any]
    line: Row[Any]
    photos: Sequence[Row[Any]]
    weighings: Sequence[Row[Any]]
    readings: Sequence[ZoneReading]
    cold: ColdRecord
    household: Household
    same_photo: Sequence[Row[Any]]

    @property
    def left_minor(self) -> int:
        """What may be granted: what it is worth, as far as it did not go back otherwise."""
        left = int(self.line.line_minor - self.line.refunded_minor)
        return max(0, min(int(self.claim.worth_minor), left))


@dataclass(frozen=True, slots=True)
class AlarmFile:
    """An alarm, the claims of its batch, and who else bought of it."""

    alarm: Row[Any]
    claims: Sequence[Row[Any]]
    buyers: Buyers


def claims_now(conn: Connection, *, now: datetime) -> ClaimsNow:
    """All that a page of claims shows."""
    since = {"since": now - timedelta(days=COST_DAYS)}
    return ClaimsNow(
        alarms=open_alarms(conn),
        waiting=conn.execute(WAITING, {"most": MOST_ROWS}).all(),
        answered=conn.execute(ANSWERED, {**since, "most": MOST_ROWS}).all(),
        costs=conn.execute(COSTS, since).all(),
        kinds=conn.execute(KINDS, since).all(),
    )


def sites(conn: Connection) -> Sequence[Row[Any]]:
    """Each site has rules of its own."""
    return conn.execute(SITES).all()


def left_waiting(conn: Connection) -> Row[Any]:
    """How many `claims` wait for a person, and `since` when the first of them does."""
    return conn.execute(LEFT_WAITING).one()


def open_alarms(conn: Connection) -> Sequence[Row[Any]]:
    """Batches that several households claimed and nobody has dealt with."""
    return conn.execute(ALARMS, {"alarm_id": None}).all()


def claim_file(conn: Connection, *, claim_id: str, now: datetime) -> ClaimFile | None:
    """A claim with everything beside it; `None` where there is none."""
    claim = conn.execute(CLAIM, {"claim_id": claim_id}).one_or_none()
    if claim is None:
        return None
    line = next(row for row in conn.execute(LINES, {"order_id": claim.order_id}) if row.line_no == claim.line_no)
    readings = door_readings(conn, line, site_id=claim.site_id)
    mine = {"order_id": claim.order_id, "line_no": claim.line_no}
    known = {"claim_id": claim_id, "person_id": claim.person_id, "order_id": claim.order_id, "most": MOST_ROWS}
    return ClaimFile(
        claim=claim,
        line=line,
        photos=conn.execute(PHOTOS, {"parcel_id": line.parcel_id}).all(),
        weighings=conn.execute(WEIGHINGS, mine).all(),
        readings=readings,
        cold=cold_record(readings, line),
        household=_household(conn, claim, now),
        same_photo=conn.execute(SAME_PHOTO, known).all(),
    )


def alarm_file(conn: Connection, *, alarm_id: str) -> AlarmFile | None:
    """An alarm, open or closed; `None` where there is none."""
    alarm = conn.execute(ALARMS, {"alarm_id": alarm_id}).one_or_none()
    if alarm is None:
        return None
    claims = conn.execute(OF_BATCH, {"batch": alarm.batch, "most": MOST_ROWS}).all()
    return AlarmFile(alarm, claims, buyers_of(conn, batch=alarm.batch))


def _household(conn: Connection, claim: Row[Any], now: datetime) -> Household:
    asked = {"person_id": claim.person_id, "since": now - timedelta(days=HISTORY_DAYS)}
    claims = conn.execute(HOUSEHOLD, {**asked, "claim_id": claim.id, "most": MOST_ROWS}).all()
    return Household(conn.execute(ORDERS, asked).scalar_one(), claims)
