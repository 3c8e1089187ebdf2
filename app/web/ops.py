"""What operators see and do: every site, locker, door and temperature as it is now, and opening a door with a reason.

What is too old to be believed is shown as unknown with its age, never as its last good value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.db.pages import openings as opening_pages
from app.db.pages import ops as pages
from app.db.pages import picking as picking_pages
from app.db.pages import refunds as refund_pages
from app.db.pages import staff as staff_pages
from app.db.pages.ops import DoorNow, LockerNow, SiteNow
from app.domain.errors import NotFound
from app.domain.order_state import OrderState
from app.domain.remote_opening import TooManyWaiting
from app.domain.roles import Role
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON, ReasonNeeded, open_doors
from app.use_cases.site.set_door_condition import set_door_condition
from app.web import words
from app.web.access import serves
from app.web.parts import civil_now, civil_rate, read, signed_in, write
from locker_protocol.ids import random_bytes
from locker_protocol.token import SKEW_S
from locker_protocol.vocabulary import DoorCondition, DoorTrouble, Right

blueprint = Blueprint("ops", __name__, url_prefix="/<lang_code>/ops")

# A site tells its state every 5 s of real time: a minute of nothing is silence.
STALE_AFTER_S = 60
UNANSWERED_AFTER_S = 5
WORST_FIRST = (
    "site_offline",
    "clock_ahead",
    "locker_offline",
    "door_miswired",
    "door_forced",
    "door_jammed",
    "door_reads_open",
    "door_open",
    "reading_old",
    "refusals",
)
# The locker asks for it after 30 s and the keeper sees it after 60 s: most doors are shut by then.
OPEN_TOLD_AFTER_S = 120
# Half of what a code allows for clocks that differ: nobody is refused for it yet.
AHEAD_TOLD_S = SKEW_S // 2
LONGEST_SEARCH = 20


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: a code the page turns into words, where, and since when."""

    code: str
    site: SiteNow
    locker: LockerNow | None = None
    door: DoorNow | None = None
    zones: Sequence[str] = ()
    since: datetime | None = None
    count: int = 0


@blueprint.get("")
@serves(Role.OPERATOR)
def fleet_page() -> str:
    """Show what is wrong first, then every site's wall and temperatures."""
    with read() as conn:
        sites = pages.fleet(conn, now=civil_now())
        refused = pages.events(conn, trouble=True)
        latest = pages.events(conn)
        rejected, _ = pages.rejected_messages(conn)
        held = opening_pages.waiting(conn, now=civil_now())
    troubles = sorted(
        (trouble for site in sites for trouble in troubles_of(site)), key=lambda one: WORST_FIRST.index(one.code)
    )
    return render_template(
        "staff/ops_fleet.html",
        sites=sites,
        troubles=troubles,
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
    return render_template("staff/ops_order.html", file=file, bags=bags, photos=photos, money=money)


@blueprint.get("/rejected")
@serves(Role.OPERATOR)
def rejected_page() -> str:
    """Show the messages that the links refused, newest first."""
    with read() as conn:
        count, messages = pages.rejected_messages(conn)
    return render_template("staff/ops_rejected.html", count=count, messages=messages)


def troubles_of(site: SiteNow) -> list[Trouble]:
    """What is wrong at a site. Of one that is silent nothing else is known."""
    if not site.online:
        return [Trouble("site_offline", site, since=site.site.gateway_heard_at)]
    silent = [Trouble("locker_offline", site, each, since=each.heard_at) for each in site.lockers if not each.online]
    speaking = [each for each in site.lockers if each.online]
    doors = [(each, door) for each in speaking for door in each.doors]
    lasting = [
        Trouble(f"door_{door.trouble}", site, each, door, since=door.trouble_at)
        for each, door in doors
        if door.trouble is not None
    ]
    opened = [
        Trouble("door_open", site, each, door, since=door.door_changed_at)
        for each, door in doors
        if door.mark == "open" and door.trouble != DoorTrouble.READS_OPEN and is_left_open(door)
    ]
    old = [
        Trouble("reading_old", site, each, zones=[zone.zone for zone in stale], since=stale[0].read_at)
        for each in speaking
        if (stale := sorted((zone for zone in each.zones if is_stale(zone.read_at)), key=lambda zone: zone.read_at))
    ]
    refused = [Trouble("refusals", site, count=site.refusals)] if site.refusals else []
    return [*_clock_of(site), *silent, *lasting, *opened, *old, *refused]


def _clock_of(site: SiteNow) -> list[Trouble]:
    ahead_s: int = site.site.ahead_s
    return [Trouble("clock_ahead", site, count=ahead_s // 60)] if ahead_s > AHEAD_TOLD_S * civil_rate() else []


def is_left_open(door: DoorNow) -> bool:
    """Whether a door that stands open has done so for longer than anybody needs."""
    since = door.door_changed_at
    return since is None or civil_now() - since >= timedelta(seconds=OPEN_TOLD_AFTER_S * civil_rate())


def is_stale(at: datetime | None) -> bool:
    """Whether something was heard too long ago to be believed."""
    return at is None or civil_now() - at > timedelta(seconds=STALE_AFTER_S * civil_rate())


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
        sites = pages.fleet(conn, now=civil_now(), site_id=site_id)
        events = pages.events(conn, site_id=site_id, door=door_no)
        asked = pages.openings_asked(conn, site_id=site_id, door_no=door_no)
        wishes = pages.condition_wishes(conn, site_id=site_id, door_no=door_no)
        opened = opening_pages.opened(conn, site_id=site_id, door=door_no)
    locker, door = _find(sites, door_no)
    return render_template(
        "staff/ops_door.html",
        site=sites[0],
        locker=locker,
        door=door,
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
