"""Signing in with a one-time code to a phone or mail address, and out again. No passwords, no puzzles.

Where somebody wanted to go and what they had in their basket outlive the signing in. What they ordered without an
account comes home with them where its contact is now confirmed.
"""

from collections.abc import Sequence
from typing import Any, cast

from flask import Blueprint, redirect, render_template, request, session, url_for
from sqlalchemy import Connection, Row
from werkzeug.wrappers import Response

from app.db.pages.inbox import staff_contacts
from app.domain.errors import DomainError
from app.domain.sign_in_code import CODE_DIGITS
from app.use_cases.ordering.choose_site import choose_site
from app.use_cases.people.request_sign_in import request_sign_in
from app.use_cases.people.sign_in import SignedIn, sign_in
from app.use_cases.people.sign_out import sign_out as end_session
from app.use_cases.people.take_guest_home import take_guest_home
from app.web import basket, words
from app.web.access import serves_everybody, serves_signed_in
from app.web.language import short
from app.web.parts import civil_now, parts, read, visitor, write
from locker_protocol.ids import random_bytes

blueprint = Blueprint("account", __name__, url_prefix="/<lang_code>")

# Of an old session only what was chosen lives on; its token and whatever else was in it do not.
KEPT = ("basket", "seen", "site", "window", "low_door", "substitution", "large")


@blueprint.get("/sign-in")
@serves_everybody()
def sign_in_page() -> str:
    """Ask for a phone number or a mail address."""
    is_over = request.args.get("over") == "1" and visitor() is None
    if is_over:
        session.pop("token", None)  # said once; whoever rather orders without an account may
    return _ask_contact(session.get("contact", ""), is_over=is_over)


@blueprint.post("/sign-in")
@serves_everybody()
def send_code() -> Response | tuple[str, int]:
    """Send a code and go on to typing it; an address nobody can read is asked for again."""
    contact = request.form.get("contact", "")
    target = basket.local_address(request.form.get("next", ""), "")
    try:
        with write() as conn:
            request_id = request_sign_in(conn, contact=contact, language=short(), now=civil_now(), random=random_bytes)
    except DomainError as refusal:
        return _ask_contact(contact, target, words.sentence(refusal)), refusal.status
    session["sign_in"] = {"request_id": request_id, "contact": contact.strip(), "next": target}
    return redirect(url_for("account.code_page"), 303)


@blueprint.get("/sign-in/code")
@serves_everybody()
def code_page() -> Response | str:
    """Ask for the code that was sent."""
    asked = _asked()
    return _ask_code(asked) if asked else redirect(url_for("account.sign_in_page"))


@blueprint.post("/sign-in/code")
@serves_everybody()
def take_code() -> Response | tuple[str, int]:
    """Sign in with the code and go where one wanted to go. A wrong one counts, and is asked for again."""
    asked = _asked()
    if asked is None:
        return redirect(url_for("account.sign_in_page"), 303)
    try:
        with write() as conn:
            signed_in = sign_in(
                conn,
                request_id=asked["request_id"],
                code=request.form.get("code", "")[: 4 * CODE_DIGITS],
                now=civil_now(),
                random=random_bytes,
            )
            _take_home(conn, signed_in)
            guest_token = _guest_token()
            take_guest_home(conn, person_id=signed_in.person_id, guest_token=guest_token, now=civil_now())
    except DomainError as refusal:
        return _ask_code(asked, words.sentence(refusal)), refusal.status
    _begin_session(signed_in.token, guest_token)
    return redirect(asked["next"] or url_for("front.home"), 303)


@blueprint.post("/sign-out")
@serves_signed_in()
def sign_out() -> Response:
    """End the session, here and in the database."""
    with write() as conn:
        end_session(conn, token=session.get("token", ""))
    session.clear()
    return redirect(url_for("front.home"), 303)


def _take_home(conn: Connection, signed_in: SignedIn) -> None:
    """A newcomer lives where they were looking; whoever has a site keeps it, and looks there now."""
    if signed_in.site_id is not None:
        session.setdefault("site", signed_in.site_id)
    elif (site_id := basket.site_id()) is not None:
        choose_site(conn, person_id=signed_in.person_id, site_id=site_id)


def _guest_token() -> str:
    person = visitor()
    return str(session["token"] if person is not None and person.guest else session.get("left", ""))


def _begin_session(token: str, guest_token: str) -> None:
    """Begin anew; what this browser ordered as a guest with another contact can still be asked for (`left`)."""
    kept = {name: session[name] for name in KEPT if name in session}
    session.clear()
    session.update(kept, token=token)
    if guest_token:
        session["left"] = guest_token
    session.permanent = True


def _asked() -> dict[str, str] | None:
    return cast("dict[str, str] | None", session.get("sign_in"))


def _ask_contact(contact: str = "", target: str | None = None, error: str = "", *, is_over: bool = False) -> str:
    if target is None:
        target = basket.local_address(request.args.get("next", ""), "")
    errors = {"contact": error} if error else {}
    staff: Sequence[Row[Any]] = ()
    if parts().settings.demo:
        with read() as conn:
            staff = staff_contacts(conn)
    return render_template("sign_in.html", contact=contact, next=target, errors=errors, staff=staff, is_over=is_over)


def _ask_code(asked: dict[str, str], error: str = "") -> str:
    errors = {"code": error} if error else {}
    return render_template("sign_in_code.html", asked=asked, errors=errors, digits=CODE_DIGITS)
