"""The collect page: the code to scan and to type, a button that opens, one's doors, the deadline, the cold.

A plain page on purpose: in WeChat's browser nothing but pages works, so the QR is a picture one keeps by a long press,
the code is text and the buttons are forms. It shows what is true now; whether a code opens is the locker's to decide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from io import BytesIO
from typing import Any

import segno
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row
from werkzeug.wrappers import Response as AnyResponse

from app.db.door_tries import tried_parcels
from app.db.pages import collect as pages
from app.db.pages import orders as order_pages
from app.db.pages.cold_record import ParcelCold, records_of_order
from app.db.pages.orders import OrderPage
from app.domain.collect_link import make_collect_link, read_collect_link
from app.domain.errors import DomainError, NotFound
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.quarantine_state import QuarantineState
from app.use_cases.collecting.issue_credential import NoLiveCode
from app.use_cases.collecting.open_for_owner import open_for_owner
from app.use_cases.collecting.refund_stuck import refund_stuck
from app.use_cases.collecting.report_wrong_bag import report_wrong_bag
from app.use_cases.collecting.show_code import ShownCode, show_code
from app.web import words
from app.web.access import serves_everybody, serves_signed_in
from app.web.choice import BY_LINK, choice_url
from app.web.cold_picture import drawings, late_after
from app.web.known_links import remember_link
from app.web.opening_steps import Asked, Opening, opening_steps
from app.web.ops import command_state
from app.web.orders import own_order
from app.web.parts import civil_now, civil_rate, parts, read, visitor, write
from locker_protocol.ids import random_bytes

blueprint = Blueprint("collect", __name__, url_prefix="/<lang_code>")

# A value older than this is no longer the locker's temperature, only what it was (experience §0.4).
STALE_AFTER = timedelta(minutes=10)
SHOWS_CODE = frozenset({OrderState.READY, OrderState.COLLECTED})
SHUT = frozenset({QuarantineState.OPEN.value, QuarantineState.CONDEMNED.value})
QR_SCALE = 8
QR_BORDER = 4

Answer = str | tuple[str, int] | AnyResponse


@dataclass(frozen=True, slots=True)
class Way:
    """How somebody came here: as the order's owner, or by its link. Knows the page's other addresses."""

    page: OrderPage
    link: str = ""

    def url(self, own: str, linked: str, *, g: int | None = None) -> str:
        """Address a view for the owner, or its twin behind the link. `g`: of which generation a code's picture is."""
        if self.link:
            return url_for(linked, link=self.link, g=g)
        return url_for(own, order_id=self.page.order.id, g=g)

    @property
    def here(self) -> str:
        """The page itself."""
        return self.url("collect.collect_page", "collect.linked_page")


@blueprint.get("/orders/<order_id>/collect")
@serves_signed_in()
def collect_page(order_id: str) -> Answer:
    """Show one's own order at the locker."""
    return _show(Way(own_order(order_id)))


@blueprint.get("/orders/<order_id>/qr.png")
@serves_signed_in()
def qr_picture(order_id: str) -> Response:
    """Draw the code of one's own order."""
    return _picture(own_order(order_id))


@blueprint.post("/orders/<order_id>/open")
@serves_signed_in()
def open_own(order_id: str) -> Answer:
    """Ask for the doors of one's own order."""
    return _open(Way(own_order(order_id)))


@blueprint.post("/orders/<order_id>/refund-now")
@serves_signed_in()
def refund_own(order_id: str) -> Answer:
    """Take the money rather than wait before a door that will not open."""
    return _refund(Way(own_order(order_id)))


@blueprint.post("/orders/<order_id>/wrong-bag")
@serves_signed_in()
def wrong_bag_own(order_id: str) -> Answer:
    """Say that what lay there is somebody else's."""
    return _wrong_bag(Way(own_order(order_id)))


@blueprint.get("/c/<link>")
@serves_everybody()
def linked_page(link: str) -> Answer:
    """Show the order a signed link leads to, without signing in. Raises NotFound, LinkExpired."""
    order = linked_order(link)
    remember_link(link)
    return _show(Way(order, link))


@blueprint.get("/c/<link>/qr.png")
@serves_everybody()
def linked_qr_picture(link: str) -> Response:
    """Draw the code of the order a signed link leads to."""
    return _picture(linked_order(link))


@blueprint.post("/c/<link>/open")
@serves_everybody()
def linked_open(link: str) -> Answer:
    """Ask for the doors: whoever holds the link may collect, as whoever holds the code may."""
    return _open(Way(linked_order(link), link))


@blueprint.post("/c/<link>/refund-now")
@serves_everybody()
def linked_refund(link: str) -> Answer:
    """Give the money back to its owner, before a door that will not open."""
    return _refund(Way(linked_order(link), link))


