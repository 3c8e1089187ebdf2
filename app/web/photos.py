"""The photo of a packed bag: for whoever ordered it, and for the staff who answer for it. Nobody else finds it."""

from flask import Blueprint, Response

from app.db.pages import picking as pages
from app.domain.errors import NotFound
from app.domain.roles import Role
from app.web.access import serves_signed_in
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
