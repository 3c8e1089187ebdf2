"""A driver's visit, step by step: take out, wipe, count, load, leave. Each page says the next thing to do, in one word.

The phone only asks; what a page says is read from the site's answers (`visit_steps.py`). The load loop: `driver.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import ops as site_pages
from app.db.pages import visit as pages
from app.db.pages.ops import DoorNow, LockerNow, SiteNow
from app.domain.degrees import read_degrees
from app.domain.errors import DomainError, NotFound
from app.domain.roles import Role
from app.domain.visit import VisitOver, may_measure_again, openable_together
from app.use_cases.site.ask_site import LONGEST_REASON
from app.use_cases.site.set_door_condition import set_door_condition
from app.use_cases.visiting.begin_visit import begin_visit
from app.use_cases.visiting.count_back import count_back
from app.use_cases.visiting.end_visit import end_visit
from app.use_cases.visiting.keep_photo import keep_photo
from app.use_cases.visiting.measure_gate import measure_gate
from app.use_cases.visiting.open_at_visit import open_at_visit
from app.use_cases.visiting.read_crate import read_crate
from app.web import words
from app.web.access import serves
from app.web.driver_loop import Word
from app.web.parts import civil_now, civil_rate, parts, read, signed_in, write
from app.web.uploads import photo_sent, takes_photo
from app.web.visit_steps import DoorsStep, Round, doors_step
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import DoorCondition, Right

blueprint = Blueprint("visit", __name__, url_prefix="/<lang_code>/driver/<site_id>")

MOST_BACK = 999
DIGITS = 3
LONGEST_NOTE = 500
REASONS = {Right.REMOVE: "visit: take out", Right.CHECK: "visit: wipe"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A site and its visit as they stand now."""

    here: SiteNow
    now: pages.VisitNow

    @property
    def doors(self) -> Mapping[int, DoorNow]:
        """Every door by its number."""
        return {door.door: door for locker in self.here.lockers for door in locker.doors}

    @property
    def open_doors(self) -> Sequence[int]:
        """Doors that stand open now."""
        return [number for number, door in sorted(self.doors.items()) if door.door_state == "open"]

    @property
    def in_hand(self) -> frozenset[int]:
        """Doors that others have opened or are about to."""
        return frozenset(door for other in self.now.others if other.kind == "open" for door in other.doors)

    @property
    def shut_zones(self) -> Sequence[tuple[LockerNow, str, float | None]]:
        """Zones that may not be loaded at this visit, and how warm they were."""
        gate = self.now.gate
        return [
            (locker, zone, found["product_c"])
            for locker in self.here.lockers
            for zone, found in gate.get(locker.id, {}).items()
            if not found["open"]
        ]

    @property
    def may_measure(self) -> bool:
        """Whether measuring again could tell anything new."""
        return may_measure_again(self.now.gate, now=civil_now(), rate=civil_rate())

    @property
    def next_step(self) -> str:
        """The endpoint of what is to be done next."""
        if self.now.to_remove:
            return "visit.sweep_page"
        if self.now.to_check:
            return "visit.check_page"
        if self.now.visit is not None and self.now.visit.crates_back is None:
            return "visit.count_page"
        return "driver.loop_page" if self.now.packed else "visit.leave_page"

    def at(self, doors: Sequence[int]) -> list[LockerNow]:
        """The lockers that hold these doors."""
        return [locker for locker in self.here.lockers if any(door.door in doors for door in locker.doors)]


@blueprint.get("")
@serves(Role.DRIVER)
def steps_page(site_id: str) -> str:
    """Show the visit's steps and how far each is; before it, what waits here."""
    return render_template("staff/driver_steps.html", scene=_scene(site_id))


@blueprint.post("/begin")
@serves(Role.DRIVER)
def begin(site_id: str) -> Response:
    """Begin the visit, or join the one under way."""
    with write() as conn:
        begin_visit(
            conn,
            site_id=site_id,
            person_id=signed_in().id,
            now=civil_now(),
            rate=civil_rate(),
            random=random_bytes,
        )
    return _to(".steps_page", site_id)


