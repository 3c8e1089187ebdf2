"""What operators see and do: every site, locker, door and temperature as it is now, and opening a door with a reason.

What is too old to be believed is shown as unknown with its age, never as its last good value.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import fleet as fleet_pages
from app.db.pages import openings as opening_pages
from app.db.pages import ops as pages
from app.db.pages import picking as picking_pages
from app.db.pages import places
from app.db.pages import refunds as refund_pages
from app.db.pages import risks as risk_pages
from app.db.pages import staff as staff_pages
from app.db.pages.fleet import FleetNow
from app.db.pages.ops import DoorNow, LockerNow, SiteNow
from app.domain.errors import NotFound
from app.domain.fleet import MOST_LINES, STALE_AFTER, Standing, Wrong, counts
from app.domain.order_state import OrderState
from app.domain.remote_opening import TooManyWaiting
from app.domain.risks import at_risk
from app.domain.roles import Role
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded, open_doors
from app.use_cases.site.set_door_condition import set_door_condition
from app.web import words
from app.web.access import serves
from app.web.language import short
from app.web.parts import civil_now, civil_rate, read, signed_in, write
from locker_protocol.ids import random_bytes
from locker_protocol.vocabulary import DoorCondition, Right

blueprint = Blueprint("ops", __name__, url_prefix="/<lang_code>/ops")

UNANSWERED_AFTER_S = 5
# Walls of more sites than one stream can name are on pages of their own.
FEW_SITES = 6
MOST_LISTED = 300
LONGEST_SEARCH = 20

Choice = TypeVar("Choice", bound=StrEnum)


@blueprint.get("")
@serves(Role.OPERATOR)
def fleet_page() -> str:
    """Show how all lockers stand, what is wrong with them, the worst first, or those that stand in one way."""
    now = civil_now()
    with read() as conn:
        found = fleet_pages.fleet_now(conn, now=now, rate=civil_rate())
        few = len(found.by_site) <= FEW_SITES
        sites = pages.fleet(conn) if few else []
        latest = pages.events(conn, now=now) if few else []
        refused = pages.events(conn, now=now, trouble=True) if few else []
        rejected = pages.rejected_count(conn)
        held = opening_pages.waiting(conn, now=now)
    show, cause = _chosen(request.args.get("show"), Standing), _chosen(request.args.get("cause"), Wrong)
    listed = _listed(found, show, cause) if show or cause else None
    return render_template(
        "staff/ops_fleet.html",
        found=found,
        now=now,
        counts=counts(found.standing),
        tiles=_tiles(found),
        causes=_lockers_by_cause(found),
        lines=found.lines[:MOST_LINES],
        others=[line.key for line in found.lines[MOST_LINES:]],
        show=show,
        cause=cause,
        listed=listed,
        most_listed=MOST_LISTED,
        sites=sites,
        held=held,
        refused=refused,
        latest=latest,
        rejected=rejected,
    )


@blueprint.get("/sites/<site_id>/doors/<int(max=999):door_no>")
@serves(Role.OPERATOR)
def door_page(site_id: str, door_no: int) -> str:
    """Show one door: its place, what lies behind it, what happened to it, and who opened it from afar and why."""
    return _door_page(site_id, door_no)


@blueprint.post("/sites/<site_id>/doors/<int(max=999):door_no>/open")
@serves(Role.OPERATOR)
def open_from_afar(site_id: str, door_no: int) -> Response | tuple[str, int]:
    """Ask the site to open a door; the reason is kept with it."""
    try:
        with write() as conn:
            open_doors(
                conn,
                site_id=site_id,
                doors=[door_no],
                right=Right.STAFF,
                person_id=signed_in().id,
                reason=request.form.get("reason", ""),
                now=civil_now(),
                random=random_bytes,
                rate=civil_rate(),
            )
    except (ReasonNeeded, TooManyWaiting) as refusal:
        return _door_page(site_id, door_no, {"reason": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".door_page", site_id=site_id, door_no=door_no), HTTPStatus.SEE_OTHER)


@blueprint.post("/sites/<site_id>/doors/<int(max=999):door_no>/condition")
@serves(Role.OPERATOR)
def change_condition(site_id: str, door_no: int) -> Response | tuple[str, int]:
    """Take a door out of use, or give it back; the site has the last word, the reason is kept."""
    out = request.form.get("condition") == DoorCondition.BROKEN.value
    try:
        with write() as conn:
            set_door_condition(
                conn,
                site_id=site_id,
                door=door_no,
                condition=DoorCondition.BROKEN if out else DoorCondition.TO_CHECK,
                person_id=signed_in().id,
                reason=request.form.get("why", ""),
                now=civil_now(),
            )
    except ReasonNeeded as refusal:
        return _door_page(site_id, door_no, {"why": words.sentence(refusal)}), refusal.status
    return redirect(url_for(".door_page", site_id=site_id, door_no=door_no), HTTPStatus.SEE_OTHER)


@blueprint.get("/orders")
@serves(Role.OPERATOR)
def orders_page() -> str:
    """List orders, by state or by the beginning of their number."""
    state, search = request.args.get("state", ""), request.args.get("q", "").strip()[:LONGEST_SEARCH]
    wanted = OrderState(state) if state in set(OrderState) else None
    with read() as conn:
        found = pages.orders(conn, state=wanted, search=search)
        counts = pages.orders_by_state(conn)
    return render_template(
        "staff/ops_orders.html", orders=found, counts=counts, states=list(OrderState), state=wanted, search=search
    )


@blueprint.get("/orders/<order_id>")
@serves(Role.OPERATOR)
def order_page(order_id: str) -> str:
    """Show all that is kept of one order; no name, contact or secret."""
    with read() as conn:
        file = pages.order(conn, order_id=order_id)
        bags = staff_pages.bags_of_order(conn, order_id=order_id)
        photos = picking_pages.photos_of_order(conn, order_id=order_id)
        money = refund_pages.of_order(conn, order_id=order_id)
        if file is None:
            raise NotFound
        matters = risk_pages.matters_of_order(conn, order_id=order_id, now=civil_now())
        claims = places.claims_of_order(conn, order_id=order_id)
        shut = places.kept_shut(conn, order_id=order_id)
    return render_template(
        "staff/ops_order.html",
        file=file,
        bags=bags,
        photos=photos,
        money=money,
        risks=at_risk(matters, now=civil_now()),
        claims=claims,
        shut=shut,
    )


@blueprint.get("/rejected")
@serves(Role.OPERATOR)
def rejected_page() -> str:
    """Show the messages that the links refused, newest first."""
    with read() as conn:
        count, messages = pages.rejected_count(conn), pages.rejected_messages(conn)
    return render_template("staff/ops_rejected.html", count=count, messages=messages)


def _chosen(said: str | None, choices: type[Choice]) -> Choice | None:
    return choices(said) if said in set(choices) else None


def _lockers_by_cause(found: FleetNow) -> dict[Wrong, list[str]]:
    """Which lockers each cause is about, the worst cause first; what concerns a site concerns all of its lockers."""
    by_cause: dict[Wrong, set[str]] = {}
    for line in found.lines:
        for fact in line.facts:
            whole = [fact.locker_id] if fact.locker_id else [row.id for row in found.by_site.get(fact.site_id, ())]
            by_cause.setdefault(line.cause, set()).update(whole)
    return {cause: sorted(by_cause[cause]) for cause in Wrong if cause in by_cause}


def _tiles(found: FleetNow) -> list[tuple[str, str, str]]:
    """Each locker's id, name and standing, ready to be written a thousand times."""
    site, name = f"site_{short()}", f"name_{short()}"
    return [
        (row["id"], f"{row[site]} {row[name]}", found.standing[row["id"]].value)
        for row in (each._mapping for each in found.lockers)  # noqa: SLF001  SQLAlchemy's own name for it
    ]


