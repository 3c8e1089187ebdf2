"""What operators' programs change of what is sold: terms and stock. `If-Match` names what a change was made from."""

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields

from app.db.pages import api_staff as pages
from app.db.pages.api import Row
from app.domain.errors import NotFound
from app.domain.pricing import CapBelowPrice, Prices
from app.domain.roles import Role
from app.use_cases.catalogue.change_product import Terms, change_product
from app.use_cases.catalogue.change_stock import RunClosed, StockBelowTaken, change_stock
from app.web.access import serves
from app.web.api.fields import Body, Whole, YesNo
from app.web.api.listing import Part
from app.web.api.operations import Operations
from app.web.api.product_fields import DEAREST_MINOR
from app.web.parts import civil_now, read, signed_in, write

blueprint = Operations("selling", says="Terms and stock: what things cost, and how many a run has")

MOST_STOCK = 100_000
RUN = "/runs/<int(max=2147483647):run_no>"


class ProductTerms(Schema):
    id = fields.String(required=True)
    price_minor = fields.Integer(required=True)
    unit_price_minor = fields.Integer(required=True, allow_none=True)
    cap_minor = fields.Integer(required=True, allow_none=True)
    stock_a_run = fields.Integer(required=True)
    active = fields.Boolean(required=True)


class WantedTerms(Body):
    price_minor = Whole(low=1, high=DEAREST_MINOR, required=True)
    unit_price_minor = Whole(low=1, high=DEAREST_MINOR, load_default=None, allow_none=True)
    cap_minor = Whole(low=1, high=DEAREST_MINOR, load_default=None, allow_none=True)
    stock_a_run = Whole(low=0, high=MOST_STOCK, required=True)
    active = YesNo(required=True)


class Stock(Schema):
    product_id = fields.String(required=True)
    total = fields.Integer(required=True)
    taken = fields.Integer(required=True, metadata={"description": "Ordered already."})


class WantedStock(Body):
    total = Whole(low=0, high=MOST_STOCK, required=True)


@blueprint.get("/products/<product_id>/terms")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.response(200, ProductTerms)
def show_terms(product_id: str) -> Row:
    """Show on what terms a product is sold."""
    with read() as conn:
        return _known(pages.terms(conn, product_id=product_id))


@blueprint.put("/products/<product_id>/terms")
@serves(Role.OPERATOR)
@blueprint.refuses(CapBelowPrice)
@blueprint.etag
@blueprint.arguments(WantedTerms)
@blueprint.response(200, ProductTerms)
def change_terms(product_id: str, body: dict[str, Any]) -> Row:
    """Change on what terms a product is sold, for orders from now on."""
    prices = Prices(body["price_minor"], body["unit_price_minor"], body["cap_minor"])
    wanted = Terms(prices, body["stock_a_run"], body["active"])
    with write() as conn:
        blueprint.check_etag(_known(pages.terms(conn, product_id=product_id, lock=True)), ProductTerms)
        change_product(conn, product_id=product_id, wanted=wanted, person_id=signed_in().id, now=civil_now())
        return _known(pages.terms(conn, product_id=product_id))


@blueprint.get(f"{RUN}/stock")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.lists(Stock, key=("product_id",))
def list_stock(run_no: int, part: Part) -> Sequence[Row]:
    """List what a run has of each product."""
    with read() as conn:
        if not pages.run_exists(conn, run_no=run_no):
            raise NotFound
        return pages.stock(conn, run_no=run_no, after=part.after, limit=part.and_one)


@blueprint.get(f"{RUN}/stock/<product_id>")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.response(200, Stock)
def show_stock(run_no: int, product_id: str) -> Row:
    """Show what a run has of a product."""
    with read() as conn:
        return _known(pages.stock_of(conn, run_no=run_no, product_id=product_id))


@blueprint.put(f"{RUN}/stock/<product_id>")
@serves(Role.OPERATOR)
@blueprint.refuses(RunClosed, StockBelowTaken)
@blueprint.etag
@blueprint.arguments(WantedStock)
@blueprint.response(200, Stock)
def set_stock(run_no: int, product_id: str, body: dict[str, Any]) -> Row:
    """Set what an open run has of a product; never less than is ordered."""
    with write() as conn:
        blueprint.check_etag(_known(pages.stock_of(conn, run_no=run_no, product_id=product_id, lock=True)), Stock)
        change_stock(
            conn,
            run_no=run_no,
            product_id=product_id,
            total=body["total"],
            person_id=signed_in().id,
            now=civil_now(),
        )
        return _known(pages.stock_of(conn, run_no=run_no, product_id=product_id))


def _known(found: Row | None) -> Row:
    if found is None:
        raise NotFound
    return found
