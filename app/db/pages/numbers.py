"""The ten numbers of the morning by site: yesterday and the seven days that end with it, in the site's own days.

Reads only, a number a query. Formulas in words: `docs/numbers.md`. Limits: `domain.numbers`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, TextClause, text

from app.domain.numbers import NUMBERS, NotMeasured, Number, Reading, alarms, share

DAYS = 7

SITES = text("SELECT id, site_no, name_zh, name_en, timezone, households FROM site ORDER BY site_no")


def _sums(facts: str) -> TextClause:
    """Sum `part` and `whole` of facts (site_id, day, part, whole) over yesterday and the last days, by site."""
    return text(f"""
        WITH today AS (
            SELECT id AS site_id, timezone, (:now AT TIME ZONE timezone)::date AS today FROM site
        ), facts AS ({facts})
        SELECT site_id,
            sum(part) FILTER (WHERE day = today - 1)::float8 AS part_1,
            sum(whole) FILTER (WHERE day = today - 1)::float8 AS whole_1,
            sum(part)::float8 AS part_7, sum(whole)::float8 AS whole_7
        FROM facts JOIN today USING (site_id) WHERE day BETWEEN today - {DAYS} AND today - 1 GROUP BY site_id
    """)  # noqa: S608  no input in it


# `:since` is a little more than the seven days, so that old rows are not even looked at.
LOADED = _sums("""
    SELECT o.site_id, (w.closes_at AT TIME ZONE t.timezone)::date AS day, 1 AS whole,
        (p.collected_at IS NULL OR (p.collected_at AT TIME ZONE t.timezone)::date
            > (w.closes_at AT TIME ZONE t.timezone)::date)::int AS part
    FROM pickup_window w JOIN customer_order o ON o.window_id = w.id JOIN parcel p ON p.order_id = o.id
    JOIN today t ON t.site_id = o.site_id
    WHERE w.closes_at > :since AND p.loaded_at IS NOT NULL
""")
IN_TIME = _sums("""
    SELECT o.site_id, (w.opens_at AT TIME ZONE t.timezone)::date AS day, 1 AS whole,
        coalesce(p.loaded_at < w.opens_at, false)::int AS part
    FROM pickup_window w JOIN customer_order o ON o.window_id = w.id JOIN parcel p ON p.order_id = o.id
    JOIN today t ON t.site_id = o.site_id
    WHERE w.opens_at > :since AND p.state NOT IN ('draft', 'cancelled')
""")
OPENS = _sums("""
    SELECT f.site_id, f.day, 1 AS whole, (stuck.seq IS NULL)::int AS part
    FROM (
        SELECT DISTINCT ON (e.gateway_id, e.order_id, door) e.gateway_id, g.site_id, door,
            e.body->>'grant_id' AS grant_id, (e.at AT TIME ZONE t.timezone)::date AS day
        FROM site_event e JOIN gateway g ON g.id = e.gateway_id JOIN today t ON t.site_id = g.site_id
        CROSS JOIN jsonb_array_elements_text(e.body->'doors') AS door
        WHERE e.at > :since AND e.type = 'UnlockGranted' AND e.body->>'right' = 'collect'
        ORDER BY e.gateway_id, e.order_id, door, e.at
    ) f LEFT JOIN site_event stuck ON stuck.gateway_id = f.gateway_id AND stuck.at > :since
        AND stuck.type = 'DoorStayedShut' AND stuck.body->>'grant_id' = f.grant_id AND stuck.body->>'door' = f.door
""")
EVENING = text(f"""
    WITH today AS (
        SELECT id AS site_id, timezone, (:now AT TIME ZONE timezone)::date AS today FROM site
    ), visits AS (
        SELECT g.site_id, t.today, t.timezone, e.order_id, min(e.at) FILTER (WHERE e.type = 'UnlockGranted') AS came,
            max(e.at) FILTER (WHERE e.type = 'ParcelCollected') AS went
        FROM site_event e JOIN gateway g ON g.id = e.gateway_id JOIN today t ON t.site_id = g.site_id
        WHERE e.at > :since AND e.order_id IS NOT NULL AND e.type IN ('UnlockGranted', 'ParcelCollected')
            AND e.body->>'right' = 'collect'
        GROUP BY g.site_id, t.today, t.timezone, e.order_id
    ), timed AS (
        SELECT site_id, (came AT TIME ZONE timezone)::date = today - 1 AS yesterday,
            extract(epoch FROM went - came) AS s
        FROM visits
        WHERE went IS NOT NULL AND (came AT TIME ZONE timezone)::time BETWEEN '17:30' AND '19:30'
            AND (came AT TIME ZONE timezone)::date BETWEEN today - {DAYS} AND today - 1
    )
    SELECT site_id, percentile_cont(0.9) WITHIN GROUP (ORDER BY s) FILTER (WHERE yesterday) AS value_1,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY s) AS value_7
    FROM timed GROUP BY site_id
