"""A zone's temperatures for operators: a chart one can zoom, the same as a table and as a file.

Decides which stretch is shown, never what was measured in it. A stretch has whole minutes, lies in the past and is at
most 90 days long.
"""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.db.pages import cold_zone as pages
from app.db.pages.cold_zone import Step, ZonePage
from app.domain.errors import DomainError, NotFound
from app.domain.roles import Role
from app.web.access import serves
from app.web.cold_picture import late_after
from app.web.parts import civil_now, read
from locker_protocol.vocabulary import Zone

blueprint = Blueprint("ops_cold_zone", __name__, url_prefix="/<lang_code>/ops/cold/zone")

RANGES = {"1h": 1, "6h": 6, "24h": 24, "3d": 72, "7d": 168, "30d": 720, "90d": 2160}
USUAL = "24h"
SHORTEST = timedelta(minutes=10)
ENCODING = "utf-8-sig"
MOST_ROWS = 96
COLUMNS = (
    "at",
    "product_min_c",
    "product_mean_c",
    "product_max_c",
    "air_min_c",
    "air_mean_c",
    "air_max_c",
    "door_open_s",
    "compressor_s",
    "defrost_s",
    "measured_s",
)


class StretchUnreadable(DomainError):
    """A chart's stretch is not two moments, oldest first, of the last 90 days."""

    code = "stretch_unreadable"
    status = 422


@blueprint.get("/<locker_id>/<zone>")
@serves(Role.OPERATOR)
def zone_page(locker_id: str, zone: str) -> str:
    """Show the chart and the table."""
    since, until = _stretch()
    page = _page(locker_id, zone, since, until)
    with read() as conn:
        step, rows = pages.steps(conn, locker_id=locker_id, zone=zone, since=since, until=until)
    return render_template(
        "staff/ops_cold_zone.html",
        page=page,
        zone_name=zone,
        since=since,
        until=until,
        step=step,
        rows=_table(_told(rows), step),
        chosen="" if "since" in request.args else request.args.get("range", USUAL),
        ranges=list(RANGES),
        late=page.zone.read_at is None or civil_now() - page.zone.read_at > late_after(),
    )


@blueprint.get("/<locker_id>/<zone>/series.json")
@serves(Role.OPERATOR)
def series(locker_id: str, zone: str) -> Response:
    """Give a stretch as columns for the chart; null where nobody measured."""
    since, until = _stretch()
    page = _page(locker_id, zone, since, until)
    with read() as conn:
        step, rows = pages.steps(conn, locker_id=locker_id, zone=zone, since=since, until=until)
    columns = {
        name: [getattr(row, name) for row in rows] for name in (*pages.DEGREES, "open_s", "cooling_s", "defrost_s")
    }
    answer = jsonify(
        at=[round(row.at.timestamp()) for row in rows],
        step_s=round(step.total_seconds()),
        band=[page.rules.target_low_c, page.rules.target_high_c],
        **columns,
    )
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.get("/<locker_id>/<zone>/series.csv")
@serves(Role.OPERATOR)
def file(locker_id: str, zone: str) -> Response:
    """Give a stretch as a file; empty cells are not measured."""
    since, until = _stretch()
    _page(locker_id, zone, since, until)
    with read() as conn:
        _, rows = pages.steps(conn, locker_id=locker_id, zone=zone, since=since, until=until)
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row) for row in rows)
    answer = Response(written.getvalue().encode(ENCODING), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="caibox-{locker_id}-{zone}.csv"'
    return answer


def _page(locker_id: str, zone: str, since: datetime, until: datetime) -> ZonePage:
    if zone not in set(Zone):
        raise NotFound
    with read() as conn:
        page = pages.zone_page(conn, locker_id=locker_id, zone=zone, since=since, until=until, now=civil_now())
    if page is None:
        raise NotFound
    return page


def _stretch() -> tuple[datetime, datetime]:
    """`since` and `until` in milliseconds since 1970, or a `range` that ends now. Raises StretchUnreadable."""
    now = civil_now()
    if "since" not in request.args:
        hours = RANGES.get(request.args.get("range", USUAL))
        if hours is None:
            raise StretchUnreadable
        return now - timedelta(hours=hours), now
    since, until = _moment("since"), min(_moment("until"), now)
    if not SHORTEST <= until - since <= pages.LONGEST:
        raise StretchUnreadable
    return since, until


def _moment(name: str) -> datetime:
    typed = request.args.get(name, "")
    if not (typed.isascii() and typed.isdigit() and len(typed) <= len("4102444800000")):
        raise StretchUnreadable
    return datetime.fromtimestamp(int(typed) / 1000, tz=UTC)


def _told(rows: list[Step]) -> list[Step]:
    """Without what may still be under way at the end: that is not unmeasured yet."""
    end = len(rows)
    while end and rows[end - 1].product_mean is None and rows[end - 1].at > civil_now() - late_after():
        end -= 1
    return rows[:end]


def _table(rows: list[Step], step: timedelta) -> list[Step]:
    """What a reader can look through: at most some rows, each over several steps, newest first."""
    together = -(-len(rows) // MOST_ROWS)
    while together > 1 and (together * step) % timedelta(minutes=5) and together * step < timedelta(hours=1):
        together += 1
    parts = [rows[n : n + together] for n in range(0, len(rows), together)]
    return [_folded(part) for part in reversed(parts)]


def _folded(part: list[Step]) -> Step:
    def known(name: str) -> list[Any]:
        return [value for row in part if (value := getattr(row, name)) is not None]

    def mean(name: str) -> float | None:
        values = known(name)
        return sum(values) / len(values) if values else None

    return Step(
        at=part[0].at,
        product_min=min(known("product_min"), default=None),
        product_mean=mean("product_mean"),
        product_max=max(known("product_max"), default=None),
        air_min=min(known("air_min"), default=None),
        air_mean=mean("air_mean"),
        air_max=max(known("air_max"), default=None),
        open_s=sum(row.open_s for row in part),
        cooling_s=sum(row.cooling_s for row in part),
        defrost_s=sum(row.defrost_s for row in part),
        known_s=sum(row.known_s for row in part),
    )


def _cells(row: Step) -> tuple[Any, ...]:
    degrees = ["" if (value := getattr(row, name)) is None else f"{value:.2f}" for name in pages.DEGREES]
    return (row.at.isoformat(), *degrees, row.open_s, row.cooling_s, row.defrost_s, row.known_s)
