"""What changed in a basket since its owner last saw it, and why: withdrawn products, prices, a window that is gone.

Says it once, on the page where it can be put right, and never orders for another price than was shown. What is short is
said beside its line, and what sold out at the last moment by the refusal.
"""

from collections.abc import Mapping
from typing import Any

from flask import session
from flask_babel import gettext
from sqlalchemy import Connection, Row

from app.db.pages import shop as pages
from app.db.pages.shop import Shop
from app.web import basket
from app.web.page import local, money
from app.web.parts import read


def tell(conn: Connection, shop: Shop) -> list[str]:
    """Put right what cannot stay, remember what is shown now, and say what changed."""
    sold = {product.id: product for product in shop.products}
    told = [*_withdrawn(conn, sold), *_prices(shop, sold), *_window(shop)]
    basket.see_prices({product_id: _price(product) for product_id, product in sold.items()})
    return told


def changed_for_order() -> bool:
    """Whether somebody is about to order what they have not seen: another price, or without a product."""
    with read() as conn:
        sold = {product.id: product for product in pages.sold_products(conn, product_ids=basket.lines().keys())}
    return basket.lines().keys() != sold.keys() or bool(_dearer_or_cheaper(sold))


def _withdrawn(conn: Connection, sold: Mapping[str, Row[Any]]) -> list[str]:
    gone = basket.lines().keys() - sold.keys()
    if not gone:
        return []
    basket.keep({product_id: count for product_id, count in basket.lines().items() if product_id in sold})
    return [
        str(gettext("%(name)s is no longer sold and was taken out of your basket.", name=local(product)))
        for product in pages.product_names(conn, product_ids=gone)
    ]


def _prices(shop: Shop, sold: Mapping[str, Row[Any]]) -> list[str]:
    currency = shop.site.currency
    return [
        str(
            gettext(
                "%(name)s now costs %(now)s; it was %(before)s when you put it in.",
                name=local(product),
                now=money(_price(product), currency),
                before=money(before, currency),
            )
        )
        for product, before in _dearer_or_cheaper(sold)
    ]


def _dearer_or_cheaper(sold: Mapping[str, Row[Any]]) -> list[tuple[Row[Any], int]]:
    seen = basket.seen_prices()
    return [
        (product, seen[product_id])
        for product_id, product in sold.items()
        if product_id in seen and seen[product_id] != _price(product)
    ]


def _window(shop: Shop) -> list[str]:
    """The window that was chosen cannot be ordered for any more; the page has chosen another, or none is left."""
    chosen = basket.window_id()
    if chosen is None or any(window.id == chosen for window in shop.windows):
        return []
    session.pop("window", None)
    return [str(gettext("The time you had chosen is no longer offered. Look at the time below before you order."))]


def _price(product: Row[Any]) -> int:
    price: int = product.cap_minor or product.price_minor
    return price
