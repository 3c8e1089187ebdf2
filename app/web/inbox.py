"""The demo's inbox: every text message and mail that would have left. Outside a demo this address does not exist."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages.inbox import messages
from app.domain.errors import NotFound
from app.web.access import serves_everybody
from app.web.parts import parts, read

blueprint = Blueprint("inbox", __name__)

MOST_CONTACT = 200


@blueprint.get("/inbox")
@serves_everybody()
def short_address() -> Response:
    """The address people type, as the demo prints it."""
    return redirect(url_for("inbox.inbox_page"))


@blueprint.get("/<lang_code>/inbox")
@serves_everybody()
def inbox_page() -> str:
    """Show what was sent, newest first. Raises NotFound outside a demo."""
    if not parts().settings.demo:
        raise NotFound(what="page")
    contact = request.args.get("contact", "")[:MOST_CONTACT].strip()
    # `+86 138…` is stored without its blanks, and people type it with or without the country's number.
    wanted = contact if "@" in contact else contact.replace(" ", "").replace("-", "")
    with read() as conn:
        return render_template("inbox.html", messages=messages(conn, contact=wanted), contact=contact)
