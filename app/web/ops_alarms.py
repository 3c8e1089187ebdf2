"""Alarms of the cold: what is wrong, whose food it concerns, what to do next; seen by a name, silenced until a time."""

import re
from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import alarms as pages
from app.domain.alarms import AlarmOver, Line, SilenceNeedsEnd
from app.domain.errors import DomainError, NotFound
from app.domain.fleet import Wrong
from app.domain.roles import Role
from app.use_cases.cold_chain.answer_alarm import answer_alarm
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, civil_rate, read, signed_in, write

blueprint = Blueprint("ops_alarms", __name__, url_prefix="/<lang_code>/ops/alarms")

HOURS = (1, 2, 4, 8, 24)
MOST_SITES_SENT = 2_000
# Where somebody may be sent back to: pages of ours that show alarms beside what else is wrong.
OURS = re.compile(r"/(?:en|zh-hans)/ops(?:/(?:sites|lockers)/[A-Za-z0-9_-]{1,32}(?:/doors/\d{1,3})?)?")

Answer = Response | tuple[str, int]


@blueprint.get("")
@serves(Role.OPERATOR)
def alarms_page() -> str:
    """Show what is wrong now."""
    return _page()


@blueprint.post("/<cause>/seen")
@serves(Role.OPERATOR)
def seen(cause: str) -> Answer:
    """Somebody has seen it and looks after it."""
    return _answer(cause)


@blueprint.post("/<cause>/silence")
@serves(Role.OPERATOR)
def silence(cause: str) -> Answer:
    """Let it be quiet for some hours, for a reason."""
    typed = request.form.get("hours", "")
    hours = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < len("1000") else 0
    return _answer(cause, hours)


def _answer(said: str, silent_h: int | None = None) -> Answer:
    if said not in set(Wrong):
        raise NotFound
    try:
        with write() as conn:
            answer_alarm(
                conn,
                cause=Wrong(said),
                site_ids=request.form.getlist("site")[:MOST_SITES_SENT],
                person_id=signed_in().id,
                now=civil_now(),
                rate=civil_rate(),
                silent_h=silent_h,
                reason=request.form.get("reason", ""),
            )
    except (AlarmOver, SilenceNeedsEnd, ReasonNeeded) as refusal:
        return _page(said, refusal), refusal.status
    back = request.form.get("back", "")
    return redirect(back if OURS.fullmatch(back) else url_for(".alarms_page"), HTTPStatus.SEE_OTHER)


def _page(cause: str = "", refusal: DomainError | None = None) -> str:
    with read() as conn:
        now = pages.alarms_now(conn, now=civil_now())
    field = "" if isinstance(refusal, AlarmOver) else "hours" if isinstance(refusal, SilenceNeedsEnd) else "reason"
    errors = {} if refusal is None else {field: words.sentence(refusal)}
    return render_template(
        "staff/ops_alarms.html",
        now=now,
        asked=_asked(now, cause),
        waiting=[line for line in now.lines if line.silenced is None],
        silenced=[line for line in now.lines if line.silenced is not None],
        errors=errors,
        typed=request.form.get("reason", "")[:LONGEST_REASON],
        hours=HOURS,
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
        most_orders=pages.MOST_ORDERS,
    )


def _asked(now: pages.AlarmsNow, cause: str) -> Line | None:
    """The line somebody wants to silence: by its cause and one of its sites, or as it was refused."""
    wanted = cause or request.args.get("silence", "")
    sites = set(request.form.getlist("site")) or {request.args.get("site", "")}
    found = (line for line in now.lines if line.cause == wanted and line.silenced is None and sites & set(line.sites))
    return next(found, None)
