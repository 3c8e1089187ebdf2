"""Openings: who opened what, by what right and why; and a second person's yes or no to those that wait for it.

Whoever asked may neither confirm nor decline: the use case refuses them.
"""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import openings as pages
from app.domain.errors import NotFound
from app.domain.hold_state import HoldEvent
from app.domain.remote_opening import MOST_AT_LOCKER, MOST_IN_FLEET, OpeningDecided, OwnOpening
from app.domain.roles import Role
from app.use_cases.site.decide_opening import decide_opening
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, civil_rate, read, signed_in, write

blueprint = Blueprint("ops_openings", __name__, url_prefix="/<lang_code>/ops/openings")

LONGEST_NUMBER = 16

Answer = Response | tuple[str, int]


@blueprint.get("")
@serves(Role.OPERATOR)
def openings_page() -> str:
    """Show what waits, and what was opened at one site."""
    return _page({})


@blueprint.post("/<command_id>/confirm")
@serves(Role.OPERATOR)
def confirm(command_id: str) -> Answer:
    """Say yes: it goes to its site now."""
    return _decide(command_id, HoldEvent.CONFIRM)


@blueprint.post("/<command_id>/decline")
@serves(Role.OPERATOR)
def decline(command_id: str) -> Answer:
    """Say no: it is never sent."""
    return _decide(command_id, HoldEvent.DECLINE)


def _decide(command_id: str, event: HoldEvent) -> Answer:
    try:
        with write() as conn:
            site_id = decide_opening(
                conn, command_id=command_id, event=event, person_id=signed_in().id, now=civil_now(), rate=civil_rate()
            )
    except (OwnOpening, OpeningDecided) as refusal:
        return _page({"": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".openings_page", site=site_id), HTTPStatus.SEE_OTHER)


def _page(errors: dict[str, str]) -> str:
    with read() as conn:
        sites = pages.sites(conn)
        wanted = request.args.get("site", sites[0].id if sites else "")
        site = next((one for one in sites if one.id == wanted), None)
        if site is None:
            raise NotFound(what="site")
        rows = pages.opened(conn, site_id=site.id, before_ms=_number(request.args.get("before", "")))
        held = pages.waiting(conn, now=civil_now())
    return render_template(
        "staff/ops_openings.html", sites=sites, site=site, rows=rows, held=held, shown=pages.SHOWN, errors=errors
    )


def _number(text: str) -> int | None:
    """A time to look back from; what is no number is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None


@blueprint.app_context_processor
def _words() -> dict[str, Any]:
    return {"most_at_locker": MOST_AT_LOCKER, "most_in_fleet": MOST_IN_FLEET}