@blueprint.post("/gate")
@serves(Role.DRIVER)
def measure(site_id: str) -> Response | tuple[str, int]:
    """Measure the zones again."""
    try:
        with write() as conn:
            measure_gate(conn, visit_id=_visit_id(site_id), now=civil_now(), rate=civil_rate())
    except DomainError as refusal:
        page = render_template("staff/driver_steps.html", scene=_scene(site_id), refusal=words.sentence(refusal))
        return page, refusal.status
    return redirect(_back_to(site_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/crate")
@serves(Role.DRIVER)
def crate(site_id: str) -> Response | tuple[str, int]:
    """Keep how cold a crate came, before its food goes behind doors."""
    try:
        with write() as conn:
            read_crate(
                conn,
                visit_id=_visit_id(site_id),
                zone=request.form.get("zone", ""),
                product_c=read_degrees(request.form.get("product_c", "")),
                person_id=signed_in().id,
                now=civil_now(),
                random=random_bytes,
            )
    except DomainError as refusal:
        page = render_template("staff/driver_steps.html", scene=_scene(site_id), refusal=words.sentence(refusal))
        return page, refusal.status
    return _to(".steps_page", site_id)


@blueprint.get("/sweep")
@serves(Role.DRIVER)
def sweep_page(site_id: str) -> str:
    """Show the next door to take something out of."""
    return _doors_page(site_id, Right.REMOVE)


@blueprint.post("/sweep/open")
@serves(Role.DRIVER)
def sweep_open(site_id: str) -> Response | tuple[str, int]:
    """Ask for the door of a parcel that is to be taken out."""
    return _open(site_id, Right.REMOVE)


@blueprint.get("/check")
@serves(Role.DRIVER)
def check_page(site_id: str) -> str:
    """Show the next doors to wipe."""
    return _doors_page(site_id, Right.CHECK)


@blueprint.post("/check/open")
@serves(Role.DRIVER)
def check_open(site_id: str) -> Response | tuple[str, int]:
    """Ask for emptied doors, a column or a locker at a time."""
    return _open(site_id, Right.CHECK)


@blueprint.post("/check/broken")
@serves(Role.DRIVER)
def check_broken(site_id: str) -> Response | tuple[str, int]:
    """Take a door out of use, with the reason."""
    try:
        with write() as conn:
            set_door_condition(
                conn,
                site_id=site_id,
                door=next(iter(_numbers(request.form.getlist("door"))), 0),
                condition=DoorCondition.BROKEN,
                person_id=signed_in().id,
                reason=request.form.get("reason", ""),
                now=civil_now(),
            )
    except DomainError as refusal:
        return _doors_page(site_id, Right.CHECK, broken=words.sentence(refusal)), refusal.status
    return _to(".check_page", site_id)


@blueprint.get("/count")
@serves(Role.DRIVER)
def count_page(site_id: str) -> str:
    """Show the form for what goes back with the van."""
    return _count_page(site_id)


@blueprint.post("/count/save")
@serves(Role.DRIVER)
def count_save(site_id: str) -> Response | tuple[str, int]:
    """Keep what was counted; what cannot be read is shown again with its place."""
    counts = {name: _whole(request.form.get(name, "")) for name in ("crates_back", "ice_packs_back")}
    wrong = {
        name: words.of_code("count_absurd", {"most": MOST_BACK}) for name, count in counts.items() if count is None
    }
    note = " ".join(request.form.get("note", "").split())
    if len(note) > LONGEST_NOTE:
        wrong["note"] = words.of_code("note_too_long", {"most": LONGEST_NOTE})
    if wrong:
        return _count_page(site_id, wrong), HTTPStatus.UNPROCESSABLE_ENTITY
    with write() as conn:
        count_back(
            conn,
            visit_id=_visit_id(site_id),
            crates_back=counts["crates_back"] or 0,
            ice_packs_back=counts["ice_packs_back"] or 0,
            note=note,
            now=civil_now(),
        )
    return _to(".steps_page", site_id)


@blueprint.get("/leave")
@serves(Role.DRIVER)
def leave_page(site_id: str) -> str:
    """Show what is open, what goes back, and the end."""
    return render_template("staff/driver_leave.html", scene=_scene(site_id))


@blueprint.post("/leave/photo")
@serves(Role.DRIVER)
@takes_photo
def leave_photo(site_id: str) -> Response | tuple[str, int]:
    """Keep a photo of the lockers."""
    try:
        jpeg = photo_sent("photo")
        if jpeg is not None:
            with write() as conn:
                keep_photo(
                    conn,
                    visit_id=_visit_id(site_id),
                    person_id=signed_in().id,
                    jpeg=jpeg,
                    now=civil_now(),
                    random=random_bytes,
                )
    except DomainError as refusal:
        page = render_template("staff/driver_leave.html", scene=_scene(site_id), refusal=words.sentence(refusal))
        return page, refusal.status
    return _to(".leave_page", site_id)


@blueprint.post("/leave/end")
@serves(Role.DRIVER)
def leave_end(site_id: str) -> Response:
    """End the visit for everybody who is there."""
    with write() as conn:
        not_loaded = end_visit(
            conn,
            visit_id=_visit_id(site_id),
            person_id=signed_in().id,
            now=civil_now(),
            settings=parts().settings,
        )
    return _to(".steps_page", site_id, ended=len(not_loaded))


def _doors_page(site_id: str, right: Right, *, refusal: str = "", broken: str = "") -> str:
    scene = _scene(site_id)
    left = _sweep_round(scene) if right is Right.REMOVE else _check_round(scene)
    with read() as conn:
        asked = pages.last_opening(
            conn,
            site_id=site_id,
            person_id=signed_in().id,
            right=right.value,
            since=scene.now.visit.began_at if scene.now.visit else civil_now(),
        )
    step = doors_step(asked, left, scene.doors, now=civil_now(), rate=civil_rate())
    if refusal:
        step = DoorsStep(Word.REFUSED)
    elif step.refusal:
        refusal = words.of_refusal(step.refusal)
    return render_template(
        "staff/driver_doors.html",
        scene=scene,
        step=step,
        left=left,
        task=right.value,
        refusal=refusal,
        broken=broken,
        groups=_groups(scene) if right is Right.CHECK else [],
        longest_reason=LONGEST_REASON,
    )


def _sweep_round(scene: Scene) -> Round:
    waiting = [parcel.door for parcel in scene.now.to_remove]
    return Round(Word.TAKE, waiting, [door for door in waiting if door not in scene.in_hand][:1])


def _check_round(scene: Scene) -> Round:
    groups = _groups(scene)
    return Round(Word.WIPE, [place.door for place in scene.now.to_check], groups[0] if groups else [])


def _groups(scene: Scene) -> list[list[int]]:
    places = [place for place in scene.now.to_check if place.door not in scene.in_hand]
    return [[place.door for place in group] for group in openable_together(places)]


def _open(site_id: str, right: Right) -> Response | tuple[str, int]:
    doors = _numbers(request.form.getlist("door"))
    try:
        if not doors:
            raise NotFound
        with write() as conn:
            open_at_visit(
                conn,
                site_id=site_id,
                doors=doors,
                right=right,
                person_id=signed_in().id,
                reason=REASONS[right],
                now=civil_now(),
                rate=civil_rate(),
                random=random_bytes,
            )
    except DomainError as refusal:
        return _doors_page(site_id, right, refusal=words.sentence(refusal)), refusal.status
    return _to(".sweep_page" if right is Right.REMOVE else ".check_page", site_id)


def _count_page(site_id: str, errors: Mapping[str, str] | None = None) -> str:
    scene = _scene(site_id)
    visit = scene.now.visit
    kept = (
        {"crates_back": visit.crates_back, "ice_packs_back": visit.ice_packs_back, "note": visit.note} if visit else {}
    )
    values = request.form if errors else kept
    return render_template(
        "staff/driver_count.html", scene=scene, values=values, errors=errors or {}, longest_note=LONGEST_NOTE
    )


def _scene(site_id: str) -> Scene:
    with read() as conn:
        sites = site_pages.fleet(conn, site_id=site_id)
        found = pages.visit_now(conn, site_id=site_id, person_id=signed_in().id, now=civil_now(), rate=civil_rate())
    if not sites or found is None:
        raise NotFound
    return Scene(sites[0], found)


def _visit_id(site_id: str) -> str:
    """The visit under way. Raises NotFound or VisitOver."""
    visit_id = _scene(site_id).now.visit_id
    if visit_id is None:
        raise VisitOver
    return visit_id


def _numbers(texts: Sequence[str]) -> list[int]:
    """Door numbers of a form without those that are none, each once."""
    numbers = [_whole(text) for text in texts]
    return sorted({number for number in numbers if number})


def _whole(text: str) -> int | None:
    """A whole number from 0 to 999, or `None`."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else None


def _back_to(site_id: str) -> str:
    run_no = request.form.get("run_no", "")
    if run_no.isascii() and run_no.isdecimal() and len(run_no) <= 9:
        return url_for("driver.loop_page", site_id=site_id, run_no=int(run_no))
    return url_for(".steps_page", site_id=site_id)


def _to(endpoint: str, site_id: str, **query: Any) -> Response:  # noqa: ANN401  whatever an address may hold
    return redirect(url_for(endpoint, site_id=site_id, **query), HTTPStatus.SEE_OTHER)
