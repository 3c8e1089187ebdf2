"""Food that a keeper takes out of doors which jam or grow warm, and what becomes of it in their cold bag."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from app.db.pages import keeper as pages
from app.db.pages.keeper import Asked, SiteSeen
from app.domain.door_trouble import TroubleKind
from app.domain.errors import NotFound
from app.domain.keeping import HANDED_OUT, MOST_DOORS, NoDoorChosen, NothingBehindDoor, TooManyDoors
from app.domain.remote_opening import MOST_AT_LOCKER, TooManyWaiting
from app.domain.roles import Role
from app.use_cases.keeping.discard_rescued import discard_rescued
from app.use_cases.keeping.rescue_parcels import rescue_parcels
from app.use_cases.site.ask_site import ReasonNeeded
from app.web import words
from app.web.access import serves
from app.web.keeper_site import IN_TEMPLATES, open_doors_of, own_site, own_site_id, troubles_at
from app.web.keeper_steps import DoorTask, tasks
from app.web.ops import command_state
from app.web.parts import civil_now, civil_rate, read, signed_in, write
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import Right

blueprint = Blueprint("keeper_food", __name__, url_prefix="/<lang_code>/keeper")
blueprint.context_processor(lambda: IN_TEMPLATES)

MOST_IN_A_FORM = 64


@blueprint.get("/rescue")
@serves(Role.KEEPER)
def rescue_page() -> str:
    """Show the doors with food, zone by zone, to choose at most eight of."""
    return _rescue_page()


@blueprint.post("/rescue")
@serves(Role.KEEPER)
def rescue() -> Response | tuple[str, int]:
    """Ask for the chosen doors, to take their food into the bag."""
    try:
        with write() as conn:
            command_id = rescue_parcels(
                conn,
                site_id=own_site_id(),
                doors=_chosen(),
                person_id=signed_in().id,
                reason=request.form.get("reason", ""),
                now=civil_now(),
                random=random_bytes,
                rate=civil_rate(),
            )
    except (NoDoorChosen, TooManyDoors, NothingBehindDoor) as refusal:
        return _rescue_page({"doors": words.sentence(refusal)}), refusal.status
    except (ReasonNeeded, TooManyWaiting) as refusal:
        return _rescue_page({"reason": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".follow_page", command_id=command_id), HTTPStatus.SEE_OTHER)


@blueprint.get("/rescue/<command_id>")
@serves(Role.KEEPER)
def follow_page(command_id: str) -> str:
    """Show what to do at each door that was asked for, until its food is in the bag. Raises NotFound."""
    with read() as conn:
        site = own_site(conn)
        asked = pages.asked(conn, command_id=command_id, person_id=signed_in().id)
        if asked is None or asked.command.right != Right.RESCUE:
            raise NotFound
        doing = _tasks(conn, site, asked)
    return render_template("staff/keeper_follow.html", site=site, asked=asked.command, tasks=doing)


@blueprint.get("/bag")
@serves(Role.KEEPER)
def bag_page() -> str:
    """Show what lies in one's own cold bag, and until when each may be given out."""
    return _bag_page()


@blueprint.post("/bag/<parcel_id>/discard")
@serves(Role.KEEPER)
def discard(parcel_id: str) -> Response | tuple[str, int]:
    """Throw a bag away, with a reason; its owner gets the money back."""
    try:
        with write() as conn:
            discard_rescued(
                conn,
                parcel_id=parcel_id,
                person_id=signed_in().id,
                reason=request.form.get("reason", ""),
                now=civil_now(),
                random=random_bytes,
            )
    except ReasonNeeded as refusal:
        return _bag_page({f"reason-{parcel_id}": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".bag_page"), HTTPStatus.SEE_OTHER)


def _tasks(conn: Connection, site: SiteSeen, asked: Asked) -> list[DoorTask]:
    """What to do at each door of a rescue."""
    doors = asked.command.doors
    done = pages.rescued_from(conn, site_id=site.row.id, doors=doors, since=asked.command.asked_at)
    return tasks(
        doors,
        command_state=command_state(asked.command),
        open_now=open_doors_of(site),
        opened=asked.opened,
        stuck=asked.stuck,
        done=done,
    )


def _rescue_page(errors: dict[str, str] | None = None) -> str:
    with read() as conn:
        site = own_site(conn)
        warm = [one for one in troubles_at(site) if one.kind is TroubleKind.WARM]
    chosen = set(_chosen())
    wanted = (request.args.get("locker"), request.args.get("zone"))
    if not chosen and wanted[1]:
        there = [door.door for one in site.lockers for door in one.doors if door.has_food]
        here = [number for number in there if _is_in(site, number, *wanted)]
        chosen = set(here[:MOST_AT_LOCKER])  # so many open at once without a second person
    return render_template(
        "staff/keeper_rescue.html",
        site=site,
        warm={(one.locker_id, one.zone) for one in warm},
        chosen=chosen,
        most=MOST_DOORS,
        errors=errors or {},
        reason=request.form.get("reason"),
    )


def _is_in(site: SiteSeen, number: int, locker_id: str | None, zone: str | None) -> bool:
    found = site.door(number)
    return found is not None and found[1].zone == zone and locker_id in (None, found[0].row.id)


def _chosen() -> list[int]:
    said = request.form.getlist("doors")[:MOST_IN_A_FORM]
    return [int(one) for one in said if one.isascii() and one.isdigit() and len(one) <= len("999")]


def _bag_page(errors: dict[str, str] | None = None) -> str:
    with read() as conn:
        site = own_site(conn)
        bags = pages.cold_bag(conn, person_id=signed_in().id, now=civil_now())
    now = civil_now()
    good = [bag for bag in bags if bag.state == "rescued" and bag.order_state in HANDED_OUT and bag.keep_until >= now]
    rest = [bag for bag in bags if bag not in good and (bag.state == "rescued" or bag.keep_until < now)]
    said = request.form.get("reason")
    return render_template("staff/keeper_bag.html", site=site, good=good, rest=rest, errors=errors or {}, reason=said)
