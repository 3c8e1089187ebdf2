"""Prices and stock: a row a product, saved one at a time; for one open run, or from now on. Who changed what, below.

Decides what the typed words mean for the page; the rules are `domain.pricing`'s and the use cases'.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from babel.numbers import get_currency_precision
from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.db.pages import stock as pages
from app.domain.errors import DomainError
from app.domain.pricing import Prices, read_amount, read_count
from app.domain.roles import Role
from app.use_cases.catalogue.change_product import Terms, change_product
from app.use_cases.catalogue.change_stock import change_stock
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, read, signed_in, write

blueprint = Blueprint("ops_stock", __name__, url_prefix="/<lang_code>/ops/stock")

LONGEST_SEARCH = 40
LONGEST_AMOUNT = 12

Answer = str | tuple[str, int] | Response


@blueprint.get("")
@serves(Role.OPERATOR)
def stock_page() -> str:
    """Show prices and stock a run from now on, or one run's stock."""
    return _page(request.args)


@blueprint.post("/products/<product_id>")
@serves(Role.OPERATOR)
def save_product(product_id: str) -> Answer:
    """Change a product's prices, its stock a run, or whether it is sold."""

    def save() -> None:
        with write() as conn:
            digits = get_currency_precision(pages.house(conn).currency)
            wanted = _read_terms(digits)
            change_product(conn, product_id=product_id, wanted=wanted, person_id=signed_in().id, now=civil_now())

    return _saved_or_shown(product_id, save)


@blueprint.post("/runs/<int(max=2147483647):run_no>/<product_id>")
@serves(Role.OPERATOR)
def save_stock(run_no: int, product_id: str) -> Answer:
    """Change how many of a product one open run has."""

    def save() -> None:
        total = read_count(request.form.get("total", ""), field="total")
        with write() as conn:
            change_stock(
                conn, run_no=run_no, product_id=product_id, total=total, person_id=signed_in().id, now=civil_now()
            )

    return _saved_or_shown(product_id, save)


def _saved_or_shown(product_id: str, save: Callable[[], None]) -> Answer:
    """Save and come back to the same row; or show the page again with what was typed, and what is wrong with it."""
    try:
        save()
    except DomainError as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise
        field = str(refusal.facts.get("field", ""))
        typed = {name: value[:LONGEST_AMOUNT] for name, value in request.form.items()}
        wrong = {"id": product_id, "field": field, "words": words.sentence(refusal), "typed": typed}
        return _page(request.form, wrong=wrong), refusal.status
    run, category, q = (request.form.get(name) or None for name in ("run", "category", "q"))
    row = f"row-{product_id}"
    return redirect(
        url_for(".stock_page", run=run, category=category, q=q, saved=product_id, _anchor=row), HTTPStatus.SEE_OTHER
    )


def _read_terms(digits: int) -> Terms:
    form = request.form
    return Terms(
        Prices(
            read_amount(form.get("price", ""), digits=digits, field="price"),
            read_amount(form["unit"], digits=digits, field="unit") if form.get("unit") else None,
            read_amount(form["cap"], digits=digits, field="cap") if form.get("cap") else None,
        ),
        read_count(form.get("stock", ""), field="stock"),
        active="active" in form,
    )


def _page(asked: Any, *, wrong: dict[str, Any] | None = None) -> str:  # noqa: ANN401  the query or the form
    category, q = asked.get("category", "")[:LONGEST_SEARCH], asked.get("q", "").strip()[:LONGEST_SEARCH]
    with read() as conn:
        runs = pages.open_runs(conn, now=civil_now())
        run = next((each for each in runs if str(each.run_no) == asked.get("run", "")), None)
        found = (
            pages.run_stock(conn, run_no=run.run_no, category=category, q=q)
            if run
            else pages.products(conn, category=category, q=q)
        )
        house, shelves, changes = pages.house(conn), pages.categories(conn), pages.changes(conn)
    return render_template(
        "staff/ops_stock.html",
        runs=runs,
        run=run,
        rows=found,
        most=pages.MOST_ROWS,
        category=category,
        q=q,
        wrong=wrong or {},
        errors={f"{wrong['field']}-{wrong['id']}": wrong["words"]} if wrong else {},
        saved=asked.get("saved", ""),
        categories=shelves,
        changes=changes,
        currency=house.currency,
        zone=house.timezone,
    )


def typed_amount(minor: int | None, currency: str) -> str:
    """Write minor units as somebody would type them: `3.90`."""
    digits = get_currency_precision(currency)
    return "" if minor is None else f"{minor / 10**digits:.{digits}f}"


def field_words(field: str) -> str:
    """Say what was changed."""
    said = {
        "price_minor": _("price"),
        "unit_price_minor": _("unit price"),
        "unit_price_per": _("unit"),
        "cap_minor": _("at most"),
        "stock_a_run": _("stock a run"),
        "active": _("on sale"),
        "total": _("stock"),
    }
    return str(said.get(field, field))


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {"typed_amount": typed_amount, "field_words": field_words}
