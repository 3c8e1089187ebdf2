"""A site and a locker as operators see them: what is wrong there, whose food it concerns, what to do next, the rest.

Decides which of the lines of all lockers belong to the place. What is too old to be believed is shown as unknown.
"""

from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request

from app.db.pages import fleet as fleet_pages
from app.db.pages import ops as pages
from app.db.pages import places
from app.db.pages.ops import LockerNow
from app.domain.errors import NotFound
from app.domain.fleet import FleetLine, Standing
from app.domain.roles import Role
from app.web.access import serves
from app.web.ops import event_words, is_stale
from app.web.parts import civil_now, civil_rate, read

blueprint = Blueprint("ops_places", __name__, url_prefix="/<lang_code>/ops")

CHART_HOURS = 24


@blueprint.get("/sites/<site_id>")
@serves(Role.OPERATOR)
def site_page(site_id: str) -> str:
    """Show a building: what is wrong, its lockers, what lies in them and what comes."""
    now = civil_now()
    with read() as conn:
        sites = pages.fleet(conn, site_id=site_id)
        if not sites:
            raise NotFound
        found = fleet_pages.site_now(conn, site_id=site_id, now=now, rate=civil_rate())
        inside = places.inside(conn, site_id=site_id)
        runs = places.runs_to_come(conn, site_id=site_id, now=now)
        events = pages.events(conn, now=now, site_id=site_id)
        refused = pages.events(conn, now=now, site_id=site_id, trouble=True)
    return render_template(
        "staff/ops_site.html",
        site=sites[0],
        found=found,
        keeper=found.keepers.get(site_id),
        inside=inside,
        runs=runs,
        events=events,
        refused=refused,
    )


@blueprint.get("/lockers/<locker_id>")
@serves(Role.OPERATOR)
def locker_page(locker_id: str) -> str:
    """Show a cabinet: what is wrong, its wall, the curve of one zone, what lies in it, what happened last."""
    now = civil_now()
    with read() as conn:
        site_id = places.site_of_locker(conn, locker_id=locker_id)
        if site_id is None:
            raise NotFound
        site = pages.fleet(conn, site_id=site_id)[0]
        found = fleet_pages.site_now(conn, site_id=site_id, now=now, rate=civil_rate())
        inside = places.inside(conn, site_id=site_id, locker_id=locker_id)
        events = pages.events(conn, now=now, site_id=site_id, locker_id=locker_id)
    locker = next(each for each in site.lockers if each.id == locker_id)
    zones = [zone.zone for zone in locker.zones]
    return render_template(
        "staff/ops_locker.html",
        site=site,
        locker=locker,
        found=found,
        standing=found.standing.get(locker_id, Standing.FINE),
        lines=lines_at(found, locker),
        keeper=found.keepers.get(site_id),
        inside=inside,
        events=events,
        zones=zones,
        zone_shown=_zone_shown(zones),
        since=now - timedelta(hours=CHART_HOURS),
        until=now,
    )


def lines_at(found: fleet_pages.FleetNow, locker: LockerNow, door: int | None = None) -> list[FleetLine]:
    """The lines that concern a locker, or one of its doors: with what is wrong there alone."""
    return [line for line in found.narrowed(locker.id, door).lines if line.facts]


def _zone_shown(zones: list[str]) -> str:
    """The zone somebody chose, else the first that is measured."""
    chosen = request.args.get("zone", "")
    if chosen and chosen not in zones:
        raise NotFound
    return chosen or (zones[0] if zones else "")


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {"is_stale": is_stale, "event_words": event_words}
