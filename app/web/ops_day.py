"""The operator's day: what is at risk first, each with its next step; then the ten numbers, as a page and as a file.

Decides how a risk is shown, never whether it is one.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from app.db.pages import numbers as number_pages
from app.db.pages import openings as opening_pages
from app.db.pages import ops_claims as claim_pages
from app.db.pages import risks as risk_pages
from app.db.pages.numbers import DAILY, DayByDay, SiteNumbers
from app.domain.errors import NotFound
from app.domain.numbers import Reading, Unit, alarms
from app.domain.risks import at_risk, money_at_risk
from app.domain.roles import Role
from app.web.access import serves
from app.web.parts import civil_now, read

blueprint = Blueprint("ops_day", __name__, url_prefix="/<lang_code>/ops")

# As browsers' spreadsheets read it: with a mark, or Chinese names are broken.
ENCODING = "utf-8-sig"
COLUMNS = (
    "day",
    "site",
    "place",
    "number",
    "unit",
    "today",
    "yesterday",
    "seven_days",
    "alarm_when",
    "limit",
    "alarm",
    "why_not",
)
RANGES = (14, 28, 90)
MOST_SITES = 6
USUAL_DAYS = 28
DIGITS = {Unit.PERCENT: 1, Unit.SECONDS: 0, Unit.COUNT: 0, Unit.PER_HUNDRED: 1}


@blueprint.get("/day")
@serves(Role.OPERATOR)
def day_page() -> str:
    """Show what is at risk, and which numbers alarm."""
    with read() as conn:
        risks = at_risk(risk_pages.matters(conn, now=civil_now()), now=civil_now())
        numbers = number_pages.numbers(conn, now=civil_now())
        held = opening_pages.waiting(conn, now=civil_now())
        claim_alarms, claims_left = claim_pages.open_alarms(conn), claim_pages.left_waiting(conn)
    return render_template(
        "staff/ops_day.html",
        held=held,
        claim_alarms=claim_alarms,
        claims_left=claims_left,
        risks=risks,
        money=money_at_risk(risks),
        numbers=_most_alarms(numbers, MOST_SITES),
        sites={each.site.id: each.site for each in numbers},
    )


@blueprint.get("/numbers")
@serves(Role.OPERATOR)
def numbers_page() -> str:
    """Show the ten numbers of each site, or of one; of many sites those with the most alarms."""
    with read() as conn:
        numbers = number_pages.numbers(conn, now=civil_now())
    chosen = request.args.get("site", "")
    one = [each for each in numbers if each.site.id == chosen]
    shown = one or _most_alarms(numbers, MOST_SITES)
    return render_template("staff/ops_numbers.html", numbers=shown, sites=numbers, chosen=one[0] if one else None)


@blueprint.get("/numbers.csv")
@serves(Role.OPERATOR)
def numbers_file() -> Response:
    """Give the same as a file; empty is not measured, and says why."""
    with read() as conn:
        numbers = number_pages.numbers(conn, now=civil_now())
    answer = Response(_csv(numbers).encode(ENCODING), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="caibox-numbers.csv"'
    return answer


@blueprint.get("/numbers/<site_id>/<key>")
@serves(Role.OPERATOR)
def number_page(site_id: str, key: str) -> str:
    """Show one number of a site day by day: as a chart, and the same as a table."""
    found, days = _day_by_day(site_id, key)
    return render_template("staff/ops_number.html", found=found, days=days, ranges=RANGES)


@blueprint.get("/numbers/<site_id>/<key>.csv")
@serves(Role.OPERATOR)
def number_file(site_id: str, key: str) -> Response:
    """Give the same as a file."""
    found, _ = _day_by_day(site_id, key)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(("day", found.number.key, "unit", "alarm", "why_not"))
    writer.writerows(
        (
            day.isoformat(),
            _figure(reading),
            found.number.unit.value,
            "yes" if alarms(found.number, reading) else "no",
            reading.missing.value if reading.missing else "",
        )
        for day, reading in found.days
    )
    answer = Response(file.getvalue().encode(ENCODING), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="caibox-{site_id}-{key}.csv"'
    return answer


def _day_by_day(site_id: str, key: str) -> tuple[DayByDay, int]:
    typed = request.args.get("days", str(USUAL_DAYS))
    days = int(typed) if typed in {str(each) for each in RANGES} else USUAL_DAYS
    with read() as conn:
        found = number_pages.day_by_day(conn, site_id=site_id, key=key, days=days, now=civil_now())
    if found is None:
        raise NotFound
    return found, days


def _most_alarms(numbers: Sequence[SiteNumbers], most: int) -> Sequence[SiteNumbers]:
    """All of few sites in their order; of many those with the most alarms."""
    return numbers if len(numbers) <= most else sorted(numbers, key=lambda each: -each.alarms)[:most]


def _csv(numbers: Iterable[SiteNumbers]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(row for site in numbers for row in _rows(site))
    return file.getvalue()


def _rows(site: SiteNumbers) -> Iterable[Sequence[Any]]:
    for line in site.lines:
        number = line.number
        missing = line.seven_days.missing or line.yesterday.missing or line.today.missing
        yield (
            site.day.isoformat(),
            site.site.id,
            number.place,
            number.key,
            number.unit.value,
            _figure(line.today),
            _figure(line.yesterday),
            _figure(line.seven_days),
            number.alarm.value if number.alarm else "",
            "" if number.limit is None else f"{number.limit:g}",
            "yes" if line.alarm else "no",
            missing.value if missing else "",
        )


def _figure(reading: Reading) -> str:
    return "" if reading.value is None else f"{reading.value:.2f}".rstrip("0").rstrip(".")


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {"alarms": alarms, "digits": lambda unit: DIGITS[unit], "by_the_day": frozenset(DAILY)}
