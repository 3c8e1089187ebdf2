"""Basket, window and order on one page. Anybody may fill it and order: without an account, as a guest of this browser.

Nothing changes silently (`basket_news`): what changed since the page was last seen is said before anything is ordered.
A refusal shows the page again: what is sold out has left the basket, a full window is not chosen, and the page says
where there is room instead.
"""

from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import gettext
from sqlalchemy import Connection, Row
from werkzeug.wrappers import Response

from app.db.pages import shop as pages
from app.db.pages.editing import editable_order
from app.db.pages.reordering import again_page, names
from app.db.pages.room import Room, room_for
from app.domain.basket import (
    BasketLine,
    NothingInBasket,
    ProductUnavailable,
    SoldOut,
    Substitution,
    WindowFull,
    checked_key,
)
from app.domain.capacity import RunFull
from app.domain.contact import MOST_CHARACTERS, ContactUnreadable
from app.domain.errors import DomainError, NotFound
from app.domain.reordering import Changed
from app.payments.provider import Unavailable
from app.use_cases.money.start_payment import start_payment
from app.use_cases.ordering.admit_guest import GuestSeed, admit_guest
from app.use_cases.ordering.place_order import place_order
from app.use_cases.people.choose_substitution import choose_substitution
from app.use_cases.people.keep_low_door import keep_low_door
from app.web import basket, basket_news, guest, words
from app.web.access import serves_everybody
from app.web.language import short
from app.web.page import local, money
from app.web.parts import Visitor, civil_now, parts, read, signed_in, visitor, write
from app.web.room import alternatives
from locker_protocol.ids import random_bytes, random_id

blueprint = Blueprint("checkout", __name__, url_prefix="/<lang_code>")


@dataclass(frozen=True, slots=True)
class Chosen:
    """One line of the basket, priced as it will be charged: at most the cap where weight counts."""

    product: Row[Any]
    quantity: int
    line_minor: int


@blueprint.get("/basket")
@serves_everybody()
def basket_page() -> Response | str:
    """Show what is in the basket, when it can be collected and what it costs."""
    return _show()


@blueprint.post("/basket")
@serves_everybody()
def order() -> Response | tuple[Response | str, int]:
    """Remember the choices of the form, then order and go to pay; whoever is not signed in says where to be told."""
    window_id = basket.read_window(request.form.get("window_id", ""))
    if window_id is None:
        return _show(gettext("Choose when you collect.")), HTTPStatus.UNPROCESSABLE_ENTITY
    session["window"] = window_id
    session["low_door"] = request.form.get("low_door") == "1"
    similar = request.form.get("substitution") == Substitution.SIMILAR
    session["substitution"] = (Substitution.SIMILAR if similar else Substitution.REFUND).value
    session.permanent = True
    person = visitor()
    if person is None and session.get("token"):
        return redirect(url_for("account.sign_in_page", next=url_for("checkout.basket_page"), over="1"), 303)
    if person is None or person.guest:
        session["contact"] = request.form.get("contact", "").strip()[:MOST_CHARACTERS]
    if person is not None:
        _remember(person, Substitution(session["substitution"]))
    if basket_news.changed_for_order():
        return _show(), HTTPStatus.CONFLICT
    try:
        order_id, person_id = _place(person, request.form.get("idempotency_key", ""))
    except DomainError as refusal:
        return _refused(refusal)
    basket.keep({})
    session.pop("low_door", None)
    session.pop("substitution", None)
    return redirect(pay(order_id, person_id), 303)


def _refused(refusal: DomainError) -> tuple[Response | str, int]:
    """Show the page again, with what was put right and where to go on."""
    if isinstance(refusal, ContactUnreadable):
        return _show(errors={"contact": words.sentence(refusal)}), refusal.status
    if isinstance(refusal, NotFound):
        return _show(gettext("That time is no longer offered. Choose another.")), HTTPStatus.CONFLICT
    changed = _take_out(refusal) or words.sentence(refusal)
    return _show(changed, full=isinstance(refusal, RunFull | WindowFull)), refusal.status


def _remember(person: Visitor, wanted: Substitution) -> None:
    """What somebody wants where something is short is theirs, not this order's: it holds until they say otherwise."""
    if wanted.value == person.substitution:
        return
    with write() as conn:
        choose_substitution(conn, person_id=person.id, wanted=wanted)


def pay(order_id: str, person_id: str) -> str:
    """Open a payment and say where to go: to the provider's page, or to the order's if the provider does not answer."""
    own = own_origin()
    try:
        pay_url = start_payment(
            parts().engine,
            parts().provider,
            order_id=order_id,
            person_id=person_id,
            return_url=own + url_for("orders.order_page", order_id=order_id),
            now=civil_now(),
            random=random_bytes,
        )
    except Unavailable:
        return url_for("orders.order_page", order_id=order_id, unpaid="1")
    # The sandbox's page is one of ours: reached by its path, it stays where the visitor is signed in.
    return pay_url.removeprefix(parts().settings.public_url)


def own_origin() -> str:
    """Where the provider sends people back to. A demo is opened by whatever name its machine has."""
    settings = parts().settings
    return request.host_url.rstrip("/") if settings.demo else settings.public_url


