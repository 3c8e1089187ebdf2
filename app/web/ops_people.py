"""People: finding them, who may be what, which site a keeper looks after, signing somebody out.

Staff are listed; a resident is shown only to who searches for them, and no more than is needed to tell them apart.
Roles and sites are the administrators' to give.
"""

import re
from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import people as pages
from app.db.pages import places
from app.domain.errors import DomainError, NotFound
from app.domain.roles import Role
from app.use_cases.people.change_role import change_role, give_site
from app.use_cases.people.end_sessions import end_sessions
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, read, signed_in, write

blueprint = Blueprint("ops_people", __name__, url_prefix="/<lang_code>/ops/people")

LONGEST_SEARCH = 80
NUMBER = re.compile(r"[+0-9() -]+")
SHOWN = 3

Answer = tuple[str, int] | Response


@blueprint.get("")
@serves(Role.OPERATOR)
def people_page() -> str:
    """List staff, or whom a search finds."""
    q = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    with read() as conn:
        found = pages.find(conn, q=_as_stored(q), now=civil_now()) if q else pages.staff(conn, now=civil_now())
        changes, sites = pages.changes(conn), pages.sites(conn)
    return render_template(
        "staff/ops_people.html", people=found, q=q, shortest=pages.SHORTEST_SEARCH, changes=changes, sites=sites
    )


@blueprint.get("/<person_id>")
@serves(Role.OPERATOR)
def person_page(person_id: str) -> str:
    """Show one person, and what may be changed about them."""
    return _page(person_id)


@blueprint.post("/<person_id>/role")
@serves(Role.ADMIN)
def save_role(person_id: str) -> Answer:
    """Give somebody a role; they sign in again."""
    wanted = request.form.get("role", "")
    if wanted not in set(Role):
        raise NotFound
    try:
        with write() as conn:
            change_role(conn, person_id=person_id, role=Role(wanted), actor_id=signed_in().id, now=civil_now())
    except DomainError as refusal:
        return _refused(person_id, "role", refusal)
    return _back(person_id)


@blueprint.post("/<person_id>/site")
@serves(Role.ADMIN)
def save_site(person_id: str) -> Answer:
    """Say which site a keeper looks after."""
    site_id = request.form.get("site_id", "")
    try:
        with write() as conn:
            give_site(conn, person_id=person_id, site_id=site_id, actor_id=signed_in().id, now=civil_now())
    except DomainError as refusal:
        return _refused(person_id, "site_id", refusal)
    return _back(person_id)


@blueprint.post("/<person_id>/sign-out")
@serves(Role.OPERATOR)
def sign_out(person_id: str) -> Answer:
    """Sign somebody out everywhere."""
    with write() as conn:
        end_sessions(conn, person_id=person_id, actor_id=signed_in().id, now=civil_now())
    return _back(person_id)


def _back(person_id: str) -> Response:
    return redirect(url_for(".person_page", person_id=person_id), HTTPStatus.SEE_OTHER)


def _refused(person_id: str, field: str, refusal: DomainError) -> Answer:
    if isinstance(refusal, NotFound):
        raise refusal
    return _page(person_id, {field: words.sentence(refusal)}), refusal.status


def _page(person_id: str, errors: dict[str, str] | None = None) -> str:
    with read() as conn:
        found = pages.one(conn, person_id=person_id, now=civil_now())
        sites = pages.sites(conn)
        changes = pages.changes(conn, person_id=person_id)
        orders = places.orders_of_person(conn, person_id=person_id)
    if found is None:
        raise NotFound
    return render_template(
        "staff/ops_person.html",
        person=found,
        sites=sites,
        changes=changes,
        orders=orders,
        roles=list(Role),
        errors=errors or {},
    )


def _as_stored(q: str) -> str:
    """A number as it is kept, whatever stands between its digits."""
    return re.sub(r"[() -]", "", q) if NUMBER.fullmatch(q) else q


def veiled(contact: str | None) -> str:
    """Show enough of a contact to tell people apart: `+86 •••• 0001`, `me…@example.org`."""
    if not contact:
        return ""
    name, at, host = contact.partition("@")
    return f"{name[:SHOWN]}…{at}{host}" if at else f"{contact[:SHOWN]} •••• {contact[-SHOWN - 1 :]}"


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {"veiled": veiled}
