"""A resident's own orders: the list, and the page of one whose timeline moves by itself. Another's is not found."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import orders as pages
from app.db.pages.orders import OrderPage
from app.domain.errors import DomainError, NotFound
from app.use_cases.ordering.give_up_order import give_up_order
from app.web import basket, words
from app.web.access import serves_signed_in
from app.web.checkout import pay
from app.web.choice import choice_url
from app.web.parts import civil_now, read, signed_in, write

blueprint = Blueprint("orders", __name__, url_prefix="/<lang_code>")


@blueprint.get("/orders")
@serves_signed_in()
def orders_page() -> str:
    """Show one's orders, newest first."""
    with read() as conn:
        return render_template("orders.html", orders=pages.order_list(conn, person_id=signed_in().id))


@blueprint.get("/orders/<order_id>")
@serves_signed_in()
def order_page(order_id: str) -> str:
    """Show one order: where it stands, what is in it, what to do next."""
    return _show(order_id, unpaid=request.args.get("unpaid") == "1")


@blueprint.post("/orders/<order_id>/pay")
@serves_signed_in()
def pay_order(order_id: str) -> Response | tuple[str, int]:
    """Go to the provider's page (again) for an order that still waits for its money."""
    try:
        return redirect(pay(order_id, signed_in()), 303)
    except NotFound:
        raise
    except DomainError as refusal:
        return _show(order_id, refused=words.sentence(refusal)), refusal.status


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
    """Put what was ordered into the basket, beside what is there; its page says what is sold out now."""
    shown = own_order(order_id)
    lines = dict(basket.lines())
    for line in shown.lines:
        lines[line.product_id] = max(lines.get(line.product_id, 0), line.quantity)
    basket.keep(lines)
    return redirect(url_for("checkout.basket_page"), 303)


def own_order(order_id: str) -> OrderPage:
    """Read an order of whoever is signed in. Raises NotFound for another's, as for one that is not there."""
    with read() as conn:
        found = pages.order_page(conn, order_id=order_id, person_id=signed_in().id)
    if found is None:
        raise NotFound(what="order")
    return found


def _show(order_id: str, *, unpaid: bool = False, refused: str = "") -> str:
    page = own_order(order_id)
    with read() as conn:
        asked = choice_url(conn, order_id=order_id, ends_at=page.order.removal_from)
    return render_template("order.html", page=page, unpaid=unpaid, refused=refused, asked=asked)
