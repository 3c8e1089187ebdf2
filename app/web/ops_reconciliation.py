"""Where our books and the payment provider's report differ: listed, looked at, closed with a note. Moves no money."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import differences as pages
from app.domain.errors import DomainError, NotFound
from app.domain.reconciling import DifferenceState
from app.domain.roles import Role
from app.use_cases.money.file_differences import close_difference
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, read, signed_in, write

blueprint = Blueprint("ops_reconciliation", __name__, url_prefix="/<lang_code>/ops/reconciliation")


@blueprint.get("")
@serves(Role.OPERATOR)
def differences_page() -> str:
    """List differences, open ones first."""
    return _page()


@blueprint.post("/<difference_id>/close")
@serves(Role.OPERATOR)
def close(difference_id: str) -> Response | tuple[str, int]:
    """Close one with a note; what was typed is kept when it is refused."""
    try:
        with write() as conn:
            close_difference(
                conn,
                difference_id=difference_id,
                note=request.form.get("note", ""),
                person_id=signed_in().id,
                now=civil_now(),
            )
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(refused=difference_id, error=words.sentence(refusal)), refusal.status
    return redirect(url_for(".differences_page"), HTTPStatus.SEE_OTHER)


def _page(*, refused: str = "", error: str = "") -> str:
    state = request.args.get("state", "")
    state = state if state in set(DifferenceState) else ""
    with read() as conn:
        found, counts, last = pages.differences(conn, state=state), pages.counts(conn), pages.last(conn)
    return render_template(
        "staff/ops_reconciliation.html",
        differences=found,
        counts=counts,
        last=last,
        state=state,
        states=list(DifferenceState),
        refused=refused,
        error=error,
        typed=request.form.get("note", "")[:LONGEST_REASON],
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
    )
