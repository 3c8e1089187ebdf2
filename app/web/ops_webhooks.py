"""Which programs are told what happens; messages that did not arrive, sent again by hand. A secret is shown once."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import webhooks as pages
from app.domain.errors import DomainError
from app.domain.roles import Role
from app.domain.webhook_event import MOST_ENDPOINTS, NoKindChosen, WebhookKind
from app.notify.webhook_address import LONGEST_URL
from app.use_cases.telling.end_endpoint import end_endpoint
from app.use_cases.telling.register_endpoint import register_endpoint
from app.use_cases.telling.send_again import send_again
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, parts, read, signed_in, write

blueprint = Blueprint("ops_webhooks", __name__, url_prefix="/<lang_code>/ops/webhooks")

SHOWN = 50
LARGEST_ID = 2**63 - 1

Answer = str | tuple[str, int]


@blueprint.get("")
@serves(Role.OPERATOR)
def webhooks_page() -> str:
    """List the endpoints, and what did not arrive."""
    return _page()


@blueprint.post("")
@serves(Role.OPERATOR)
def register() -> Answer:
    """Register an endpoint and show its secret this once."""
    url = request.form.get("url", "").strip()[:LONGEST_URL]
    kinds = [WebhookKind(kind) for kind in request.form.getlist("kinds") if kind in set(WebhookKind)]
    try:
        if not kinds:
            raise NoKindChosen
        with write() as conn:
            _, secret = register_endpoint(
                conn, url=url, kinds=kinds, person_id=signed_in().id, now=civil_now(), settings=parts().settings
            )
    except DomainError as refusal:
        return _page(url=url, kinds=kinds, problem=words.sentence(refusal)), refusal.status
    return _page(secret=secret)


@blueprint.post("/<webhook_id>/end")
@serves(Role.OPERATOR)
def end(webhook_id: str) -> Response:
    """End an endpoint."""
    with write() as conn:
        end_endpoint(conn, endpoint_id=webhook_id, now=civil_now())
    return redirect(url_for(".webhooks_page"), HTTPStatus.SEE_OTHER)


@blueprint.post(f"/<webhook_id>/<int(max={LARGEST_ID}):delivery_id>/again")
@serves(Role.OPERATOR)
def again(webhook_id: str, delivery_id: int) -> Response:
    """Send a message once more that was given up."""
    with write() as conn:
        send_again(conn, endpoint_id=webhook_id, delivery_id=delivery_id, now=civil_now())
    return redirect(url_for(".webhooks_page"), HTTPStatus.SEE_OTHER)


def _page(
    *, url: str = "", kinds: list[WebhookKind] | None = None, problem: str | None = None, secret: str | None = None
) -> str:
    with read() as conn:
        endpoints = pages.endpoints(conn, after=None, limit=MOST_ENDPOINTS)
        late = pages.not_arrived(conn, limit=SHOWN)
        timezone = pages.timezone(conn)
    return render_template(
        "staff/ops_webhooks.html",
        endpoints=endpoints,
        late=late,
        timezone=timezone,
        url=url,
        kinds=list(WebhookKind) if kinds is None else kinds,
        every=list(WebhookKind),
        problem=problem,
        secret=secret,
    )
