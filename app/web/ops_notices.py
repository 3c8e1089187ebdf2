"""What could not be told to people: for operators, with the reason, and a button to have it tried again."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.db.pages import notices as pages
from app.domain.roles import Role
from app.notify.texts import NoticeKind
from app.use_cases.telling.retry_notice import retry_notice
from app.web.access import serves
from app.web.parts import civil_now, read, signed_in, write

blueprint = Blueprint("ops_notices", __name__, url_prefix="/<lang_code>/ops")


@blueprint.get("/notices")
@serves(Role.OPERATOR)
def notices_page() -> str:
    """List what failed for good, newest first."""
    with read() as conn:
        return render_template("staff/ops_notices.html", notices=pages.failed(conn), code=NoticeKind.SIGN_IN)


@blueprint.post("/notices/<notice_id>/retry")
@serves(Role.OPERATOR)
def try_again(notice_id: str) -> Response:
    """Send one again from the first try."""
    with write() as conn:
        retry_notice(conn, notice_id=notice_id, person_id=signed_in().id, now=civil_now())
    return redirect(url_for("ops_notices.notices_page"), HTTPStatus.SEE_OTHER)
