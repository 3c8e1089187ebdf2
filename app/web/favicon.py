"""The picture browsers ask for by themselves when a page names none: an answer without a session, kept for a day."""

from flask import Blueprint, Response, current_app

from app.web.access import serves_everybody

blueprint = Blueprint("favicon", __name__)

KEPT_S = 24 * 3600


@blueprint.get("/favicon.ico")
@serves_everybody()
def favicon() -> Response:
    """Send our mark."""
    response = current_app.send_static_file("caibox.svg")
    response.headers["Cache-Control"] = f"public, max-age={KEPT_S}"
    return response
