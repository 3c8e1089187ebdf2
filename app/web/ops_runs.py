"""Operators and the runs of the coming days: say that a van is late, call it off, set how many orders a window takes.

What is asked wrongly is shown again with the reason; nothing is done then.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from http import HTTPStatus
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.db.pages import ops_runs as pages
from app.domain.calendar import instant
from app.domain.errors import DomainError, NotFound
from app.domain.roles import Role
from app.use_cases.evening.call_off_run import call_off_run
from app.use_cases.evening.delay_run import delay_run
from app.use_cases.ordering.set_window_cap import MOST, set_window_cap
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, parts, read, signed_in, write

blueprint = Blueprint("ops_runs", __name__, url_prefix="/<lang_code>/ops/runs")

HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
LONGEST = 5


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was not taken: where it stands on the page, what was typed, and why not."""

    field: str
    typed: str
    reason: str


@blueprint.get("")
@serves(Role.OPERATOR)
def runs_page() -> str:
    """Show the runs, soonest first, and how many people the last act told."""
    return _show()


@blueprint.post("/<int(max=2147483647):run_no>/delay")
@serves(Role.OPERATOR)
def delay(run_no: int) -> Response | tuple[str, int]:
    """Promise another hour of the run's day."""
    field, typed = f"late-{run_no}", request.form.get("expected", "").strip()
    expected_at = _hour_of(run_no, typed)
    if expected_at is None:
        return _refuse(field, typed, gettext("Write the hour like 18:25."), HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        with write() as conn:
            told = delay_run(
                conn,
                run_no=run_no,
                expected_at=expected_at,
                actor=f"person:{signed_in().id}",
                now=civil_now(),
                settings=parts().settings,
            )
    except NotFound:
        raise
    except DomainError as refusal:
        return _refuse(field, typed, words.sentence(refusal), refusal.status)
    return redirect(url_for(".runs_page", told=told, _anchor=f"run-{run_no}"), HTTPStatus.SEE_OTHER)


@blueprint.post("/<int(max=2147483647):run_no>/call-off")
@serves(Role.OPERATOR)
def call_off(run_no: int) -> Response | tuple[str, int]:
    """Call a run off, once somebody ticked that they mean it."""
    field = f"sure-{run_no}"
    if request.form.get("sure") != "1":
        reason = gettext("Tick the box first: it cannot be undone.")
        return _refuse(field, "", reason, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        with write() as conn:
            told = call_off_run(
                conn,
                run_no=run_no,
                actor=f"person:{signed_in().id}",
                now=civil_now(),
                settings=parts().settings,
            )
    except NotFound:
        raise
    except DomainError as refusal:
        return _refuse(field, "", words.sentence(refusal), refusal.status)
    return redirect(url_for(".runs_page", told=told, _anchor=f"run-{run_no}"), HTTPStatus.SEE_OTHER)


@blueprint.post("/windows/<int(max=2147483647):window_id>/cap")
@serves(Role.OPERATOR)
def set_cap(window_id: int) -> Response | tuple[str, int]:
    """Set how many orders a window takes."""
    field, typed = f"cap-{window_id}", request.form.get("cap", "").strip()
    with read() as conn:
        run_no = pages.run_of_window(conn, window_id=window_id)
    if run_no is None:
        raise NotFound(what="window")
    try:
        with write() as conn:
            set_window_cap(conn, window_id=window_id, order_cap=int(typed) if _is_count(typed) else MOST + 1)
    except DomainError as refusal:
        return _refuse(field, typed, words.sentence(refusal), refusal.status)
    return redirect(url_for(".runs_page", _anchor=f"run-{run_no}"), HTTPStatus.SEE_OTHER)


def _hour_of(run_no: int, typed: str) -> datetime | None:
    """The instant somebody typed as an hour of the site's day; none for what is no hour."""
    with read() as conn:
        day = pages.site_day(conn, run_no=run_no)
    if day is None:
        raise NotFound(what="run")
    found = HOUR.fullmatch(typed)
    if found is None:
        return None
    return instant(day.local_date, time(int(found[1]), int(found[2])), ZoneInfo(day.timezone))


def _is_count(typed: str) -> bool:
    return typed.isascii() and typed.isdigit() and len(typed) <= LONGEST


def _refuse(field: str, typed: str, reason: str, status: int) -> tuple[str, int]:
    return _show(Refused(field, typed[:LONGEST], reason)), status


def _show(refused: Refused | None = None) -> str:
    with read() as conn:
        runs = pages.coming_runs(conn, now=civil_now())
    errors: Mapping[str, str] = {refused.field: refused.reason} if refused else {}
    told = request.args.get("told", "")
    return render_template(
        "staff/ops_runs.html",
        runs=runs,
        errors=errors,
        refused=refused,
        told=int(told) if _is_count(told) else None,
        now=civil_now(),
        most=MOST,
    )
