"""Where a full window sends people: in words, and by one tap to a neighbouring building. Never chooses for anybody."""

from collections.abc import Sequence
from typing import Any

from babel.lists import format_list
from flask import Blueprint, redirect, request, session, url_for
from flask_babel import gettext
from sqlalchemy import Row
from werkzeug.wrappers import Response

from app.db.pages.room import Room, open_window
from app.domain.errors import NotFound
from app.web import basket
from app.web.access import serves_everybody
from app.web.language import locale
from app.web.page import local, span
from app.web.parts import civil_now, read

blueprint = Blueprint("room", __name__, url_prefix="/<lang_code>")


@blueprint.post("/basket/elsewhere")
@serves_everybody()
def collect_elsewhere() -> Response:
    """Collect at a neighbour this once; where somebody lives stays as it is. Raises NotFound."""
    window_id = basket.read_window(request.form.get("elsewhere", ""))
    with read() as conn:
        window = open_window(conn, site_id=basket.site_id() or "", window_id=window_id or 0, now=civil_now())
    if window is None:
        raise NotFound(what="window")
    session["site"], session["window"] = window.site_id, window.id
    session.permanent = True
    return redirect(url_for("checkout.basket_page", _anchor="windows"), 303)


def alternatives(room: Room) -> str:
    """When and where the basket can be collected instead, in a sentence or two."""
    said = []
    if room.here:
        said.append(gettext("There is room %(times)s.", times=_one_of([_time(window) for window in room.here])))
    if room.elsewhere:
        places = [f"{local(window)} {_time(window)}" for window in room.elsewhere]
        said.append(gettext("Near by there is room at %(places)s.", places=_one_of(places)))
    if not said:
        said.append(gettext("Nowhere near is there room for all of it. Order less, or look again tomorrow."))
    return " ".join(said)


def _time(window: Row[Any]) -> str:
    return span(window.opens_at, window.closes_at, window.timezone)


def _one_of(choices: Sequence[str]) -> str:
    return format_list(choices, style="or", locale=locale())