""")  # noqa: S608  no input in it
# What households claimed on a day against the lines they collected on it; what was refunded first is no claim.
CLAIMS = _sums("""
    SELECT o.site_id, (m.at AT TIME ZONE t.timezone)::date AS day, m.part, m.whole
    FROM (
        SELECT order_id, made_at AS at, 1 AS part, 0 AS whole FROM claim WHERE made_at > :since AND first_by IS NULL
        UNION ALL
        SELECT p.order_id, p.collected_at, 0, 1 FROM parcel p JOIN order_line l ON l.parcel_id = p.id
        WHERE p.collected_at > :since AND p.state = 'collected'
    ) m JOIN customer_order o ON o.id = m.order_id JOIN today t ON t.site_id = o.site_id
""")
# In selling prices, for want of buying prices: what claims cost, and what was refunded because it ended as waste.
WASTE = _sums("""
    SELECT o.site_id, (m.at AT TIME ZONE t.timezone)::date AS day, m.part, m.whole
    FROM (
        SELECT order_id, at, amount_minor AS part, 0 AS whole FROM ledger_entry
        WHERE at > :since AND kind = 'claim_cost' AND amount_minor > 0
        UNION ALL
        SELECT order_id, decided_at, amount_minor, 0 FROM refund
        WHERE decided_at > :since AND cause = 'not_collected'
        UNION ALL
        SELECT order_id, at, 0, amount_minor FROM ledger_entry
        WHERE at > :since AND kind = 'capture' AND account = 'provider_clearing'
    ) m JOIN customer_order o ON o.id = m.order_id JOIN today t ON t.site_id = o.site_id
""")
# A correction of weight, and money that came too late or twice, is no complaint.
REFUNDS = _sums("""
    SELECT o.site_id, (m.at AT TIME ZONE t.timezone)::date AS day, m.part, m.whole
    FROM (
        SELECT order_id, decided_at AS at, amount_minor AS part, 0 AS whole FROM refund
        WHERE decided_at > :since AND cause NOT IN ('weight', 'late_payment', 'second_payment', 'edited', 'edit_gone')
        UNION ALL
        SELECT order_id, at, 0, amount_minor FROM ledger_entry
        WHERE at > :since AND kind = 'capture' AND account = 'provider_clearing'
    ) m JOIN customer_order o ON o.id = m.order_id JOIN today t ON t.site_id = o.site_id
""")
SHORT = text("""
    SELECT r.site_id, sum(greatest(0, worst)) AS value_1 FROM (
        SELECT run_no, zone, max(taken + blocked - total) AS worst FROM run_capacity GROUP BY run_no, zone
    ) c JOIN load_run r USING (run_no) JOIN site s ON s.id = r.site_id
    WHERE r.called_off_at IS NULL
        AND (r.load_from AT TIME ZONE s.timezone)::date = (:now AT TIME ZONE s.timezone)::date
    GROUP BY r.site_id
""")
# Households that bought, and those whose money came back three times or more.
HOUSEHOLDS = text(f"""
    WITH days AS (
        SELECT id, (:now AT TIME ZONE timezone)::date - {DAYS} AS first, (:now AT TIME ZONE timezone)::date - 1 AS last
        FROM site
    )
    SELECT s.id AS site_id, (
        SELECT count(DISTINCT o.person_id) FROM customer_order o
        WHERE o.site_id = s.id AND o.placed_at > :since AND o.state NOT IN ('awaiting_payment', 'released')
            AND (o.placed_at AT TIME ZONE s.timezone)::date BETWEEN first AND last
    ) AS bought, (
        SELECT count(*) FROM (
            SELECT FROM refund r JOIN customer_order o ON o.id = r.order_id
            WHERE o.site_id = s.id AND r.decided_at > :since
                AND r.cause NOT IN ('weight', 'late_payment', 'second_payment', 'edited', 'edit_gone')
                AND (r.decided_at AT TIME ZONE s.timezone)::date BETWEEN first AND last
            GROUP BY o.person_id HAVING count(*) >= 3
        ) often
    ) AS often
    FROM site s JOIN days USING (id)
