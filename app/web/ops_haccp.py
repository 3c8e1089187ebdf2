"""The HACCP log of a site and month for whoever inspects: a page, a CSV and a PDF, all of the same rows."""

import csv
import io
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, request
from sqlalchemy import Row

from app.db.pages import haccp as pages
from app.db.pages.haccp import HaccpLog
from app.domain.errors import DomainError, NotFound
from app.domain.roles import Role
from app.web.access import serves
from app.web.haccp_pdf import day_heads, entry_heads, haccp_pdf
from app.web.haccp_rows import Entry, entries, zone_word
from app.web.language import short
from app.web.page import local
from app.web.parts import civil_now, read

blueprint = Blueprint("ops_haccp", __name__, url_prefix="/<lang_code>/ops/cold/haccp")

# As browsers' spreadsheets read it: with a mark, or Chinese names are broken.
ENCODING = "utf-8-sig"
# What is measured is kept for two years (design §5).
KEPT_MONTHS = 24


class MonthUnreadable(DomainError):
    """A month that is none, has not begun, or of which nothing is kept any more."""

    code = "month_unreadable"
    status = 422


@blueprint.get("")
@serves(Role.OPERATOR)
def log_page() -> str:
    """Show the log."""
    sites, log = _log()
    return render_template(
        "staff/ops_haccp.html",
        sites=sites,
        log=log,
        entries=entries(log),
        days=log.days,
        heads=entry_heads(),
        day_heads=day_heads(),
        zone_word=zone_word,
        month=f"{log.month:%Y-%m}",
        newest=f"{civil_now().astimezone(ZoneInfo(log.site.timezone)):%Y-%m}",
    )


@blueprint.get("/log.csv")
@serves(Role.OPERATOR)
def log_file() -> Response:
    """Give the log as a file: the entries, and below them the days."""
    _, log = _log()
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(entry_heads())
    writer.writerows(_entry_cells(one) for one in entries(log))
    writer.writerow([])
    writer.writerow(day_heads())
    writer.writerows(_day_cells(log))
    return _download(written.getvalue().encode(ENCODING), "text/csv", log, "csv")


@blueprint.get("/log.pdf")
@serves(Role.OPERATOR)
def log_pdf() -> Response:
    """Give the log to print and sign."""
    _, log = _log()
    return _download(haccp_pdf(log, entries(log)), "application/pdf", log, "pdf")


def _log() -> tuple[Any, HaccpLog]:
    with read() as conn:
        sites = pages.sites(conn)
        wanted = request.args.get("site", sites[0].id if sites else "")
        site = next((one for one in sites if one.id == wanted), None)
        if site is None:
            raise NotFound
        log = pages.haccp_log(conn, site=site, month=_month(site), now=civil_now(), language=short())
    return sites, log


def _month(site: Row[Any]) -> date:
    """The first day of the month that was asked for; without one, of this month. Raises MonthUnreadable."""
    today = civil_now().astimezone(ZoneInfo(site.timezone)).date()
    typed = request.args.get("month") or f"{today:%Y-%m}"
    try:
        month = date.fromisoformat(f"{typed}-01")
    except ValueError as error:
        raise MonthUnreadable from error
    ago = (today.year - month.year) * 12 + today.month - month.month
    if not 0 <= ago <= KEPT_MONTHS:
        raise MonthUnreadable
    return month


def _entry_cells(one: Entry) -> list[str]:
    lasted = "" if one.lasted is None else str(one.lasted)
    cells = [one.point, one.place, one.limit, one.observed, lasted, one.product, one.action, one.who, one.verified]
    return [one.at.isoformat(), *map(_harmless, cells)]


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is marked as text; people type some of these words."""
    return f"'{cell}" if cell[:1] in {"=", "+", "@", "-"} else cell


def _day_cells(log: HaccpLog) -> list[list[str]]:
    return [
        [
            each.day.isoformat(),
            local({"name_zh": each.locker_zh, "name_en": each.locker_en}),
            zone_word(each.zone),
            f"{each.limit_c:g}",
            *("" if value is None else f"{value:.2f}" for value in (each.low_c, each.mean_c, each.high_c)),
            str(each.above),
            str(each.unknown),
        ]
        for each in log.days
    ]


def _download(content: bytes, kind: str, log: HaccpLog, ending: str) -> Response:
    answer = Response(content, mimetype=kind)
    name = f"caibox-haccp-{log.site.id}-{log.month:%Y-%m}.{ending}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