def _listed(found: FleetNow, show: Standing | None, cause: Wrong | None) -> list[tuple[Any, list[Wrong]]]:
    """The lockers that stand so, or have this cause, each with all that is wrong with it."""
    causes: dict[str, list[Wrong]] = {}
    for wrong, lockers in _lockers_by_cause(found).items():
        for locker_id in lockers:
            causes.setdefault(locker_id, []).append(wrong)
    return [
        (row, causes.get(row.id, []))
        for row in found.lockers
        if (show is None or found.standing[row.id] is show) and (cause is None or cause in causes.get(row.id, ()))
    ]


def is_stale(at: datetime | None) -> bool:
    """Whether something was heard too long ago to be believed."""
    return at is None or civil_now() - at > STALE_AFTER * civil_rate()


def command_state(command: Any) -> str:  # noqa: ANN401  a row of remote_command
    """Where an asked opening stands: `waiting`, `opened`, `refused` or `unanswered`.

    One that needs a second person is `held` for them; without their yes it was `declined` or is `expired`.
    """
    held = {"waiting": "held", "declined": "declined", "expired": "expired"}.get(command.hold_state or "")
    if held is not None:
        return held
    if command.refusal is not None:
        return "refused"
    if command.answered_at is not None:
        return "opened"
    late = civil_now() > command.not_after + timedelta(seconds=UNANSWERED_AFTER_S * civil_rate())
    return "unanswered" if late else "waiting"


def event_words(event: Any) -> str:  # noqa: ANN401  a row of site_event
    """Say a refusal that stands in an event; nothing for other events."""
    refusal = event.body.get("refusal")
    return words.of_refusal(refusal) if refusal else ""


def _door_page(site_id: str, door_no: int, errors: dict[str, str] | None = None) -> str:
    with read() as conn:
        sites = pages.fleet(conn, site_id=site_id)
        events = pages.events(conn, now=civil_now(), site_id=site_id, door=door_no)
        asked = pages.openings_asked(conn, site_id=site_id, door_no=door_no)
        wishes = pages.condition_wishes(conn, site_id=site_id, door_no=door_no)
        opened = opening_pages.opened(conn, site_id=site_id, door=door_no)
        locker, door = _find(sites, door_no)
        found = fleet_pages.site_now(conn, site_id=site_id, now=civil_now(), rate=civil_rate())
    return render_template(
        "staff/ops_door.html",
        site=sites[0],
        locker=locker,
        door=door,
        found=found,
        lines=found.narrowed(locker.id, door_no).lines,
        keeper=found.keepers.get(site_id),
        events=events,
        asked=asked,
        opened=opened,
        wishes=wishes,
        errors=errors or {},
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
        reason=request.form.get("reason", "")[:LONGEST_REASON],
        why=request.form.get("why", "")[:LONGEST_REASON],
    )


def _find(sites: Sequence[SiteNow], door_no: int) -> tuple[LockerNow, DoorNow]:
    for site in sites:
        for locker in site.lockers:
            for door in locker.doors:
                if door.door == door_no:
                    return locker, door
    raise NotFound


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {
        "is_stale": is_stale,
        "command_state": command_state,
        "event_words": event_words,
        "of_refusal": words.of_refusal,
    }
