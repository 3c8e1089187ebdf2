"""The front door: which language, which building, how large the letters are."""

from typing import cast

from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from app.db.pages import shop as pages
from app.domain.errors import NotFound
from app.domain.roles import Role
from app.use_cases.ordering.choose_site import choose_site
from app.web import basket, page
from app.web.access import serves_everybody
from app.web.language import LANGUAGES, prefix
from app.web.parts import read, visitor, write

blueprint = Blueprint("front", __name__)
blueprint.record_once(lambda state: page.register(cast("Flask", state.app)))

# Where each kind of staff begins their day.
STAFF_PAGES = {
    Role.PICKER: "picking.runs_page",
    Role.DRIVER: "driver.stops_page",
    Role.KEEPER: "keeper.home_page",
    Role.OPERATOR: "ops_day.day_page",
    Role.ADMIN: "ops_day.day_page",
}


@blueprint.get("/")
@serves_everybody()
def root() -> Response:
    """Send whoever comes by the bare address to the shop in their language."""
    person = visitor()
    spoken = next((code for code in LANGUAGES if person and LANGUAGES[code] == person.language), prefix())
    return redirect(url_for("front.home", lang_code=spoken))


@blueprint.get("/<lang_code>/")
@serves_everybody()
def home() -> Response | str:
    """Go on to the shop, or ask for the building first; staff go to their own page."""
    person = visitor()
    if person is not None and person.role in STAFF_PAGES:
        return redirect(url_for(STAFF_PAGES[person.role]))
    if basket.site_id() is None and person is not None and person.site_id is not None:
        session["site"] = person.site_id
    return redirect(url_for("shop.shop_page")) if basket.site_id() else sites_page()


@blueprint.get("/<lang_code>/sites")
@serves_everybody()
def sites_page() -> str:
    """Show the buildings to choose from."""
    with read() as conn:
        return render_template("sites.html", sites=pages.site_list(conn), chosen=basket.site_id())


@blueprint.post("/<lang_code>/sites")
@serves_everybody()
def take_site() -> Response:
    """Remember a building, in the session and for whoever is signed in. Raises NotFound."""
    site_id = request.form.get("site_id", "")
    person = visitor()
    with write() as conn:
        if pages.one_site(conn, site_id=site_id) is None:
            raise NotFound(what="site")
        if person is not None:
            choose_site(conn, person_id=person.id, site_id=site_id)
    if site_id != basket.site_id():
        session.pop("window", None)
    session["site"] = site_id
    session.permanent = True
    return redirect(url_for("shop.shop_page"), 303)


@blueprint.post("/<lang_code>/text-size")
@serves_everybody()
def choose_size() -> Response:
    """Remember whether somebody wants larger letters."""
    session["large"] = request.form.get("large") == "1"
    session.permanent = True
    return redirect(basket.back(url_for("front.home")), 303)
