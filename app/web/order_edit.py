"""An order's owner changes it or cancels it. The form itself is the draft: each step shows what it would cost.

Shows before it does: the amount on the button is sent with it, and where it has changed meanwhile nothing is done.
"""

from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.db.pages import editing as pages
from app.db.pages.cancelling import CancelPage, cancel_page
from app.db.pages.editing import EditPage
from app.domain.basket import MOST_OF_ONE, BasketLine, ProductUnavailable, SoldOut
from app.domain.editing import difference_minor, refuse_uneditable, revise
from app.domain.errors import DomainError, NotFound
from app.payments.provider import Unavailable
from app.use_cases.money.pay_edit import pay_edit
from app.use_cases.ordering.cancel_order import cancel_order
from app.use_cases.ordering.edit_order import edit_order
from app.web import basket, words
from app.web.access import serves_signed_in
from app.web.checkout import own_origin
from app.web.page import local
from app.web.parts import civil_now, parts, read, signed_in, write
from locker_protocol.ids import random_id

blueprint = Blueprint("order_edit", __name__, url_prefix="/<lang_code>/orders/<order_id>")

QUANTITY = "q-"


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form says: pieces by product, the window, whether the basket is in it, and which button was pressed."""

    wanted: dict[str, int]
    window_id: int
    with_basket: bool
    pressed: str = ""


@blueprint.get("/edit")
@serves_signed_in()
def edit(order_id: str) -> tuple[str, int]:
    """Show an order as it is, or with what is in the basket; or why it cannot be changed."""
    page = _page(order_id, ())
    with_basket = request.args.get("basket") == "1"
    wanted = page.pieces
    for product_id, count in basket.lines().items() if with_basket else ():
        wanted[product_id] = min(MOST_OF_ONE, wanted.get(product_id, 0) + count)
    return _show(order_id, Draft(wanted, page.order.window_id, with_basket))


@blueprint.post("/edit/draft")
@serves_signed_in()
def draft(order_id: str) -> tuple[str, int]:
    """Show the form with one number changed; nothing is kept."""
    sent = _read_draft(_page(order_id, ()))
    product_id, _, number = request.form.get("set", "").rpartition(":")
    if product_id:
        count = basket.read_quantity(number, product_id)
        button = "plus" if count > sent.wanted.get(product_id, 0) else "minus"
        sent.wanted[product_id] = count
        sent = replace(sent, pressed=f"{button}-{product_id}")
    return _show(order_id, sent)


@blueprint.post("/edit")
@serves_signed_in()
def change(order_id: str) -> Response | tuple[str, int]:
    """Change the order, and go to pay where it costs more; a refusal shows the form again with what is left."""
    sent = _read_draft(_page(order_id, ()))
    try:
        with write() as conn:
            edited = edit_order(
                conn,
                order_id=order_id,
                person_id=signed_in().id,
                lines=[BasketLine(product_id, count) for product_id, count in sent.wanted.items() if count],
                window_id=sent.window_id,
                idempotency_key=request.form.get("idempotency_key", ""),
                shown_minor=_shown_minor(),
                provider=parts().provider.name,
                now=civil_now(),
            )
    except NotFound:
        return _show(order_id, sent, gettext("That time is no longer offered. Choose another."), 409)
    except DomainError as refusal:
        return _show(order_id, sent, _explain(order_id, refusal), refusal.status)
    if sent.with_basket:
        basket.keep({})
    if edited.payment_id is None:
        return redirect(url_for("orders.order_page", order_id=order_id), 303)
    return redirect(_pay(order_id, edited.edit_id), 303)


@blueprint.post("/edit/<edit_id>/pay")
@serves_signed_in()
def pay(order_id: str, edit_id: str) -> Response:
    """Go to the provider's page (again) for a change that waits for its money."""
    return redirect(_pay(order_id, edit_id), 303)


@blueprint.get("/cancel")
@serves_signed_in()
def ask_cancel(order_id: str) -> tuple[str, int]:
    """Show what comes back, line by line, or why nothing can be cancelled."""
    return _show_cancel(order_id)


@blueprint.post("/cancel")
@serves_signed_in()
def cancel(order_id: str) -> Response | tuple[str, int]:
    """Cancel the order for what was shown."""
    try:
        with write() as conn:
            cancel_order(
                conn, order_id=order_id, person_id=signed_in().id, shown_minor=_shown_minor() or 0, now=civil_now()
            )
    except NotFound:
        raise
    except DomainError as refusal:
        return _show_cancel(order_id, words.sentence(refusal), refusal.status)
    return redirect(url_for("orders.order_page", order_id=order_id), 303)


