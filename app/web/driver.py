"""A driver's list of stops and the load loop: scan a bag, its door opens, put it in, shut, next. No tap between.

The phone only asks; the site decides and answers. What the screen says is read from that answer (`driver_loop.py`).
Without a network the locker's own scanner does the same: it reads the driver's rotating code, then the labels.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from io import BytesIO

import segno
from flask import (
    Blueprint,
    Response,
    current_app,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from app.db.pages import ops as site_pages
from app.db.pages import staff as pages
from app.db.pages import visit as visit_pages
from app.db.pages.ops import DoorNow, LockerNow
from app.domain.errors import DomainError, NotFound
from app.domain.parcel_state import ParcelState
from app.domain.roles import Role
from app.use_cases.visiting.load_at_visit import load_at_visit
from app.web import words
from app.web.access import NotForYou, serves
from app.web.driver_loop import LAID, Step, Word, step_of
from app.web.parts import civil_now, civil_rate, parts, read, signed_in, write
from app.web.problems import allow
from app.web.visit import Scene
from locker_protocol.ids import random_bytes
from locker_protocol.label import read_label
from locker_protocol.token import RIGHT_LOAD, Token, sign_token
from locker_protocol.vocabulary import DoorFault

blueprint = Blueprint("driver", __name__, url_prefix="/<lang_code>/driver")

CODE_LIVES = timedelta(seconds=60)
CODE_TURNS_S = 30
LONGEST_LABEL = 512
DIGITS = 3  # of a door's number


@dataclass(frozen=True, slots=True)
class Loading:
    """One run at one site as it stands now."""

    scene: Scene
    sheet: pages.RunSheet
    step: Step

    @property
    def laid(self) -> int:
        """How many bags lie in the lockers, or did."""
        return self.sheet.count(*LAID)

    @property
    def target(self) -> tuple[LockerNow, DoorNow] | None:
        """The door to point at, and its locker."""
        for locker in self.scene.here.lockers:
            for door in locker.doors:
                if door.door == self.step.door:
                    return locker, door
        return None

    @property
    def unpacked(self) -> int:
        """How many bags are not packed yet."""
        return self.sheet.count(ParcelState.PLANNED)

    @property
    def to_look(self) -> list[pages.Bag]:
        """Bags whose loading was cut off: they may lie behind a door already."""
        return [bag for bag in self.sheet.bags if bag.look_door and bag.state not in LAID]

    @property
    def by_others(self) -> dict[str, str]:
        """Who else is loading which bag at the moment."""
        labels = [(other, read_label(other.label)) for other in self.scene.now.others if other.kind == "load"]
        return {label.ref: other.display_name or str(other.staff_no or "") for other, label in labels if label}


@blueprint.get("")
@serves(Role.DRIVER)
def stops_page() -> str:
    """List the stops: where something waits to be taken out, wiped or loaded, and the runs that are being packed."""
    with read() as conn:
        stops = visit_pages.stops(conn, now=civil_now())
        runs = pages.runs_at_work(conn, now=civil_now())
    return render_template("staff/driver_stops.html", stops=stops, runs=runs)


@blueprint.get("/<site_id>/<int(max=2147483647):run_no>")
@serves(Role.DRIVER)
def loop_page(site_id: str, run_no: int) -> str:
    """Show where the loop stands."""
    loading = _loading(site_id, run_no)
    return _show(loading, words.of_refusal(loading.step.refusal) if loading.step.refusal else "")


@blueprint.post("/<site_id>/<int(max=2147483647):run_no>/scan")
@serves(Role.DRIVER)
def scan(site_id: str, run_no: int) -> AnyResponse | tuple[str, int]:
    """Ask the site to open the door for this label. A label that belongs elsewhere is refused at once, in words.

    With `instead_of` another door is asked for: the one that was opened will not do, for the reason `fault`.
    """
    try:
        with write() as conn:
            load_at_visit(
                conn,
                site_id=site_id,
                label_text=request.form.get("label", "")[:LONGEST_LABEL],
                person_id=signed_in().id,
                now=civil_now(),
                instead_of=_door(request.form.get("instead_of", "")),
                fault=_fault(request.form.get("fault", "")),
                random=random_bytes,
                rate=civil_rate(),
            )
    except DomainError as refusal:
        loading = replace(_loading(site_id, run_no), step=Step(Word.REFUSED, refusal=refusal.code))
        return _show(loading, words.sentence(refusal)), refusal.status
    return redirect(url_for(".loop_page", site_id=site_id, run_no=run_no), HTTPStatus.SEE_OTHER)


@blueprint.get("/<site_id>/code.svg")
@serves(Role.DRIVER)
def code(site_id: str) -> Response:
    """Draw the driver's own code for this site's scanners. It lives a minute and carries a staff number, no name."""
    with read() as conn:
        found = site_pages.fleet(conn, site_id=site_id)
    if not found:
        raise NotFound
    drawing = BytesIO()
    segno.make_qr(driver_code(found[0].site.site_no), error="l", boost_error=False).save(
        drawing, kind="svg", border=4, omitsize=True, light="#ffffff"
    )
    return Response(drawing.getvalue(), mimetype="image/svg+xml")


@blueprint.get("/worker.js")
@serves(Role.DRIVER)
def worker() -> Response:
    """Give the script that keeps the visit's pages for a lobby without network; its address is what it may keep."""
    answer = send_from_directory(current_app.static_folder or "", "driver_worker.js", mimetype="text/javascript")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def driver_code(site_no: int) -> str:
    """Sign a rotating code for whoever is signed in. Raises NotForYou for staff without a number."""
    settings, staff_no = parts().settings, signed_in().staff_no
    if staff_no is None:
        raise NotForYou
    expires = civil_now() + CODE_LIVES * civil_rate()
    token = Token(
        key_id=settings.signing_key_id,
        site_no=site_no,
        credential_id=random_bytes(8),
        handle=staff_no,
        generation=0,
        rights=RIGHT_LOAD,
        expires_s=int(expires.timestamp()),
    )
    return sign_token(token, settings.signing_key)


def _show(loading: Loading, refusal: str) -> str:
    # The camera's reader is compiled WebAssembly, so this page alone may run it.
    allow("script-src", "'wasm-unsafe-eval'")
    return render_template("staff/driver_loop.html", loading=loading, scene=loading.scene, refusal=refusal)


def _loading(site_id: str, run_no: int) -> Loading:
    now, rate = civil_now(), civil_rate()
    with read() as conn:
        sheet = pages.run_sheet(conn, run_no=run_no)
        sites = site_pages.fleet(conn, site_id=site_id)
        visit = visit_pages.visit_now(conn, site_id=site_id, person_id=signed_in().id, now=now, rate=rate)
        asked = pages.last_load(conn, site_id=site_id, person_id=signed_in().id, now=now)
    if sheet is None or visit is None or not sites or sheet.run.site_id != site_id:
        raise NotFound
    scene = Scene(sites[0], visit)
    return Loading(scene, sheet, step_of(asked, sheet.bags, scene.doors, now=now, rate=rate, away=visit.away))


def _door(text: str) -> int | None:
    """A door's number; `None` when there is none to be read, and then no other door is asked for."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS and int(text) else None


def _fault(text: str) -> DoorFault | None:
    return DoorFault(text) if text in set(DoorFault) else None


@blueprint.app_context_processor
def _code_turns() -> dict[str, int]:
    return {"code_turns_s": CODE_TURNS_S}
