"""The demo's clock: how fast the civil time runs, and jumps ahead, so that nobody waits for tomorrow.

Exists on a demo stack only; anywhere else these addresses lead nowhere. Time never goes back: codes that ended stay
ended. The monotonic clock of protocol timers is not touched.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import clock as pages
from app.domain.errors import DomainError, NotFound
from app.web.access import serves_everybody
from app.web.parts import parts, read
from locker_protocol.clock import DemoClock, read_anchor, write_anchor

blueprint = Blueprint("demo_clock", __name__)

RATES = (1, 60, 600)
HOUR = timedelta(hours=1)


class NoSuchJump(DomainError):
    """The page offers three rates and three jumps; this is none of them, or leads nowhere now."""

    code = "no_such_jump"
    status = 422


@blueprint.get("/demo/clock")
@serves_everybody()
def clock_without_language() -> Response:
    """Lead to the page in the visitor's language."""
    clock_file()
    return redirect(url_for(".clock_page"), HTTPStatus.FOUND)


@blueprint.get("/<lang_code>/demo/clock")
@serves_everybody()
def clock_page() -> str:
    """Show the time at each site, the rate, and what one can jump to."""
    path = clock_file()
    now = DemoClock(path).now()
    with read() as conn:
        sites, ahead = pages.sites(conn), pages.ahead(conn, now=now.civil)
    rate = read_anchor(path).rate
    return render_template(
        "staff/demo_clock.html",
        now=now,
        in_an_hour=now.civil + HOUR,
        rate=rate,
        rates=RATES,
        sites=sites,
        ahead=ahead,
    )


@blueprint.post("/<lang_code>/demo/clock/rate")
@serves_everybody()
def set_rate() -> Response:
    """Let the civil time run 1, 60 or 600 times as fast from now on."""
    path, rate = clock_file(), request.form.get("rate", "")
    if rate not in {str(allowed) for allowed in RATES}:
        raise NoSuchJump
    write_anchor(path, rate=float(rate), civil_ms=DemoClock(path).now().civil_ms)
    return _back()


@blueprint.post("/<lang_code>/demo/clock/jump")
@serves_everybody()
def jump() -> Response:
    """Go ahead to the next load, the next window, or by an hour."""
    path = clock_file()
    now = DemoClock(path).now()
    target = _target(request.form.get("to", ""), now.civil)
    ahead_ms = (target - now.civil) // timedelta(milliseconds=1)
    write_anchor(path, rate=read_anchor(path).rate, civil_ms=now.civil_ms + max(ahead_ms, 0))
    return _back()


def clock_file() -> Path:
    """The demo's clock file. Raises NotFound where this is no demo."""
    settings = parts().settings
    if not settings.demo or settings.clock_file is None:
        raise NotFound
    return settings.clock_file


def _target(name: str, now: datetime) -> datetime:
    if name == "hour":
        return now + HOUR
    with read() as conn:
        ahead = pages.ahead(conn, now=now)
    target = {"load": ahead.load_from, "window": ahead.opens_at}.get(name)
    if target is None:
        raise NoSuchJump
    return target


def _back() -> Response:
    return redirect(url_for(".clock_page"), HTTPStatus.SEE_OTHER)
