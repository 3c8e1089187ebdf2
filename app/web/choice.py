"""The choice of somebody whose order does not come as promised, or who cannot collect it. By signed link, no log-in.

Shows what is possible now and what became of the question; `take_choice` decides again when somebody answers. It works
without script: each way is a button of its own.
"""

from datetime import datetime

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from app.db.pages import offers as pages
from app.db.pages import orders as order_pages
from app.domain.choice_link import make_choice_link, read_choice_link
from app.domain.collect_link import make_collect_link
from app.domain.errors import DomainError, NotFound
from app.domain.offering import Option
from app.use_cases.collecting.issue_credential import NoLiveCode
from app.use_cases.collecting.show_code import ShownCode, show_code
from app.use_cases.evening.take_choice import take_choice
from app.web import words
from app.web.access import serves_everybody
from app.web.parts import civil_now, parts, read, visitor, write

blueprint = Blueprint("choice", __name__, url_prefix="/<lang_code>")

BY_LINK = "person:by-link"


@blueprint.get("/choice/<link>")
@serves_everybody()
def choice_page(link: str) -> str:
    """Show the question and its ways out, or what became of it. Raises NotFound, LinkExpired."""
    return _show(link)


@blueprint.post("/choice/<link>")
@serves_everybody()
def choose(link: str) -> Response | tuple[str, int]:
    """Do what was chosen; a way that is gone shows what is left."""
    offer_id = read_choice_link(parts().settings.secret_key, link, now=civil_now())
    person = visitor()
    try:
        with write() as conn:
            take_choice(
                conn,
                offer_id=offer_id,
                choice=request.form.get("choice", ""),
                actor=f"person:{person.id}" if person else BY_LINK,
                now=civil_now(),
                settings=parts().settings,
            )
    except NotFound:
        raise
    except DomainError as refusal:
        return _show(link, words.sentence(refusal)), refusal.status
    return redirect(url_for(".choice_page", link=link), 303)


def choice_url(conn: Connection, *, order_id: str, ends_at: datetime) -> str:
    """The address of an order's open question; empty where nothing is asked."""
    found = pages.open_offer(conn, order_id=order_id, now=civil_now())
    if found is None:
        return ""
    link = make_choice_link(parts().settings.secret_key, offer_id=found.id, ends_at=ends_at)
    return url_for("choice.choice_page", link=link)


def _show(link: str, refused: str = "") -> str:
    now = civil_now()
    offer_id = read_choice_link(parts().settings.secret_key, link, now=now)
    with read() as conn:
        page = pages.offer_page(conn, offer_id=offer_id, now=now)
        order = order_pages.order_page(conn, order_id=page.offer.order_id) if page else None
    if page is None or order is None:
        raise NotFound(what="offer")
    handed = page.offer.chosen == Option.HAND_OVER and order.order.state == "ready"
    share = make_collect_link(parts().settings.secret_key, order_id=order.order.id, ends_at=order.order.removal_from)
    return render_template(
        "choice.html",
        page=page,
        order_page=order,
        code=_code(order.order.id) if handed else None,
        share_url=url_for("collect.linked_page", link=share),
        refused=refused,
    )


def _code(order_id: str) -> ShownCode | None:
    try:
        with read() as conn:
            return show_code(conn, order_id=order_id, person_id=None, now=civil_now(), settings=parts().settings)
    except NoLiveCode:
        return None
