"""The collect page: the code to scan and to type, one's doors, the deadline, the cold. For its owner, or by a link.

A plain page on purpose: in WeChat's browser nothing but pages works, so the QR is a picture one keeps by a long press
and the code is text. It shows what is true now; whether a code opens is the locker's to decide.
"""

from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import segno
from flask import Blueprint, Response, render_template, url_for
from sqlalchemy import Row

from app.db.pages import collect as pages
from app.db.pages import orders as order_pages
from app.db.pages.cold_record import records_of_order
from app.db.pages.orders import OrderPage
from app.domain.collect_link import make_collect_link, read_collect_link
from app.domain.errors import NotFound
from app.domain.order_state import OrderState
from app.use_cases.collecting.issue_credential import NoLiveCode
from app.use_cases.collecting.show_code import ShownCode, show_code
from app.web.access import serves_everybody, serves_signed_in
from app.web.choice import choice_url
from app.web.cold_picture import drawings, late_after
from app.web.orders import own_order
from app.web.parts import civil_now, parts, read

blueprint = Blueprint("collect", __name__, url_prefix="/<lang_code>")

# A value older than this is no longer the locker's temperature, only what it was (experience §0.4).
STALE_AFTER = timedelta(minutes=10)
SHOWS_CODE = frozenset({OrderState.READY, OrderState.COLLECTED})
QR_SCALE = 8
QR_BORDER = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything on the page."""

    page: OrderPage
    code: ShownCode | None
    fronts: list[pages.LockerFront]


@blueprint.get("/orders/<order_id>/collect")
@serves_signed_in()
def collect_page(order_id: str) -> str:
    """Show one's own order at the locker."""
    order = own_order(order_id)
    return _render(order, url_for("collect.qr_picture", order_id=order_id))


@blueprint.get("/orders/<order_id>/qr.png")
@serves_signed_in()
def qr_picture(order_id: str) -> Response:
    """Draw the code of one's own order."""
    return _picture(own_order(order_id))


@blueprint.get("/c/<link>")
@serves_everybody()
def linked_page(link: str) -> str:
    """Show the order a signed link leads to, without signing in. Raises NotFound, LinkExpired."""
    return _render(linked_order(link), url_for("collect.linked_qr_picture", link=link), link)


@blueprint.get("/c/<link>/qr.png")
@serves_everybody()
def linked_qr_picture(link: str) -> Response:
    """Draw the code of the order a signed link leads to."""
    return _picture(linked_order(link))


def is_stale(reading: Row[Any], locker: Row[Any]) -> bool:
    """True when a temperature is too old, or its locker silent: it must look dead."""
    return not locker.online or bool(civil_now() - reading.read_at > STALE_AFTER)


def linked_order(link: str) -> OrderPage:
    """Read the order a signed link leads to. Raises NotFound, LinkExpired."""
    order_id = read_collect_link(parts().settings.secret_key, link, now=civil_now())
    with read() as conn:
        found = order_pages.order_page(conn, order_id=order_id)
    if found is None:
        raise NotFound(what="order")
    return found


def _render(page: OrderPage, qr_url: str, link: str = "") -> str:
    order = page.order
    with read() as conn:
        fronts = pages.fronts_of_order(conn, order_id=order.id, site_id=order.site_id)
        cold = records_of_order(conn, order_id=order.id, now=civil_now(), late_after=late_after())
        # Whoever was only sent the link collects; to give the food back is its owner's.
        asked = "" if link else choice_url(conn, order_id=order.id, ends_at=order.removal_from)
    share = link or make_collect_link(parts().settings.secret_key, order_id=order.id, ends_at=order.removal_from)
    return render_template(
        "collect.html",
        page=page,
        code=_code(page),
        fronts=fronts,
        qr_url=qr_url,
        link=link,
        share_url=url_for("collect.linked_page", link=share),
        is_stale=is_stale,
        asked=asked,
        cold=cold,
        drawings=drawings(cold),
        claim_url=url_for("claims.linked_page", link=link) if link else url_for("claims.claim_page", order_id=order.id),
        now=civil_now(),
    )


def _code(page: OrderPage) -> ShownCode | None:
    """The live code; `None` before there is one, or when it has ended. Whose order it is was asked before."""
    if page.order.state not in SHOWS_CODE:
        return None
    try:
        with read() as conn:
            return show_code(conn, order_id=page.order.id, person_id=None, now=civil_now(), settings=parts().settings)
    except NoLiveCode:
        return None


def _picture(page: OrderPage) -> Response:
    code = _code(page)
    if code is None:
        raise NotFound(what="code")
    drawing = BytesIO()
    # 134 characters are a version 5 at level L; a higher level would only make the squares smaller.
    segno.make_qr(code.qr_text, error="l", boost_error=False).save(
        drawing, kind="png", scale=QR_SCALE, border=QR_BORDER, dark="#000000", light="#ffffff"
    )
    return Response(drawing.getvalue(), mimetype="image/png", headers={"Cache-Control": "private, no-store"})
