"""A resident's own orders: the list, and the page of one whose timeline moves by itself. Another's is not found.

The same page opens by a signed link without signing in: it shows how an order stands; to change or cancel it, or give
it back, is its owner's.
"""

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from app.db.pages import claims as claim_pages
from app.db.pages import orders as pages
from app.db.pages import shop as shop_pages
from app.db.pages.cold_record import records_of_order
from app.db.pages.editing import dropped_edit, open_edit
from app.db.pages.order_history import FILTERS, order_history
from app.db.pages.orders import OrderPage
from app.db.pages.receipts import receipts_of
from app.db.pages.reordering import again_page
from app.domain.basket import MOST_LINES
from app.domain.collect_link import make_collect_link, read_collect_link
from app.domain.errors import DomainError, NotFound
from app.domain.order_state import OrderState
from app.use_cases.ordering.give_up_order import give_up_order
from app.use_cases.ordering.prolong_hold import prolong_hold
from app.use_cases.people.take_guest_home import take_guest_home, waiting_orders
from app.web import basket, words
from app.web.access import serves_everybody, serves_signed_in
from app.web.checkout import pay
from app.web.choice import choice_url
from app.web.cold_picture import drawings, late_after
from app.web.parts import civil_now, parts, read, signed_in, visitor, write

blueprint = Blueprint("orders", __name__, url_prefix="/<lang_code>")

MOST_CURSOR = 80


@blueprint.get("/orders")
@serves_signed_in()
def orders_page() -> str:
    """Show one's orders, newest first, some at a time."""
    shown = request.args.get("shown", "")
    with read() as conn:
        found = order_history(
            conn, person_id=signed_in().id, shown=shown, cursor=request.args.get("after", "")[:MOST_CURSOR]
        )
        left = [] if signed_in().guest else waiting_orders(conn, person_id=signed_in().id, guest_token=_left())
        next_window = shop_pages.next_window(conn, site_id=basket.site_id() or "", now=civil_now())
    return render_template(
        "orders.html", history=found, shown=shown, filters=list(FILTERS), left=left, next_window=next_window
    )


@blueprint.post("/orders/take-home")
@serves_signed_in()
def take_home() -> Response:
    """Take what this browser, or somebody with one's own contact, ordered without an account."""
    person = signed_in()
    if not person.guest:
        with write() as conn:
            take_guest_home(conn, person_id=person.id, guest_token=_left(), now=civil_now(), asked=True)
        session.pop("left", None)
    return redirect(url_for("orders.orders_page"), 303)


def _left() -> str:
    return str(session.get("left", ""))


@blueprint.get("/orders/<order_id>")
@serves_signed_in()
def order_page(order_id: str) -> str:
    """Show one order: where it stands, what is in it, what to do next."""
    return _show(order_id, unpaid=request.args.get("unpaid") == "1")


@blueprint.get("/o/<link>")
@serves_everybody()
def linked_page(link: str) -> Response | str:
    """Show the order a signed link leads to; its owner goes to their own page. Raises NotFound, LinkExpired."""
    order_id = read_collect_link(parts().settings.secret_key, link, now=civil_now())
    with read() as conn:
        page = pages.order_page(conn, order_id=order_id)
    if page is None:
        raise NotFound(what="order")
    person = visitor()
    if person is not None and person.id == page.order.person_id:
        return redirect(url_for("orders.order_page", order_id=order_id))
    return _render(page, link=link)


@blueprint.post("/orders/<order_id>/pay")
@serves_signed_in()
def pay_order(order_id: str) -> Response | tuple[str, int]:
    """Go to the provider's page (again) for an order that still waits for its money."""
    try:
        return redirect(pay(order_id, signed_in().id), 303)
    except NotFound:
        raise
    except DomainError as refusal:
        return _show(order_id, refused=words.sentence(refusal)), refusal.status


@blueprint.post("/orders/<order_id>/longer")
@serves_signed_in()
def keep_longer(order_id: str) -> Response | tuple[str, int]:
    """Keep an order that is not paid for ten minutes more, once."""
    try:
        with write() as conn:
            prolong_hold(conn, order_id=order_id, person_id=signed_in().id, now=civil_now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _show(order_id, refused=words.sentence(refusal)), refusal.status
    return redirect(url_for("orders.order_page", order_id=order_id), 303)


@blueprint.post("/orders/<order_id>/give-up")
@serves_signed_in()
def give_up(order_id: str) -> Response:
    """Let go of an order that is not paid."""
    with write() as conn:
        give_up_order(conn, order_id=order_id, person_id=signed_in().id, now=civil_now())
    return redirect(url_for("orders.order_page", order_id=order_id), 303)


@blueprint.post("/orders/<order_id>/again")
@serves_signed_in()
def order_again(order_id: str) -> Response:
    """Put what can be had of it into the basket, beside what is there; its page says what is different."""
    shown = own_order(order_id)
    if basket.site_id() is None:
        session["site"] = shown.order.site_id
    with read() as conn:
        found = again_page(
            conn,
            order_id=order_id,
            person_id=signed_in().id,
            site_id=basket.site_id() or shown.order.site_id,
            window_id=basket.window_id(),
            now=civil_now(),
        )
    lines = dict(basket.lines())
    for product_id, count in found.basket.items() if found else ():
        lines[product_id] = max(lines.get(product_id, 0), count)
    basket.keep(dict(list(lines.items())[:MOST_LINES]))
    return redirect(url_for("checkout.basket_page", again=order_id), 303)


def own_order(order_id: str) -> OrderPage:
    """Read an order of whoever is signed in. Raises NotFound for another's, as for one that is not there."""
    with read() as conn:
        found = pages.order_page(conn, order_id=order_id, person_id=signed_in().id)
    if found is None:
        raise NotFound(what="order")
    return found


def _show(order_id: str, *, unpaid: bool = False, refused: str = "") -> str:
    return _render(own_order(order_id), unpaid=unpaid, refused=refused)


def _render(page: OrderPage, *, link: str = "", unpaid: bool = False, refused: str = "") -> str:
    order_id = page.order.id
    with read() as conn:
        asked = "" if link else choice_url(conn, order_id=order_id, ends_at=page.order.removal_from)
        waiting = open_edit(conn, order_id=order_id)
        dropped = dropped_edit(conn, order_id=order_id) if waiting is None else None
        receipts = receipts_of(conn, order_id=order_id)
        claims = claim_pages.of_order(conn, order_id=order_id, site_id=page.order.site_id, now=civil_now())
        cold = records_of_order(conn, order_id=order_id, now=civil_now(), late_after=late_after())
    order = page.order
    own_link = link or make_collect_link(parts().settings.secret_key, order_id=order_id, ends_at=order.removal_from)
    return render_template(
        "order.html",
        page=page,
        link=link,
        guest_link=url_for("orders.linked_page", link=own_link, _external=False) if order.guest_contact else "",
        unpaid=unpaid,
        refused=refused,
        asked=asked,
        # By its link: there the page is kept for a lobby without a network, and needs no session.
        collect_url=url_for("collect.linked_page", link=own_link),
        waiting=waiting,
        dropped=words.of_code(dropped) if dropped and dropped in words.WORDS else dropped,
        receipts=receipts,
        claims=claims,
        cold=cold,
        drawings=drawings(cold),
        editable=not link
        and order.state == OrderState.PAID
        and not order.stock_run_no
        and civil_now() < order.order_by,
    )
