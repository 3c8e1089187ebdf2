"""Somebody without a phone asks a keeper for their food: it is looked up with them, then opened or taken from the bag.

No page lists orders, and none says who is expected. What was looked up stays on the keeper's screen for a quarter of an
hour; who looked, and when, is kept.
"""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import keeper as pages
from app.db.pages.keeper import Asked, FoundOrder
from app.domain.asking_for import LONGEST_SAID, LOOK_LIVES, LookOver, LooksPaused, LookWrong
from app.domain.keeping import verdict
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.remote_opening import TooManyWaiting
from app.domain.roles import Role
from app.use_cases.keeping.hand_over_order import hand_over_order
from app.use_cases.keeping.hand_over_rescued import hand_over_rescued
from app.use_cases.keeping.look_up_order import look_up_order
from app.use_cases.site.ask_site import ReasonNeeded
from app.web import words
from app.web.access import serves
from app.web.keeper_site import IN_TEMPLATES, open_doors_of, own_site, own_site_id
from app.web.keeper_steps import DoorTask, tasks
from app.web.ops import command_state
from app.web.parts import civil_now, civil_rate, read, signed_in, write
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import Right

blueprint = Blueprint("keeper_help", __name__, url_prefix="/<lang_code>/keeper/help")
blueprint.context_processor(lambda: IN_TEMPLATES)


@blueprint.get("")
@serves(Role.KEEPER)
def help_page() -> str:
    """Ask for the order's number and for one thing about its owner."""
    return _help_page(number=request.args.get("number", ""))


@blueprint.post("")
@serves(Role.KEEPER)
def look() -> Response | tuple[str, int]:
    """Look the order up. A wrong look is counted, and the form keeps what was typed."""
    number, said = (request.form.get(name, "")[:LONGEST_SAID] for name in ("number", "said"))
    try:
        with write() as conn:
            look_id = look_up_order(
                conn,
                site_id=own_site_id(),
                person_id=signed_in().id,
                order_no=number,
                said=said,
                now=civil_now(),
                random=random_bytes,
            )
    except (LookWrong, LooksPaused) as refusal:
        return _help_page({"number": words.sentence(refusal)}, number=number, said=said), refusal.status
    return redirect(url_for(".found_page", look_id=look_id), HTTPStatus.SEE_OTHER)


@blueprint.get("/<look_id>")
@serves(Role.KEEPER)
def found_page(look_id: str) -> str | tuple[str, int]:
    """Show how many bags there are and where, and whether they may be given out."""
    return _found_page(look_id)


@blueprint.post("/<look_id>/open")
@serves(Role.KEEPER)
def open_for_owner(look_id: str) -> Response | str | tuple[str, int]:
    """Ask for the order's doors; the reason is kept."""
    try:
        with write() as conn:
            hand_over_order(
                conn,
                look_id=look_id,
                person_id=signed_in().id,
                reason=request.form.get("reason", ""),
                now=civil_now(),
                random=random_bytes,
                rate=civil_rate(),
            )
    except (ReasonNeeded, TooManyWaiting) as refusal:
        return _found_page(look_id, {"reason": words.sentence(refusal)}, status=refusal.status)
    except LookOver as refusal:
        return _help_page({"number": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".found_page", look_id=look_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/<look_id>/give")
@serves(Role.KEEPER)
def give_from_bag(look_id: str) -> Response | tuple[str, int]:
    """Record that its owner has what lay in this keeper's bag."""
    try:
        with write() as conn:
            hand_over_rescued(
                conn,
                look_id=look_id,
                person_id=signed_in().id,
                now=civil_now(),
                random=random_bytes,
                rate=civil_rate(),
            )
    except LookOver as refusal:
        return _help_page({"number": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".found_page", look_id=look_id), HTTPStatus.SEE_OTHER)


def _help_page(errors: dict[str, str] | None = None, *, number: str = "", said: str = "") -> str:
    with read() as conn:
        site = own_site(conn)
    return render_template(
        "staff/keeper_help.html", site=site, number=number[:LONGEST_SAID], said=said, errors=errors or {}
    )


def _found_page(
    look_id: str, errors: dict[str, str] | None = None, *, status: int = HTTPStatus.OK
) -> str | tuple[str, int]:
    lived_since, me = civil_now() - LOOK_LIVES * civil_rate(), signed_in().id
    with read() as conn:
        site = own_site(conn)
        found = pages.found_order(conn, look_id=look_id, person_id=me, since=lived_since)
        if found is None:
            over = LookOver()
            if request.headers.get("HX-Request"):  # the open page asked by itself: a line tells that it follows no more
                raise over
            return _help_page({"number": words.sentence(over)}), over.status
        asked = pages.last_asked(conn, person_id=me, right=Right.HAND_OVER, since=lived_since, order_id=found.order.id)
    doing = {task.door: task for task in _tasks(found, asked, open_doors_of(site))} if asked else {}
    page = render_template(
        "staff/keeper_found.html",
        site=site,
        found=found,
        look_id=look_id,
        verdict=verdict(OrderState(found.order.state), found.kept, now=civil_now()),
        lying=found.good(ParcelState.LOADED, now=civil_now()),
        bagged=found.good(ParcelState.RESCUED, now=civil_now()),
        asked=asked.command if asked else None,
        tasks=doing,
        given_out=_given_out(found, asked.opened if asked else frozenset(), me),
        errors=errors or {},
        reason=request.form.get("reason"),
    )
    return page, status


def _tasks(found: FoundOrder, asked: Asked, open_now: set[int]) -> list[DoorTask]:
    doors = asked.command.doors
    return tasks(
        doors,
        command_state=command_state(asked.command),
        open_now=open_now,
        opened=asked.opened,
        stuck=asked.stuck,
        done={bag.door for bag in found.bags if bag.state == "collected"} & set(doors),
    )


def _given_out(found: FoundOrder, opened: frozenset[int], person_id: str) -> set[str]:
    """The bags this keeper gave out; that others were collected, and how, is not theirs to know."""
    return {
        bag.id for bag in found.bags if bag.state == "collected" and (bag.rescued_by == person_id or bag.door in opened)
    }
