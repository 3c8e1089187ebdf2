"""The worker that keeps a collect page for a lobby without a network, by the address its scope asks for. ADR 26."""

from flask import Blueprint, Response

from app.web.access import serves_everybody
from app.web.page import STATIC

blueprint = Blueprint("collect_offline", __name__)


@blueprint.get("/collect_worker.js")
@serves_everybody()
def worker() -> Response:
    """Give the script. At the root, so that it may serve any link; each page registers it for its own address only."""
    script = (STATIC / "collect_worker.js").read_text(encoding="utf-8")
    return Response(script, mimetype="text/javascript", headers={"Cache-Control": "no-cache"})
