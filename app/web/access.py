"""Who may use which route. A route that does not say is our bug: it answers 500, and a test walks the whole map."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from app.db.engine import each_alone
from app.db.people import person_of_session
from app.domain.errors import DomainError
from app.domain.roles import STAFF, Role
from app.web.parts import civil_now, parts, visitor

View = TypeVar("View", bound=Callable[..., object])

EVERYBODY = frozenset[Role]()
SIGNED_IN = frozenset(Role)
POLICY = "_serves"


class NotForYou(DomainError):
    """Signed in, but as somebody this page does not serve."""

    code = "not_for_you"
    status = 403


class SignInNeeded(DomainError):
    """The API was asked without a valid session token."""

    code = "sign_in_needed"
    status = 401


def serves(*roles: Role) -> Callable[[View], View]:
    """Let only these roles use a view; an administrator may use what any staff may."""
    allowed = frozenset(roles)
    if allowed & STAFF:
        allowed |= {Role.ADMIN}
    return _mark(allowed)


def serves_everybody() -> Callable[[View], View]:
    """Let anybody use a view, signed in or not."""
    return _mark(EVERYBODY)


def serves_signed_in() -> Callable[[View], View]:
    """Let whoever is signed in use a view."""
    return _mark(SIGNED_IN)


def _mark(allowed: frozenset[Role]) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, POLICY, allowed)
        return view

    return mark


def policy_of(view: Callable[..., object]) -> frozenset[Role] | None:
    """The roles a view serves; empty: everybody; `None`: it does not say."""
    found = getattr(view, POLICY, None)
    if found is None and hasattr(view, "view_class"):
        found = getattr(getattr(view.view_class, request.method.lower(), None), POLICY, None)
    return found


def guard(app: Flask) -> None:
    """Look up the visitor and apply the policies, before every request."""
    app.before_request(load_visitor)
    app.before_request(apply_policy)


def load_visitor() -> None:
    """Find who asks: by bearer token on the API, by the session cookie elsewhere (so the API needs no CSRF token)."""
    if request.path.startswith("/api/"):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token if scheme == "Bearer" else ""
    else:
        token = session.get("token", "")
    if token:
        with each_alone(parts().engine) as conn:
            found = person_of_session(conn, token=token, now=civil_now())
        # A guest is a browser, and no program's.
        g.visitor = None if found and found.guest and request.path.startswith("/api/") else found


def _page_of_form() -> str:
    """The page a form stood on, by its own word; an address to come back to, never one that would act."""
    sent_from = urlsplit(request.referrer or "")
    return sent_from.path if sent_from.netloc == request.host else "/"


def apply_policy() -> Response | None:
    """Refuse, or send to the sign-in page and back, whoever the view does not serve."""
    if request.endpoint is None or request.endpoint == "static":
        return None
    allowed = policy_of(current_app.view_functions[request.endpoint])
    if allowed is None:
        abort(500, f"{request.endpoint} does not say whom it serves")
    person = visitor()
    if not allowed or (person is not None and person.role in allowed):
        return None
    if person is not None:
        raise NotForYou
    if request.path.startswith("/api/"):
        raise SignInNeeded
    back = request.full_path if request.method in {"GET", "HEAD"} else _page_of_form()
    over = "1" if session.get("token") else None
    return redirect(url_for("account.sign_in_page", lang_code=g.get("lang_code", "zh-hans"), next=back, over=over))