""")  # noqa: S608  no input in it
# Of those whose first order lies 14 to 27 days back: who ordered again within 14 days of it.
SECOND = text("""
    WITH first AS (
        SELECT DISTINCT ON (o.person_id) o.person_id, o.site_id, o.placed_at, s.timezone
        FROM customer_order o JOIN site s ON s.id = o.site_id
        WHERE o.state NOT IN ('awaiting_payment', 'released') ORDER BY o.person_id, o.placed_at, o.id
    )
    SELECT site_id, count(*) AS whole, count(*) FILTER (WHERE EXISTS (
        SELECT FROM customer_order n WHERE n.person_id = first.person_id AND n.placed_at > first.placed_at
            AND n.placed_at <= first.placed_at + interval '14 days' AND n.state NOT IN ('awaiting_payment', 'released')
    )) AS part
    FROM first
    WHERE (placed_at AT TIME ZONE timezone)::date
        BETWEEN (:now AT TIME ZONE timezone)::date - 27 AND (:now AT TIME ZONE timezone)::date - 14
    GROUP BY site_id
""")


@dataclass(frozen=True, slots=True)
class Line:
    """One number of a site: over yesterday, and over seven days."""

    number: Number
    yesterday: Reading
    seven_days: Reading

    @property
    def alarm(self) -> bool:
        """Whether either is beyond its limit."""
        return alarms(self.number, self.yesterday) or alarms(self.number, self.seven_days)


@dataclass(frozen=True, slots=True)
class SiteNumbers:
    """A site's numbers; `day` is its yesterday."""

    site: Row[Any]
    day: date
    lines: Sequence[Line]

    @property
    def alarms(self) -> int:
        """How many alarm."""
        return sum(line.alarm for line in self.lines)


Rows = Mapping[str, Row[Any]]  # by site

QUERIES: Mapping[str, TextClause] = {
    "loaded": LOADED,
    "in_time": IN_TIME,
    "opens": OPENS,
    "evening": EVENING,
    "claims": CLAIMS,
    "refunds": REFUNDS,
    "waste": WASTE,
    "short": SHORT,
    "households": HOUSEHOLDS,
    "second": SECOND,
}
NOTHING = Reading(None, NotMeasured.NOTHING_TO_COUNT)
TONIGHT_ONLY = Reading(None, NotMeasured.TONIGHT_ONLY)
WEEKS_ONLY = Reading(None, NotMeasured.WEEKS_ONLY)


def numbers(conn: Connection, *, now: datetime) -> list[SiteNumbers]:
    """Every site's numbers."""
    asked = {"now": now, "since": now - timedelta(days=DAYS + 2)}
    found = {name: {row.site_id: row for row in conn.execute(query, asked)} for name, query in QUERIES.items()}
    return [
        SiteNumbers(
            site=site,
            day=now.astimezone(ZoneInfo(site.timezone)).date() - timedelta(days=1),
            lines=[_line(number, _readings(found, site)) for number in NUMBERS],
        )
        for site in conn.execute(SITES)
    ]


def _line(number: Number, readings: Mapping[str, tuple[Reading, Reading]]) -> Line:
    if number.missing is not None:
        return Line(number, Reading(None, number.missing), Reading(None, number.missing))
    return Line(number, *readings[number.key])


def _readings(found: Mapping[str, Rows], site: Row[Any]) -> dict[str, tuple[Reading, Reading]]:
    """Yesterday's and seven days' reading of each number that is measured."""
    rows = {name: by_site.get(site.id) for name, by_site in found.items()}
    short, households, second = rows["short"], rows["households"], rows["second"]
    return {
        "uncollected_overnight": _shares(rows["loaded"]),
        "in_doors_in_time": _shares(rows["in_time"]),
        "first_try_opens": _shares(rows["opens"]),
        "doors_retried": _retried(rows["opens"]),
        "evening_p90": _values(rows["evening"]),
        "claims": _shares(rows["claims"]),
        "waste": _shares(rows["waste"]),
        "refunds_of_sales": _shares(rows["refunds"]),
        "often_refunded": (WEEKS_ONLY, Reading(households.often if households else 0)),
        "doors_short": (Reading(float(short.value_1)) if short else NOTHING, TONIGHT_ONLY),
        "households_buying": (WEEKS_ONLY, share(households.bought if households else 0, site.households)),
        "second_order": (WEEKS_ONLY, share(second.part, second.whole) if second else NOTHING),
    }


def _shares(row: Row[Any] | None) -> tuple[Reading, Reading]:
    if row is None:
        return NOTHING, NOTHING
    return share(row.part_1, row.whole_1), share(row.part_7, row.whole_7)


def _retried(row: Row[Any] | None) -> tuple[Reading, Reading]:
    if row is None:
        return NOTHING, NOTHING
    yesterday = NOTHING if row.whole_1 is None else Reading(row.whole_1 - row.part_1)
    return yesterday, Reading(row.whole_7 - row.part_7)


def _values(row: Row[Any] | None) -> tuple[Reading, Reading]:
    if row is None:
        return NOTHING, NOTHING
    return _value(row.value_1), _value(row.value_7)


def _value(found: Any) -> Reading:  # noqa: ANN401  a number of whatever kind the driver gives
    return NOTHING if found is None else Reading(float(found))
