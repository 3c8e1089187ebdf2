"""The ten numbers of the morning by site: today, yesterday, the seven days that end with it, and day by day.

Days are the site's own. Reads only, a number a query (`number_queries`). Formulas in words: `docs/numbers.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, TextClause, text

from app.db.pages import number_queries as queries
from app.domain.numbers import BY_KEY, NUMBERS, NotMeasured, Number, Reading, alarms, share

DAYS = 7
LONGEST = 90

SITES = text("SELECT id, site_no, name_zh, name_en, timezone, households FROM site ORDER BY site_no")

# What was counted, and of how many, by how many days ago; under `None` what is no sum of days.
Counted = Mapping[int | None, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One number of a site: so far today, yesterday, and over the seven days that end with it."""

    number: Number
    today: Reading
    yesterday: Reading
    seven_days: Reading

    @property
    def alarm(self) -> bool:
        """Whether yesterday, the week, or what is about tonight is beyond its limit."""
        return alarms(self.number, self.worst)

    @property
    def worst(self) -> Reading:
        """The reading that alarms, if one does: what is about tonight, yesterday, the week."""
        told = (self.today, *self._past) if self.number.key == TONIGHT else self._past
        return next((each for each in told if alarms(self.number, each)), self.seven_days)

    @property
    def _past(self) -> tuple[Reading, Reading]:
        return self.yesterday, self.seven_days


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


@dataclass(frozen=True, slots=True)
class DayByDay:
    """One number of one site, the oldest day first."""

    site: Row[Any]
    number: Number
    days: Sequence[tuple[date, Reading]]


NOTHING = Reading(None, NotMeasured.NOTHING_TO_COUNT)
TONIGHT_ONLY = Reading(None, NotMeasured.TONIGHT_ONLY)
WEEKS_ONLY = Reading(None, NotMeasured.WEEKS_ONLY)
NOT_OVER = Reading(None, NotMeasured.DAY_NOT_OVER)
TONIGHT = "doors_short"
# A bag may still be collected before midnight, and a meter has not been read to the end.
WHOLE_DAYS = frozenset({"uncollected_overnight", "energy"})


def _share(part: float, whole: float) -> Reading:
    return share(part, whole)


def _count(part: float, whole: float) -> Reading:
    return Reading(part) if whole else NOTHING


def _others(part: float, whole: float) -> Reading:
    return Reading(whole - part) if whole else NOTHING


def _value(part: float, _whole: float) -> Reading:
    return Reading(part)


def _shut(part: float, whole: float) -> Reading:
    return Reading(part) if part or whole else Reading(None, NotMeasured.NO_TEMPERATURE_HISTORY)


def _more(part: float, whole: float) -> Reading:
    found = share(part, whole)
    return Reading(None, NotMeasured.NO_METER) if found.value is None else Reading(found.value - 100)


# Numbers that each day has: the query, and what is made of its part and whole.
DAILY: Mapping[str, tuple[TextClause, Callable[[float, float], Reading]]] = {
    "uncollected_overnight": (queries.LOADED, _share),
    "in_doors_in_time": (queries.IN_TIME, _share),
    "first_try_opens": (queries.OPENS, _share),
    "doors_retried": (queries.OPENS, _others),
    "evening_p90": (queries.EVENING, _value),
    "over_limit": (queries.SHUT, _shut),
    "energy": (queries.ENERGY, _more),
    "claims": (queries.CLAIMS, _share),
    "refunds_of_sales": (queries.REFUNDS, _share),
    "waste": (queries.WASTE, _share),
    "doors_short": (queries.SHORT, _count),
}


def numbers(conn: Connection, *, now: datetime) -> list[SiteNumbers]:
    """Every site's numbers."""
    counted = {query: _counted(conn, query, now, DAYS) for query in {query for query, _ in DAILY.values()}}
    asked = _asked(now, DAYS)
    households = {row.site_id: row for row in conn.execute(queries.HOUSEHOLDS, asked)}
    second = {row.site_id: row for row in conn.execute(queries.SECOND, asked)}
    return [
        SiteNumbers(
            site=site,
            day=_today(site, now) - timedelta(days=1),
            lines=[
                _daily(number, counted[DAILY[number.key][0]].get(site.id, {}))
                if number.key in DAILY
                else Line(number, WEEKS_ONLY, WEEKS_ONLY, _weekly(number.key, site, households, second))
                for number in NUMBERS
            ],
        )
        for site in conn.execute(SITES)
    ]


def day_by_day(conn: Connection, *, site_id: str, key: str, days: int, now: datetime) -> DayByDay | None:
    """One number over some days up to today; `None` when there is no such site or number by the day."""
    site = next((row for row in conn.execute(SITES) if row.id == site_id), None)
    if site is None or key not in DAILY:
        return None
    query, _ = DAILY[key]
    counted = _counted(conn, query, now, min(days, LONGEST)).get(site_id, {})
    today = _today(site, now)
    found = [(today - timedelta(days=ago), _reading(key, counted, (ago,))) for ago in range(days - 1, -1, -1)]
    return DayByDay(site, BY_KEY[key], found)


def _today(site: Row[Any], now: datetime) -> date:
    return now.astimezone(ZoneInfo(site.timezone)).date()


def _asked(now: datetime, days: int) -> dict[str, Any]:
    return {"now": now, "since": now - timedelta(days=days + 2), "days": days, "week": DAYS}


def _counted(conn: Connection, query: TextClause, now: datetime, days: int) -> dict[str, Counted]:
    found: dict[str, dict[int | None, tuple[float, float]]] = {}
    wanted = {name: value for name, value in _asked(now, days).items() if f":{name}" in query.text}
    for row in conn.execute(query, wanted).mappings():
        found.setdefault(row["site_id"], {})[row["ago"]] = (float(row["part"] or 0), float(row.get("whole") or 0))
    return dict(found)


def _daily(number: Number, counted: Counted) -> Line:
    seven = (None,) if None in counted else tuple(range(1, DAYS + 1))
    week = TONIGHT_ONLY if number.key == TONIGHT else _reading(number.key, counted, seven)
    return Line(number, _reading(number.key, counted, (0,)), _reading(number.key, counted, (1,)), week)


def _reading(key: str, counted: Counted, ago: Sequence[int | None]) -> Reading:
    """What these days together say."""
    if key in WHOLE_DAYS and tuple(ago) == (0,):
        return NOT_OVER
    found = [counted[each] for each in ago if each in counted]
    made = DAILY[key][1]
    if not found:
        return made(0, 0) if made in {_shut, _more} else NOTHING
    return made(sum(part for part, _ in found), sum(whole for _, whole in found))


def _weekly(key: str, site: Row[Any], households: Mapping[str, Row[Any]], second: Mapping[str, Row[Any]]) -> Reading:
    of_households = households.get(site.id)
    if key == "often_refunded":
        return Reading(of_households.often if of_households else 0)
    if key == "households_buying":
        return share(of_households.bought if of_households else 0, site.households)
    newcomers = second.get(site.id)
    return share(newcomers.part, newcomers.whole) if newcomers else NOTHING
