"""Which door a parcel is put behind: the plan's, then its alternatives, then the smallest of the same zone that fits.

A door that may hold this very parcel comes before all; one that would not do for it a moment ago comes last, and before
it one that is known to jam.
"""

from collections.abc import Collection, Iterator

from locker_gateway import conditions, grants, troubles
from locker_gateway.doors import DoorState
from locker_gateway.state import Site
from locker_protocol.site_entries import DoorSpec, ParcelManifest
from locker_protocol.vocabulary import SIZES, DoorCondition, DoorTrouble


def choose_door(
    site: Site, parcel: ParcelManifest, *, never: int | None = None, closed: Collection[str] = ()
) -> DoorSpec | None:
    """A free door for this parcel, other than `never`, and not at the controllers `closed`; `None`: there is none."""
    free = (
        spec
        for spec in _in_order(site, parcel)
        if spec.door != never and spec.controller not in closed and _is_free(site, spec, parcel)
    )
    return min(free, key=lambda spec: (_would_not_do(site, spec, parcel), _sticks(site, spec)), default=None)


def may_be_behind_silence(site: Site, parcel: ParcelManifest) -> bool:
    """True when a door that fits belongs to a locker that does not answer: whether it is free, nobody knows."""
    fitting = (spec for spec in site.doors.rows.values() if fits(parcel, spec))
    return any(not site.sight_of(spec.controller).online for spec in fitting)


def fits(parcel: ParcelManifest, spec: DoorSpec) -> bool:
    """True when the parcel may stand behind this door: its zone, size class, volume and longest side."""
    return (
        spec.zone is parcel.zone
        and SIZES.index(spec.size) >= SIZES.index(parcel.size)
        and spec.volume_ml >= parcel.volume_ml
        and spec.longest_mm >= parcel.longest_mm
    )


def _in_order(site: Site, parcel: ParcelManifest) -> Iterator[DoorSpec]:
    """Planned doors as the plan has them, then the smallest that fits, those promised to nobody else first."""
    doubt = site.doubts.rows.get(parcel.parcel_id)
    wanted = [doubt.door, *parcel.doors] if doubt else parcel.doors
    planned = [site.doors.rows[str(door)] for door in wanted if str(door) in site.doors.rows]
    promised = {
        each.doors[0]
        for each in site.parcels.rows.values()
        if each.doors and each.run_no == parcel.run_no and each.parcel_id not in site.placements.rows
    }
    others = [spec for spec in site.doors.rows.values() if fits(parcel, spec) and spec not in planned]
    yield from planned
    yield from sorted(others, key=lambda spec: (spec.door in promised, spec.volume_ml, spec.door))


def _is_free(site: Site, spec: DoorSpec, parcel: ParcelManifest) -> bool:
    """It is wiped and works, nothing lies or may lie there, nobody is at it, and its sensor says shut."""
    seen = site.seen.get(spec.controller)
    if seen is None or not seen.online or seen.doors.get(spec.door) != "shut":
        return False
    if site.door_state(spec.door) is not DoorState.SHUT or conditions.of(site, spec.door) is not DoorCondition.FREE:
        return False
    if any(grants.at_door(site, spec.door, *grants.AT_WORK)) or site.lying_at(spec.door) is not None:
        return False
    return all(each.parcel_id == parcel.parcel_id for each in site.doubts.rows.values() if each.door == spec.door)


def _would_not_do(site: Site, spec: DoorSpec, parcel: ParcelManifest) -> bool:
    return any(
        each.parcel_id == parcel.parcel_id for _, each in grants.at_door(site, spec.door, "recalled", "given_up")
    )


def _sticks(site: Site, spec: DoorSpec) -> bool:
    return troubles.of(site, spec.door) is DoorTrouble.JAMMED
