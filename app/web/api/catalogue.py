"""What anybody may read: where the lockers are, when one can collect, what is sold."""

from collections.abc import Sequence

from app.db.pages import api as pages
from app.domain.errors import NotFound
from app.web.access import serves_everybody
from app.web.api import blueprint, schemas
from app.web.api.contract import operation
from app.web.parts import civil_now, read


@blueprint.get("/sites")
@serves_everybody()
@operation("List the sites", answer=schemas.Site, many=True)
def list_sites() -> Sequence[pages.Row]:
    with read() as conn:
        return pages.sites(conn)


@blueprint.get("/sites/<site_id>/windows")
@serves_everybody()
@operation("List the windows that can be ordered for", answer=schemas.Window, many=True)
def list_windows(site_id: str) -> Sequence[pages.Row]:
    with read() as conn:
        if not pages.site_exists(conn, site_id=site_id):
            raise NotFound
        return pages.open_windows(conn, site_id=site_id, now=civil_now())


@blueprint.get("/products")
@serves_everybody()
@operation("List what is sold", answer=schemas.Product, many=True)
def list_products() -> Sequence[pages.Row]:
    with read() as conn:
        return pages.products(conn)
