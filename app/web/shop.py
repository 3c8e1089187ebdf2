"""The shop: browse by category, search in Chinese, English or pinyin, look at a product, put things into the basket.

Works by plain form posts; with htmx a stepper answers with itself and the basket bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row
from werkzeug.wrappers import Response

from app.db.pages import shop as pages
from app.db.pages import supply
from app.db.pages.reordering import again_page
from app.db.pages.zone_days import STEP, ZoneDay, zone_days
from app.domain.errors import NotFound
from app.web import basket, guest
from app.web.access import serves_everybody
from app.web.page import local
from app.web.parts import civil_now, read, visitor
from app.web.sparkline import Sparkline, sparkline
from locker_protocol.vocabulary import Zone

blueprint = Blueprint("shop", __name__, url_prefix="/<lang_code>")

MOST_SEARCHED = 60


@blueprint.get("/shop")
@serves_everybody()
def shop_page() -> Response | str:
    """Show the shelves of the chosen building, whole, by category or as searched."""
    site_id = basket.site_id()
    if site_id is None:
        return redirect(url_for("front.sites_page"))
    category_id, words = request.args.get("category", ""), request.args.get("q", "")[:MOST_SEARCHED].strip()
    with read() as conn:
        shop = pages.shop(
            conn, site_id=site_id, window_id=basket.window_id(), now=civil_now(), category_id=category_id, words=words
        )
        chosen = basket_facts(conn)
        person = visitor()
        if shop is None:
            return redirect(url_for("front.sites_page"))
        again = _again(conn, person.id, shop) if person and not (chosen["count"] or words or category_id) else None
        harvested = pages.harvests(
            conn, product_ids=[product.id for product in shop.products], today=_today(shop.site.timezone)
        )
    return render_template(
        "shop.html",
        shop=shop,
        chosen=chosen,
        category_id=category_id,
        words=words,
        again=again,
        harvested=harvested,
    )


@blueprint.get("/products/<product_id>")
@serves_everybody()
def product_page(product_id: str) -> Response | str:
    """Show one product: what it is, where from, what it costs, how it is kept."""
    site_id = basket.site_id()
    if site_id is None:
        return redirect(url_for("front.sites_page"))
    with read() as conn:
        shop = pages.basket(
            conn, site_id=site_id, window_id=basket.window_id(), now=civil_now(), product_ids=[product_id]
        )
        chosen = basket_facts(conn)
        if shop is None or not shop.products:
            raise NotFound(what="product")
        lot = supply.lot_of_the_day(conn, product_id=product_id, today=_today(shop.site.timezone))
        cold = zone_days(conn, site_id=site_id, zone=shop.products[0].zone, now=civil_now())
    product = shop.products[0]
    return render_template(
        "product.html",
        shop=shop,
        product=product,
        chosen=chosen,
        lot=lot,
        cold=[(day, _drawn(day, product.zone)) for day in cold],
    )


@blueprint.post("/basket/items")
@serves_everybody()
def put_in_basket() -> Response:
    """Have exactly so many of a product in the basket: the wish itself, so that sending it twice changes nothing."""
    product_id = request.form.get("product_id", "")
    quantity = basket.read_quantity(request.form.get("quantity", ""), product_id)
    with read() as conn:
        product = pages.one_product(conn, product_id=product_id, run_no=None)
        if product is None or ("live" in product.flags and quantity):
            raise NotFound(what="product")
        basket.put(product_id, quantity)
        if visitor() is None:
            guest.seed()  # here and not where pages are shown: those leave the session as it is
        # The first price counts: one that changes while the product lies in the basket is told there.
        basket.see_prices({product_id: product.cap_minor or product.price_minor, **basket.seen_prices()})
        if not request.headers.get("HX-Request"):
            return redirect(f"{basket.back(url_for('shop.shop_page'))}#p-{product_id}", 303)
        return _stepper(conn, product)


@dataclass(frozen=True, slots=True)
class OrderAgain:
    """The last order as it could be had now: its names with how many, what it costs, how many things differ."""

    order_id: str
    placed_at: datetime
    items: Sequence[tuple[str, str, int]]
    total_minor: int
    changes: int


def _again(conn: Connection, person_id: str, shop: pages.Shop) -> OrderAgain | None:
    last = pages.last_order(conn, person_id=person_id)
    if last is None:
        return None
    found = again_page(
        conn,
        order_id=last.id,
        person_id=person_id,
        site_id=shop.site.id,
        window_id=shop.window.id if shop.window else None,
        now=civil_now(),
    )
    if found is None or not found.basket:
        return None
    sold = {product.id: product for product in shop.products}
    items = [(local(sold[one]), sold[one].picture, count) for one, count in found.basket.items() if one in sold]
    total = sum(charged(sold[one]) * count for one, count in found.basket.items() if one in sold)
    return OrderAgain(last.id, last.placed_at, items, total, len(found.changes))


def charged(product: Row[Any]) -> int:
    """What one is charged at first: the cap where weight counts."""
    price: int = product.cap_minor or product.price_minor
    return price


def _drawn(day: ZoneDay, zone: str) -> Sparkline:
    return sparkline(day.points, zone=Zone(zone), since=day.since, until=day.until, step=STEP)


def _today(zone: str) -> date:
    return civil_now().astimezone(ZoneInfo(zone)).date()


def _stepper(conn: Connection, product: Row[Any]) -> Response:
    shop = pages.basket(
        conn, site_id=basket.site_id() or "", window_id=basket.window_id(), now=civil_now(), product_ids=[product.id]
    )
    shown = shop.products[0] if shop and shop.products else product
    facts = basket_facts(conn)
    return make_response(render_template("parts/stepper_answer.html", shop=shop, product=shown, chosen=facts))


def basket_facts(conn: Connection) -> dict[str, Any]:
    """What the basket bar says: how many of each, how many in all, what it comes to."""
    lines = basket.lines()
    site_id = basket.site_id()
    shop = (
        lines
        and site_id
        and pages.basket(conn, site_id=site_id, window_id=basket.window_id(), now=civil_now(), product_ids=lines.keys())
    )
    priced = {product.id: product.cap_minor or product.price_minor for product in shop.products} if shop else {}
    total = sum(priced[product_id] * number for product_id, number in lines.items() if product_id in priced)
    return {"lines": lines, "count": basket.count(), "total_minor": total}
