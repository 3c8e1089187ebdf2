"""Food that is kept shut: what waits for somebody to look, and the form in which they say what they saw.

For operators, and for a keeper at their own building. What may be released is `domain.inspecting`'s to say.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.db.pages import quarantines as pages
from app.db.pages.quarantines import QuarantineFile
from app.domain.degrees import DegreesUnreadable, ProbeUnlikely, read_degrees
from app.domain.errors import DomainError, NotFound
from app.domain.inspecting import ProbeOutside
from app.domain.quarantine_state import QuarantineState
from app.domain.remote_opening import TooManyWaiting
from app.domain.roles import Role
from app.media.photo import PhotoTooLarge, PhotoUnreadable
from app.use_cases.cold_chain.inspect_food import Look, inspect_food
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded, open_doors
from app.web import words
from app.web.access import serves
from app.web.keeper_site import own_site_id
from app.web.parts import civil_now, civil_rate, read, signed_in, write
from app.web.uploads import photo_sent, takes_photo
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import Right

blueprint = Blueprint("ops_cold", __name__, url_prefix="/<lang_code>/ops/cold")

SHOWN = timedelta(days=7)

Answer = str | tuple[str, int] | AnyResponse


class PhotoNeeded(DomainError):
    """Nobody decides on food without showing it."""

    code = "photo_needed"
    status = 422


class NothingTicked(DomainError):
    """Nothing is released by ticking nothing: to throw all of it away is a decision of its own."""

    code = "nothing_ticked"
    status = 422


@blueprint.get("")
@serves(Role.OPERATOR, Role.KEEPER)
def cold_page() -> str:
    """Show what waits, soonest due first."""
    with read() as conn:
        now = pages.cold_now(conn, site_id=_site_id(), since=civil_now() - SHOWN)
    return render_template("staff/ops_cold.html", found=now, now=civil_now())


@blueprint.get("/<quarantine_id>")
@serves(Role.OPERATOR, Role.KEEPER)
def look_page(quarantine_id: str) -> str:
    """Show one of them with what is in its bag, and the form."""
    return _show(_file(quarantine_id))


@blueprint.post("/<quarantine_id>")
@takes_photo
@serves(Role.OPERATOR, Role.KEEPER)
def decide(quarantine_id: str) -> Answer:
    """Take down what was seen and decided."""
    file = _file(quarantine_id)
    try:
        look = Look(request.form.get("reason", ""), read_degrees(request.form.get("probe_c", "")), _photo())
        kept = [] if request.form.get("decision") == "discard" else _lines(file)
        with write() as conn:
            inspect_food(
                conn,
                quarantine_id=quarantine_id,
                kept=kept,
                look=look,
                person_id=signed_in().id,
                now=civil_now(),
                random=random_bytes,
            )
    except DomainError as refusal:
        if isinstance(refusal, NotFound):
            raise
        return _show(file, _errors(refusal)), refusal.status
    return redirect(url_for(".look_page", quarantine_id=quarantine_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/<quarantine_id>/open")
@serves(Role.OPERATOR, Role.KEEPER)
def open_to_look(quarantine_id: str) -> Answer:
    """Ask the site for the door, by the right of staff."""
    file = _file(quarantine_id)
    try:
        with write() as conn:
            open_doors(
                conn,
                site_id=file.row.site_id,
                doors=[file.row.door],
                right=Right.STAFF,
                person_id=signed_in().id,
                reason=request.form.get("why", ""),
                now=civil_now(),
                order_id=file.row.order_id,
                random=random_bytes,
                rate=civil_rate(),
            )
    except (ReasonNeeded, TooManyWaiting) as refusal:
        return _show(file, {"why": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".look_page", quarantine_id=quarantine_id, asked=1), HTTPStatus.SEE_OTHER)


@blueprint.get("/<quarantine_id>.jpg")
@serves(Role.OPERATOR, Role.KEEPER)
def photo(quarantine_id: str) -> Response:
    """Give the photo of whoever looked. Raises NotFound where there is none."""
    with read() as conn:
        found = pages.photo_of(conn, quarantine_id=quarantine_id, site_id=_site_id())
    if found is None:
        raise NotFound
    answer = Response(found, mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return answer


def _site_id() -> str | None:
    """A keeper's own site; operators answer for all. Raises NoSite."""
    return own_site_id() if signed_in().role is Role.KEEPER else None


def _file(quarantine_id: str) -> QuarantineFile:
    with read() as conn:
        found = pages.quarantine_file(conn, quarantine_id=quarantine_id, site_id=_site_id())
    if found is None:
        raise NotFound
    return found


def _show(file: QuarantineFile, errors: Mapping[str, str] | None = None) -> str:
    return render_template(
        "staff/ops_cold_look.html",
        file=file,
        to_decide=file.row.state == QuarantineState.OPEN,
        errors=errors or {},
        typed={name: value[:LONGEST_REASON] for name, value in request.form.items()},
        ticked=request.form.getlist("line"),
        asked="asked" in request.args,
        photo_again=bool(errors) and bool(request.files.get("photo")),
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
    )


def _photo() -> bytes:
    jpeg = photo_sent("photo")
    if jpeg is None:
        raise PhotoNeeded
    return jpeg


def _lines(file: QuarantineFile) -> list[int]:
    """What stays in the bag: the lines that are ticked and are in it; what is no number was never on our page."""
    there = {str(line.line_no): line.line_no for line in file.lines}
    ticked = request.form.getlist("line")
    if not ticked:
        raise NothingTicked
    return [there.get(one, 0) for one in ticked]


def _errors(refusal: DomainError) -> dict[str, str]:
    fields: dict[type[DomainError], str] = {
        ReasonNeeded: "reason",
        PhotoNeeded: "photo",
        PhotoTooLarge: "photo",
        PhotoUnreadable: "photo",
        DegreesUnreadable: "probe_c",
        ProbeUnlikely: "probe_c",
        ProbeOutside: "probe_c",
    }
    field = next((name for kind, name in fields.items() if isinstance(refusal, kind)), "")
    return {field: words.sentence(refusal)}
