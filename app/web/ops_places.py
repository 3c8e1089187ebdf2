"""A site and a locker as operators see them: what is wrong there, whose food it concerns, what to do next, the rest.

Decides which of the lines of all lockers belong to the place. What is too old to be believed is shown as unknown.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request

from app.db.pages import fleet as fleet_pages
from app.db.pages import ops as pages
from app.db.pages import places
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
    zones, lines = [zone.zone for zone in locker.zones], found.narrowed(locker_id).lines
    return render_template(
        "staff/ops_locker.html",
        site=site,
        locker=locker,
        found=found,
        standing=found.standing.get(locker_id, Standing.FINE),
        lines=lines,
        keeper=found.keepers.get(site_id),
        inside=inside,
        events=events,
        zones=zones,
        zone_shown=_zone_shown(zones, lines),
        since=now - timedelta(hours=CHART_HOURS),
        until=now,
    )


def _zone_shown(zones: Sequence[str], lines: Sequence[FleetLine]) -> str:
    """The zone somebody chose, else the first that something is wrong with, else the first that is measured."""
    chosen = request.args.get("zone", "")
    if chosen and chosen not in zones:
        raise NotFound
    wrong = (fact.zone for line in lines for fact in line.facts if fact.zone in zones)
    return chosen or next(wrong, None) or next(iter(zones), "")


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {"is_stale": is_stale, "event_words": event_words}
