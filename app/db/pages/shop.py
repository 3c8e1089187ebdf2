"""What a resident sees before ordering: sites, windows, products with what a run still has of them. Reads only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, text

from app.db.tables import (
    category,
    compartment,
    customer_order,
    load_run,
    locker,
    order_line,
    pickup_window,
    product,
    run_stock,
    site,
)

MOST_WINDOWS = 6
MOST_SEARCH_WORDS = 6


# Of the lot that is packed from now, as `supply.lot_of_the_day` says for one product.
HARVESTED = text("""
    SELECT DISTINCT ON (t.product_id) t.product_id, t.harvested_at FROM lot t
    WHERE t.state = 'open' AND t.expires_on >= :today AND t.product_id = ANY(:products)
    ORDER BY t.product_id, t.taken >= t.received, t.expires_on, t.id
""")


@dataclass(frozen=True, slots=True)
class Shop:
    """A site, when one may collect there, and what is on the shelves for the chosen window's run.

    `missed`: the next window to come, where orders for it have closed and it opens before the chosen one.
    """

    site: Row[Any]
    windows: Sequence[Row[Any]]
    window: Row[Any] | None
    categories: Sequence[Row[Any]]
    products: Sequence[Row[Any]]
    missed: Row[Any] | None = None


def site_list(conn: Connection) -> Sequence[Row[Any]]:
    """Every site with how many lockers and doors it has."""
    lockers = select(func.count()).where(locker.c.site_id == site.c.id).scalar_subquery()
    doors = select(func.count()).where(compartment.c.site_id == site.c.id).scalar_subquery()
    return conn.execute(select(site, lockers.label("lockers"), doors.label("doors")).order_by(site.c.site_no)).all()


def one_site(conn: Connection, *, site_id: str) -> Row[Any] | None:
    """A site by its id."""
    return conn.execute(select(site).where(site.c.id == site_id)).one_or_none()


def shop(
    conn: Connection, *, site_id: str, window_id: int | None, now: datetime, category_id: str = "", words: str = ""
) -> Shop | None:
    """The shop of a site, narrowed to a category or to what somebody typed; `None` when there is no such site."""
    found = one_site(conn, site_id=site_id)
    if found is None:
        return None
    windows = open_windows(conn, site_id=site_id, now=now)
    window = choose(windows, window_id)
    query = _products(window.run_no if window else None).where(*_narrowed(category_id, words))
    categories = conn.execute(select(category).order_by(category.c.position)).all()
    return Shop(found, windows, window, categories, conn.execute(query).all(), missed_window(conn, found, window, now))


def basket(
    conn: Connection, *, site_id: str, window_id: int | None, now: datetime, product_ids: Collection[str]
) -> Shop | None:
    """The same, with only the products that somebody chose."""
    found = one_site(conn, site_id=site_id)
    if found is None:
        return None
    windows = open_windows(conn, site_id=site_id, now=now)
    window = choose(windows, window_id)
    query = _products(window.run_no if window else None).where(product.c.id.in_(product_ids))
    return Shop(found, windows, window, (), conn.execute(query).all(), missed_window(conn, found, window, now))


def harvests(conn: Connection, *, product_ids: Collection[str], today: date) -> dict[str, datetime]:
    """When the lot of each product that is packed from now was harvested, of those whose papers say it."""
    asked = {"products": list(product_ids), "today": today}
    return {row.product_id: row.harvested_at for row in conn.execute(HARVESTED, asked) if row.harvested_at}


def missed_window(conn: Connection, here: Row[Any], window: Row[Any] | None, now: datetime) -> Row[Any] | None:
    """The first window to come for which orders have closed, if it opens before `window` does."""
    query: Select[Any] = select(pickup_window, load_run.c.order_by).join_from(pickup_window, load_run)
    query = query.where(
        load_run.c.site_id == here.id,
        load_run.c.order_by <= now,
        pickup_window.c.opens_at > now,
        load_run.c.called_off_at.is_(None),
    )
    if window is not None:
        query = query.where(pickup_window.c.opens_at < window.opens_at)
    return conn.execute(query.order_by(pickup_window.c.opens_at).limit(1)).one_or_none()


def last_order(conn: Connection, *, person_id: str) -> Row[Any] | None:
    """The newest order of a person that was paid, with the pictures of what was in it."""
    pictures = (
        select(func.array_agg(product.c.picture.distinct()))
        .select_from(order_line.join(product, product.c.id == order_line.c.product_id))
        .where(order_line.c.order_id == customer_order.c.id, product.c.active)
        .scalar_subquery()
        .label("pictures")
    )
    mine = (customer_order.c.person_id == person_id, customer_order.c.state.not_in(("awaiting_payment", "released")))
    query: Select[Any] = select(customer_order.c.id, customer_order.c.placed_at, pictures).where(*mine)
    return conn.execute(query.order_by(customer_order.c.placed_at.desc()).limit(1)).one_or_none()


def one_product(conn: Connection, *, product_id: str, run_no: int | None) -> Row[Any] | None:
    """A product on sale."""
    return conn.execute(_products(run_no).where(product.c.id == product_id)).one_or_none()


def sold_products(conn: Connection, *, product_ids: Collection[str]) -> Sequence[Row[Any]]:
    """Those of these products that are on sale, whatever is left of them."""
    return conn.execute(select(product).where(product.c.id.in_(product_ids), product.c.active)).all()


def product_names(conn: Connection, *, product_ids: Collection[str]) -> Sequence[Row[Any]]:
    """What products are called, on sale or not."""
    query: Select[Any] = select(product.c.id, product.c.name_zh, product.c.name_en)
    query = query.where(product.c.id.in_(product_ids))
    return conn.execute(query.order_by(product.c.id)).all()


def open_windows(conn: Connection, *, site_id: str, now: datetime) -> Sequence[Row[Any]]:
    """The next windows of a site that can still be ordered for, full ones too: `places_left` says."""
    return conn.execute(
        select(
            pickup_window,
            (pickup_window.c.order_cap - pickup_window.c.orders_taken).label("places_left"),
            load_run.c.order_by,
            load_run.c.kind,
        )
        .join_from(pickup_window, load_run)
        .where(load_run.c.site_id == site_id, load_run.c.order_by > now, load_run.c.called_off_at.is_(None))
        .order_by(pickup_window.c.opens_at, pickup_window.c.id)
        .limit(MOST_WINDOWS)
    ).all()


def next_window(conn: Connection, *, site_id: str, now: datetime) -> tuple[Row[Any], Row[Any]] | None:
    """A site and the first of its windows with a place left; `None` where nothing can be ordered."""
    found = one_site(conn, site_id=site_id)
    window = choose(open_windows(conn, site_id=site_id, now=now), None) if found else None
    return None if window is None or found is None else (found, window)


def choose(windows: Sequence[Row[Any]], window_id: int | None) -> Row[Any] | None:
    """The window somebody chose, if it can still be had; else the first with a place left."""
    chosen = next((window for window in windows if window.id == window_id), None)
    free = next((window for window in windows if window.places_left > 0), None)
    return chosen or free or next(iter(windows), None)


def _products(run_no: int | None) -> Select[Any]:
    left = func.coalesce(run_stock.c.total - run_stock.c.taken, product.c.stock_a_run).label("left")
    return (
        select(product, left, category.c.name_zh.label("category_zh"), category.c.name_en.label("category_en"))
        .join_from(product, category)
        .outerjoin(run_stock, (run_stock.c.product_id == product.c.id) & (run_stock.c.run_no == run_no))
        .where(product.c.active)
        .order_by(category.c.position, product.c.position, product.c.id)
    )


def _narrowed(category_id: str, words: str) -> list[ColumnElement[bool]]:
    said = func.concat_ws(" ", product.c.name_zh, product.c.name_en, product.c.search, product.c.origin_zh)
    conditions = [said.icontains(word, autoescape=True) for word in words.split()[:MOST_SEARCH_WORDS]]
    return [*conditions, product.c.category_id == category_id] if category_id else conditions
