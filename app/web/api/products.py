"""What operators' programs put on sale: many products at once, all or none."""

from typing import Any

from app.domain.roles import Role
from app.use_cases.catalogue.put_products import ProductTwice, PutProducts, UnknownCategory, put_products
from app.web.access import serves
from app.web.api.operations import Operations
from app.web.api.product_fields import ProductsPut, ProductsToPut
from app.web.parts import civil_now, signed_in, write

blueprint = Operations("products", says="What operators put on sale")

# Five hundred products of the longest words, in UTF-8 or escaped.
LARGEST_BYTES = 2 * 1024 * 1024


@blueprint.post("/products")
@serves(Role.OPERATOR)
@blueprint.refuses(UnknownCategory, ProductTwice)
@blueprint.arguments(ProductsToPut, largest_bytes=LARGEST_BYTES)
@blueprint.response(200, ProductsPut)
def save_products(body: dict[str, Any]) -> PutProducts:
    """Put products on sale, or change them.

    All or none; a run that sells a product already keeps its stock.
    """
    with write() as conn:
        return put_products(conn, products=body["products"], person_id=signed_in().id, now=civil_now())
