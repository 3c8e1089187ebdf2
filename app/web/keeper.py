"""A keeper's own building: what is wrong there, opening a door again, telling the office.

A keeper sees their own site and nothing of anybody's habits: `db/pages/keeper.py` reads neither names nor times. Every
act goes through a use case that writes down who did it and why.
"""

from datetime import timedelta
from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import keeper as pages
from app.domain.errors import NotFound
from app.domain.remote_opening import TooManyWaiting
from app.domain.roles import Role
from app.use_cases.keeping.report_trouble import report_trouble
from app.use_cases.site.ask_site import LONGEST_REASON, ReasonNeeded, open_doors
from app.web import words
from app.web.access import serves
from app.web.keeper_site import IN_TEMPLATES, open_doors_of, own_site, own_site_id, troubles_at
from app.web.keeper_steps import tasks
from app.web.ops import command_state
from app.web.parts import civil_now, civil_rate, read, signed_in, write
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import Refusal, Right

blueprint = Blueprint("keeper", __name__, url_prefix="/<lang_code>/keeper")
blueprint.context_processor(lambda: IN_TEMPLATES)

# What was asked longer ago is no longer followed on a door's page.
FOLLOWED_FOR = timedelta(minutes=10)


@blueprint.get("")
@serves(Role.KEEPER)
def home_page() -> str:
    """Show what is wrong, worst first, each with what to do; and the three things a keeper comes for."""
    with read() as conn:
        site = own_site(conn)
        troubles = troubles_at(site)
        bags = [
            bag for bag in pages.cold_bag(conn, person_id=signed_in().id, now=civil_now()) if bag.state == "rescued"
        ]
    return render_template("staff/keeper_home.html", site=site, troubles=troubles, bags=bags)


@blueprint.get("/doors/<int(max=999):door_no>")
@serves(Role.KEEPER)
def door_page(door_no: int) -> str:
    """Show one door, opening it again, and rescuing what lies behind it."""
    return _door_page(door_no)


@blueprint.post("/doors/<int(max=999):door_no>/open")
@serves(Role.KEEPER)
def open_again(door_no: int) -> Response | tuple[str, int]:
    """Ask for a door once more, to look. It changes nothing about what lies there."""
    try:
        with write() as conn:
            open_doors(
                conn,
                site_id=own_site_id(),
                doors=[door_no],
                right=Right.STAFF,
                person_id=signed_in().id,
                reason=request.form.get("reason", ""),
                now=civil_now(),
                random=random_bytes,
                rate=civil_rate(),
            )
    except (ReasonNeeded, TooManyWaiting) as refusal:
        return _door_page(door_no, {"reason": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".door_page", door_no=door_no), HTTPStatus.SEE_OTHER)


@blueprint.get("/report")
@serves(Role.KEEPER)
def report_page() -> str:
    """Show the form to tell the office something."""
    return _report_page()


@blueprint.post("/report")
@serves(Role.KEEPER)
def report() -> str | tuple[str, int]:
    """Tell the office."""
    door = request.form.get("door", "").strip()
    # What is no number is no door: 0 stands on none.
    number = int(door) if door.isascii() and door.isdigit() and len(door) <= len("999") else 0
    try:
        with write() as conn:
            report_trouble(
                conn,
                site_id=own_site_id(),
                person_id=signed_in().id,
                words=request.form.get("words", ""),
                door=number if door else None,
                now=civil_now(),
                random=random_bytes,
            )
    except ReasonNeeded as refusal:
        return _report_page({"words": words.sentence(refusal)}), refusal.status
    except NotFound as refusal:
        return _report_page({"door": words.of_refusal(Refusal.DOOR_UNKNOWN)}), refusal.status
    return _report_page(sent=True)


def _door_page(door_no: int, errors: dict[str, str] | None = None) -> str:
    since = civil_now() - FOLLOWED_FOR * civil_rate()
    me = signed_in().id
    with read() as conn:
        site = own_site(conn)
        troubles = [one for one in troubles_at(site) if one.door == door_no]
        looked = pages.last_asked(conn, person_id=me, right=Right.STAFF, since=since, door=door_no)
    found = site.door(door_no)
    if found is None:
        raise NotFound
    locker, door = found
    doing = looked and tasks(
        [door_no],
        command_state=command_state(looked.command),
        open_now=open_doors_of(site),
        opened=looked.opened,
        stuck=looked.stuck,
        done=looked.opened - open_doors_of(site),
    )
    return render_template(
        "staff/keeper_door.html",
        site=site,
        locker=locker,
        door=door,
        troubles=troubles,
        asked=looked.command if looked else None,
        task=doing[0] if doing else None,
        errors=errors or {},
        reason=request.form.get("reason"),
    )


def _report_page(errors: dict[str, str] | None = None, *, sent: bool = False) -> str:
    with read() as conn:
        site = own_site(conn)
    typed = {} if sent else (request.form if request.method == "POST" else request.args)
    said = {name: typed.get(name, "")[:LONGEST_REASON] for name in ("words", "door")}
    return render_template("staff/keeper_report.html", site=site, said=said, sent=sent, errors=errors or {})
