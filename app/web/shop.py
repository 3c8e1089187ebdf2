"""The shop: browse by category, search in Chinese, English or pinyin, look at a product, put things into the basket.

Works by plain form posts; with htmx a stepper answers with itself and the basket bar.
"""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row
from werkzeug.wrappers import Response

from app.db.pages import shop as pages
from app.db.pages import supply
from app.domain.errors import NotFound
from app.web import basket
from app.web.access import serves_everybody
from app.web.parts import civil_now, read, visitor

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
        again = pages.last_order(conn, person_id=person.id) if person and not chosen["count"] else None
    if shop is None:
        return redirect(url_for("front.sites_page"))
    return render_template("shop.html", shop=shop, chosen=chosen, category_id=category_id, words=words, again=again)


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
        today = civil_now().astimezone(ZoneInfo(shop.site.timezone)).date()
        lot = supply.lot_of_the_day(conn, product_id=product_id, today=today)
    return render_template("product.html", shop=shop, product=shop.products[0], chosen=chosen, lot=lot)


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
        # The first price counts: one that changes while the product lies in the basket is told there.
        basket.see_prices({product_id: product.cap_minor or product.price_minor, **basket.seen_prices()})
        if not request.headers.get("HX-Request"):
            return redirect(f"{basket.back(url_for('shop.shop_page'))}#p-{product_id}", 303)
        return _stepper(conn, product)


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
