"""Photos: of a packed bag, for whoever ordered it and the staff who answer for it; of a lot as it came, for all."""

from flask import Blueprint, Response

from app.db.pages import picking as pages
from app.db.pages import supply
from app.domain.errors import NotFound
from app.domain.roles import Role
from app.web.access import serves_everybody, serves_signed_in
from app.web.parts import read, signed_in

blueprint = Blueprint("photos", __name__, url_prefix="/<lang_code>/photos")

SEES_ALL = frozenset({Role.PICKER, Role.OPERATOR, Role.ADMIN})


@blueprint.get("/bags/<photo_id>.jpg")
@serves_signed_in()
def bag_photo(photo_id: str) -> Response:
    """Give the photo of a bag. Raises NotFound for another household's."""
    person = signed_in()
    with read() as conn:
        found = pages.photo_of(conn, photo_id=photo_id, owner_id=None if person.role in SEES_ALL else person.id)
    if found is None:
        raise NotFound
    answer = Response(found, mimetype="image/jpeg")
    # One person's browser may keep it: it never changes.
    answer.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return answer


@blueprint.get("/lots/<lot_id>.jpg")
@serves_everybody()
def lot_photo(lot_id: str) -> Response:
    """Give the photo of the day. Raises NotFound where there is none."""
    with read() as conn:
        found = supply.lot_photo(conn, lot_id=lot_id)
    if found is None:
        raise NotFound
    answer = Response(found, mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "public, max-age=600"  # another may take its place
    return answer