@blueprint.post("/c/<link>/wrong-bag")
@serves_everybody()
def linked_wrong_bag(link: str) -> Answer:
    """Say that what lay there is somebody else's."""
    return _wrong_bag(Way(linked_order(link), link))


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


# --- what is asked for ------------------------------------------------------------------------------------------------


def _open(way: Way) -> Answer:
    def ask(conn: Connection) -> None:
        order_id = way.page.order.id
        open_for_owner(conn, order_id=order_id, now=civil_now(), random=random_bytes, rate=civil_rate())

    return _do(way, ask)


def _refund(way: Way) -> Answer:
    person = visitor()
    actor = f"person:{person.id}" if person else BY_LINK

    def decide(conn: Connection) -> None:
        refund_stuck(conn, order_id=way.page.order.id, actor=actor, now=civil_now())

    return _do(way, decide)


def _wrong_bag(way: Way) -> Answer:
    typed = request.form.get("door", "")
    door = int(typed) if typed.isdecimal() and len(typed) < 4 else 0

    def report(conn: Connection) -> None:
        report_wrong_bag(conn, order_id=way.page.order.id, door=door, now=civil_now(), random=random_bytes)

    return _do(way, report, then=f"{way.here}?wrong={door}")


def _do(way: Way, act: Callable[[Connection], None], *, then: str = "") -> Answer:
    """Do it in one transaction and come back; a refusal shows the page with its sentence, and nothing was done."""
    try:
        with write() as conn:
            act(conn)
    except NotFound:
        raise
    except DomainError as refusal:
        return _show(way, refused=words.sentence(refusal), status=refusal.status)
    return redirect(then or way.here, HTTPStatus.SEE_OTHER)


# --- what is shown ----------------------------------------------------------------------------------------------------


def _show(way: Way, *, refused: str = "", status: int = HTTPStatus.OK) -> Answer:
    order, person = way.page.order, visitor()
    owner = person is not None and person.id == order.person_id
    with read() as conn:
        fronts = pages.fronts_of_order(conn, order_id=order.id, site_id=order.site_id)
        cold = records_of_order(conn, order_id=order.id, now=civil_now(), late_after=late_after())
        # Whoever was only sent the link collects; to give the food back is its owner's.
        asked = choice_url(conn, order_id=order.id, ends_at=order.removal_from) if owner else ""
        opening = _opening(conn, order.id, cold)
        keeper = pages.keeper_of(conn, site_id=order.site_id) if opening.stuck else None
        left_minor = pages.left_to_refund(conn, order_id=order.id) if opening.stuck else 0
    code = _code(way.page)
    shown = _opens_something(way.page, code, cold)
    share = way.link or make_collect_link(parts().settings.secret_key, order_id=order.id, ends_at=order.removal_from)
    page = render_template(
        "collect.html",
        way=way,
        page=way.page,
        code=shown,
        code_over=code is not None and code.expires_at <= civil_now(),
        owner=owner,
        reached_end=way.page.reached.get(order.state),
        fronts=fronts,
        qr_url=way.url("collect.qr_picture", "collect.linked_qr_picture", g=shown.generation) if shown else "",
        link=way.link,
        share_url=url_for("collect.linked_page", link=share),
        is_stale=is_stale,
        asked=asked,
        cold=cold,
        drawings=drawings(cold),
        claim_url=way.url("claims.claim_page", "claims.linked_page"),
        now=civil_now(),
        opening=opening,
        why_not=words.of_refusal(opening.refusal) if opening.refusal else "",
        refused=refused,
        keeper=keeper,
        left_minor=left_minor,
        wrong=request.args.get("wrong", "")[:3],
    )
    answer = make_response(page, status)
    if shown is not None and way.link and status == HTTPStatus.OK:
        # So many seconds a phone may keep this page for a lobby without a network (`collect_worker.js`).
        answer.headers["Collect-Keep-For"] = str(int((shown.expires_at - civil_now()).total_seconds()))
    return answer


def _opening(conn: Connection, order_id: str, cold: list[ParcelCold]) -> Opening:
    tap = pages.last_tap(conn, order_id=order_id)
    asked = Asked(tap.asked_at, command_state(tap), tap.refusal or "") if tap else None
    return opening_steps(
        tried_parcels(conn, order_id=order_id),
        asked,
        kept_shut=_kept_shut(cold),
        now=civil_now(),
        rate=civil_rate(),
    )


def _kept_shut(cold: list[ParcelCold]) -> frozenset[str]:
    return frozenset(each.parcel.id for each in cold if each.quarantine and each.quarantine.state in SHUT)


def _opens_something(page: OrderPage, code: ShownCode | None, cold: list[ParcelCold]) -> ShownCode | None:
    """None where it opens nothing: its time is over, or all that is left is kept shut."""
    if code is None or code.expires_at <= civil_now():
        return None
    lying = {each.id for each in page.parcels if each.state == ParcelState.LOADED}
    return None if lying and lying <= _kept_shut(cold) else code


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
