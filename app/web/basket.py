"""What a visitor has chosen before ordering: site, window, products. Kept in the signed session: no account is needed.

Decides what a basket can hold. Prices and stock are read when a page is shown; the prices that somebody saw are kept
for one thing alone: to say it when they changed.
"""

from typing import cast

from flask import request, session

from app.domain.basket import MOST_LINES, MOST_OF_ONE, QuantityAbsurd, TooManyLines


def lines() -> dict[str, int]:
    """What is in the basket: product id → how many, in the order of adding."""
    return cast("dict[str, int]", session.get("basket", {}))


def count() -> int:
    """How many pieces are in the basket."""
    return sum(lines().values())


def put(product_id: str, quantity: int) -> None:
    """Have exactly so many of a product. Raises TooManyLines."""
    changed = dict(lines())
    if quantity:
        changed[product_id] = quantity
    else:
        changed.pop(product_id, None)
    if len(changed) > MOST_LINES:
        raise TooManyLines(most=MOST_LINES)
    keep(changed)


def keep(changed: dict[str, int]) -> None:
    """Replace the whole basket."""
    session["basket"] = changed
    session.permanent = True


def seen_prices() -> dict[str, int]:
    """What a piece of each product cost when it was last shown, in minor units."""
    return cast("dict[str, int]", session.get("seen", {}))


def see_prices(prices: dict[str, int]) -> None:
    """Remember what was shown, of products in the basket only."""
    seen = {product_id: price for product_id, price in prices.items() if product_id in lines()}
    if seen != seen_prices():
        session["seen"] = seen


def read_quantity(text: str, product_id: str) -> int:
    """Read a typed quantity; none is one, too. Raises QuantityAbsurd."""
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise QuantityAbsurd(product=product_id[:64], most=MOST_OF_ONE)
    return int(text)


def site_id() -> str | None:
    """The site somebody chose."""
    return cast("str | None", session.get("site"))


def window_id() -> int | None:
    """The window somebody chose; it may be over by now."""
    return cast("int | None", session.get("window"))


def read_window(text: str) -> int | None:
    """Read a window's number from a form; `None` when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def back(default: str) -> str:
    """Where a small form came from, if that is one of our own addresses."""
    return local_address(request.form.get("back", ""), default)


def local_address(address: str, default: str) -> str:
    """Take an address only if it stays with us. Two slashes, or one and a backslash, begin another host's."""
    ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address.removesuffix("?") if ours else default
