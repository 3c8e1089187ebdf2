"""What anybody may read: where the lockers are, when one can collect, what is sold."""

from collections.abc import Sequence

from app.db.pages import api as pages
from app.domain.errors import NotFound
from app.web.access import serves_everybody
from app.web.api import schemas
from app.web.api.listing import Part
from app.web.api.operations import Operations
from app.web.parts import civil_now, read

blueprint = Operations("catalogue", says="Sites, windows, products")


@blueprint.get("/sites")
@serves_everybody()
@blueprint.etag
@blueprint.lists(schemas.Site, key=("site_no",))
def list_sites(part: Part) -> Sequence[pages.Row]:
    """List the sites."""
    with read() as conn:
        return pages.sites(conn, after=part.after, limit=part.and_one)


@blueprint.get("/sites/<site_id>/windows")
@serves_everybody()
@blueprint.etag
@blueprint.lists(schemas.Window, key=("opens_at", "id"))
def list_windows(site_id: str, part: Part) -> Sequence[pages.Row]:
    """List the windows that can be ordered for."""
    with read() as conn:
        if not pages.site_exists(conn, site_id=site_id):
            raise NotFound
        return pages.open_windows(conn, site_id=site_id, now=civil_now(), after=part.after, limit=part.and_one)


@blueprint.get("/products")
@serves_everybody()
@blueprint.etag
@blueprint.lists(schemas.Product, key=("category_id", "position", "id"))
def list_products(part: Part) -> Sequence[pages.Row]:
    """List what is sold."""
    with read() as conn:
        return pages.products(conn, after=part.after, limit=part.and_one)
