"""The API: the same use cases as the pages, for programs. Asked with a session token, never with a cookie."""

from flask import Blueprint
from flask.blueprints import BlueprintSetupState

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.record_once
def _needs_no_form_token(state: BlueprintSetupState) -> None:
    # A browser adds cookies to a forged request, never an Authorization header, and no cookie is read here.
    state.app.extensions["csrf"].exempt(blueprint)


from app.web.api import (  # noqa: E402  they put routes on it
    catalogue,  # noqa: F401
    demo,  # noqa: F401
    description,  # noqa: F401
    orders,  # noqa: F401
    packing,  # noqa: F401
    products,  # noqa: F401
    sessions,  # noqa: F401
    staff,  # noqa: F401
    visits,  # noqa: F401
)