def _page(order_id: str, more: Any) -> EditPage:  # noqa: ANN401  any collection of ids
    with read() as conn:
        page = pages.edit_page(conn, order_id=order_id, person_id=signed_in().id, more=more, now=civil_now())
    if page is None:
        raise NotFound(what="order")
    return page


def _read_draft(page: EditPage) -> Draft:
    wanted = {
        name.removeprefix(QUANTITY): basket.read_quantity(number, name.removeprefix(QUANTITY))
        for name, number in request.form.items()
        if name.startswith(QUANTITY)
    }
    window_id = basket.read_window(request.form.get("window_id", "")) or page.order.window_id
    return Draft(wanted, window_id, request.form.get("basket") == "1")


def _shown_minor() -> int | None:
    shown = request.form.get("shown_minor", "")
    return int(shown) if shown.removeprefix("-").isdigit() and len(shown) <= 12 and shown.isascii() else None


def _show(order_id: str, sent: Draft, refused: str = "", status: int = 200) -> tuple[str, int]:
    page = _page(order_id, sent.wanted)
    try:
        refuse_uneditable(page.standing, now=civil_now())
    except DomainError as refusal:
        shown = render_template("order_edit_closed.html", page=page, refused=words.sentence(refusal))
        return shown, 200 if request.method == "GET" else refusal.status
    difference, problem = _difference(page, sent)
    html = render_template(
        "order_edit.html",
        page=page,
        sent=sent,
        rows=[(page.products[product_id], count) for product_id, count in _in_order(page, sent)],
        difference=difference,
        refused=refused or problem,
        idempotency_key=random_id(),
        in_basket=0 if sent.with_basket else basket.count(),
        changed=difference is not None and (sent.window_id != page.order.window_id or _differs(page, sent)),
    )
    return html, status


def _difference(page: EditPage, sent: Draft) -> tuple[int | None, str]:
    """What the draft costs more, or why it cannot be had at all."""
    try:
        return difference_minor(revise(page.had, {p: n for p, n in sent.wanted.items() if n}, page.prices)), ""
    except DomainError as refusal:
        return None, _explained(page, refusal)


def _differs(page: EditPage, sent: Draft) -> bool:
    return {p: n for p, n in sent.wanted.items() if n} != page.pieces


def _in_order(page: EditPage, sent: Draft) -> list[tuple[str, int]]:
    return [(product_id, sent.wanted.get(product_id, 0)) for product_id in page.products]


def _explain(order_id: str, refusal: DomainError) -> str:
    return _explained(_page(order_id, [str(refusal.facts.get("product", ""))]), refusal)


def _explained(page: EditPage, refusal: DomainError) -> str:
    """A refusal that names a product, with that product's name."""
    product = page.products.get(str(refusal.facts.get("product", "")))
    if product is not None and isinstance(refusal, SoldOut):
        left = refusal.shortages[0].left
        return str(gettext("%(name)s: only %(left)s more can be had.", name=local(product), left=left))
    if product is not None and isinstance(refusal, ProductUnavailable):
        return str(
            gettext("%(name)s is not sold at that time any more. You can keep what you ordered.", name=local(product))
        )
    return words.sentence(refusal)


def _pay(order_id: str, edit_id: str) -> str:
    try:
        pay_url = pay_edit(
            parts().engine,
            parts().provider,
            order_id=order_id,
            edit_id=edit_id,
            person_id=signed_in().id,
            return_url=own_origin() + url_for("orders.order_page", order_id=order_id),
            now=civil_now(),
        )
    except Unavailable:
        return url_for("orders.order_page", order_id=order_id, unpaid="1")
    return pay_url.removeprefix(parts().settings.public_url)


def _show_cancel(order_id: str, refused: str = "", status: int = 200) -> tuple[str, int]:
    try:
        page = _cancel_page(order_id)
    except NotFound:
        raise
    except DomainError as refusal:
        return render_template("order_cancel.html", page=None, order_id=order_id, refused=words.sentence(refusal)), 409
    return render_template("order_cancel.html", page=page, order_id=order_id, refused=refused), status


def _cancel_page(order_id: str) -> CancelPage:
    with read() as conn:
        page = cancel_page(conn, order_id=order_id, person_id=signed_in().id, now=civil_now())
    if page is None:
        raise NotFound(what="order")
    return page