def _place(person: Visitor | None, key: str) -> tuple[str, str]:
    """Place the order; returns its id and whose it is. A guest is one from then on, in this browser."""
    if not basket.lines():
        raise NothingInBasket
    wanted = [BasketLine(product_id, quantity) for product_id, quantity in basket.lines().items()]
    seed = guest.seed() if person is None or person.guest else None
    with write() as conn:
        contact = _admit(conn, seed, checked_key(key)) if seed else None
        person_id = seed.id if seed else signed_in().id
        placed = place_order(
            conn,
            person_id=person_id,
            guest_contact=contact,
            window_id=session["window"],
            lines=wanted,
            idempotency_key=key,
            low_door=session["low_door"],
            substitution=Substitution(session["substitution"]),
            now=civil_now(),
            random=random_bytes,
        )
        if session["low_door"] != (person is not None and person.low_door):
            keep_low_door(conn, person_id=person_id, low_door=session["low_door"])
    if seed:
        guest.begin(seed)
    return placed.order_id, person_id


def _admit(conn: Connection, seed: GuestSeed, key: str) -> str:
    return admit_guest(
        conn,
        seed=seed,
        contact=session["contact"],
        language=short(),
        window_id=session["window"],
        key=key,
        now=civil_now(),
    )


def _take_out(refusal: DomainError) -> str:
    """Put right what a shortage made impossible, and say what changed."""
    lines = dict(basket.lines())
    if isinstance(refusal, SoldOut):
        left = {short.product_id: short.left for short in refusal.shortages}
    elif isinstance(refusal, ProductUnavailable):
        left = {str(refusal.facts.get("product", "")): 0}
    else:
        return ""
    products = _products(lines)
    for product_id, number in left.items():
        if number > 0:
            lines[product_id] = number
        else:
            lines.pop(product_id, None)
    basket.keep(lines)
    return " ".join(
        _what_changed(products[product_id], number) for product_id, number in left.items() if product_id in products
    )


def _what_changed(product: Row[Any], left: int) -> str:
    name = local(product)
    if left > 0:
        return str(gettext("Only %(left)s of %(name)s are left; your basket now has that many.", left=left, name=name))
    return str(gettext("%(name)s just sold out and was taken out of your basket.", name=name))


def _products(lines: dict[str, int]) -> dict[str, Row[Any]]:
    with read() as conn:
        shop = pages.basket(
            conn,
            site_id=basket.site_id() or "",
            window_id=basket.window_id(),
            now=civil_now(),
            product_ids=lines.keys(),
        )
    return {product.id: product for product in shop.products} if shop else {}


def _again(site_id: str) -> list[tuple[Changed, str, str]]:
    """What is different from the order that was put into the basket anew: with the product's name and another's."""
    person = visitor()
    if person is None or "again" not in request.args:
        return []
    with read() as conn:
        found = again_page(
            conn,
            order_id=request.args["again"],
            person_id=person.id,
            site_id=site_id,
            window_id=basket.window_id(),
            now=civil_now(),
        )
        changes = found.changes if found else []
        named = names(conn, product_ids=[each for one in changes for each in (one.product_id, one.other_id)])
    known = {product_id: local(row) for product_id, row in named.items()}
    return [(one, known[one.product_id], known.get(one.other_id, "")) for one in changes]


def _addable(site_id: str) -> Row[Any] | None:
    """An order of the visitor's to which all of this can still be added."""
    person = visitor()
    if person is None or not basket.lines():
        return None
    with read() as conn:
        return editable_order(conn, person_id=person.id, site_id=site_id, now=civil_now())


def _show(changed: str = "", *, full: bool = False, errors: dict[str, str] | None = None) -> Response | str:
    site_id = basket.site_id()
    if site_id is None:
        return redirect(url_for("front.sites_page"))
    with read() as conn:
        shop = pages.basket(
            conn, site_id=site_id, window_id=basket.window_id(), now=civil_now(), product_ids=basket.lines().keys()
        )
        if shop is None:
            return redirect(url_for("front.sites_page"))
        news = basket_news.tell(conn, shop)
        lines = basket.lines()  # what is left of them after the news
        room = room_for(conn, site_id=site_id, wanted=lines, now=civil_now())
    person = visitor()
    if person is None:
        guest.seed()
    theirs = person.substitution if person else Substitution.REFUND.value
    full = full or _is_full(shop.window, room)
    chosen = [
        Chosen(product, lines[product.id], lines[product.id] * (product.cap_minor or product.price_minor))
        for product in shop.products
    ]
    return render_template(
        "basket.html",
        shop=shop,
        chosen=chosen,
        total=money(sum(line.line_minor for line in chosen), shop.site.currency),
        short=[line for line in chosen if line.product.left < line.quantity],
        errors={**({"": changed} if changed else {}), **(errors or {})},
        contact=session.get("contact", "") if person is None or person.guest else None,
        again=_again(site_id),
        addable=_addable(site_id),
        news=news,
        room=room,
        windows_by_day=_by_day(shop, room),
        instead=alternatives(room) if full else "",
        low_door=_wants_low_door(),
        substitution=session.get("substitution", theirs),
        idempotency_key=random_id(),
    )


def _by_day(shop: pages.Shop, room: Room) -> list[list[Row[Any]]]:
    """The windows to choose from, those further off that still have room too, day by day in the site's time."""
    known = {one.id for one in shop.windows}
    all_of_them = [*shop.windows, *(window for window in room.here if window.id not in known)]
    zone = ZoneInfo(shop.site.timezone)
    days = groupby(
        sorted(all_of_them, key=lambda one: one.opens_at), key=lambda one: one.opens_at.astimezone(zone).date()
    )
    return [list(group) for _, group in days]


def _wants_low_door() -> bool:
    person = visitor()
    return bool(session.get("low_door", person is not None and person.low_door))


def _is_full(window: Row[Any] | None, room: Room) -> bool:
    return window is not None and (window.places_left <= 0 or window.id in room.without_doors)
