"""The one site a keeper looks after, and what is wrong there now. Every keeper's page begins with it."""

from typing import Any

from sqlalchemy import Connection

from app.db.pages import keeper as pages
from app.db.pages.keeper import LockerSeen, SiteSeen
from app.domain.door_trouble import DoorSeen, Trouble, TroubleKind, ZoneSeen, worst_first
from app.domain.errors import DomainError
from app.use_cases.site.ask_site import LONGEST_REASON, SHORTEST_REASON
from app.web import words
from app.web.ops import is_stale
from app.web.parts import civil_now, civil_rate, signed_in
from locker_protocol.vocabulary import DoorTrouble, Zone

# What every keeper's template may use.
IN_TEMPLATES = {"shortest": SHORTEST_REASON, "longest": LONGEST_REASON, "of_refusal": words.of_refusal}


class NoSite(DomainError):
    """A keeper to whom nobody gave a building."""

    code = "no_site"


def own_site_id() -> str:
    """The site this keeper looks after. Raises NoSite."""
    found = signed_in().site_id
    if found is None:
        raise NoSite
    return found


def own_site(conn: Connection) -> SiteSeen:
    """The site this keeper looks after, as it is now. Raises NoSite."""
    site = pages.site_seen(conn, site_id=own_site_id())
    assert site is not None, "a person's site exists: a foreign key says so"
    return site


def open_doors_of(site: SiteSeen) -> set[int]:
    """The doors that stand open now."""
    return {door.door for one in site.lockers for door in one.doors if one.online and door.door_state == "open"}


def troubles_at(site: SiteSeen) -> list[Trouble]:
    if not site.row.online:
        return [Trouble(TroubleKind.SITE_SILENT)]
    return worst_first(
        doors=[
            DoorSeen(
                door=door.door,
                locker_id=one.row.id,
                open_since=door.door_changed_at if door.door_state == "open" else None,
                trouble=DoorTrouble(door.trouble) if door.trouble else None,
                trouble_door=door.trouble_door,
            )
            for one in site.lockers
            for door in one.doors
        ],
        silent_lockers=[one.row.id for one in site.lockers if not one.online],
        zones=[_zone(one, zone) for one in site.lockers for zone in one.zones if not is_stale(zone.read_at)],
        now=civil_now(),
        rate=civil_rate(),
    )


def _zone(one: LockerSeen, zone: Any) -> ZoneSeen:  # noqa: ANN401  a row of zone_reading
    return ZoneSeen(locker_id=one.row.id, zone=Zone(zone.zone), air_c=zone.air_c, goods_c=zone.product_c)
