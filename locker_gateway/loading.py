"""Loading: whether a labelled parcel may be loaded now, and behind which door. The site decides where a parcel lies.

The plan's door comes first, then its alternatives, then the smallest door of the same zone that fits. A parcel counts
as loaded when its door was opened for it and shut again; anything less leaves it not loaded.
"""

from collections.abc import Iterator

from locker_gateway import grants
from locker_gateway.codes import code_of
from locker_gateway.doors import DoorState
from locker_gateway.grants import Asked, Target
from locker_gateway.records import Grant, GrantDoor, Placement
from locker_gateway.refusals import Refused
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import Show
from locker_protocol.label import Label, read_label
from locker_protocol.uplink_messages import DoorSpec, ParcelLoaded, ParcelManifest
from locker_protocol.vocabulary import SIZES, Refusal, Right, Via


def load(turn: Turn, text: str, *, actor: str, via: Via, controller: str | None, command_id: str | None = None) -> int:
    """Open a door for the parcel with this label and return its number. Raises Refused.

    `controller` is where the label was shown; `None` when a phone read it.
    """
    parcel = _judge_label(turn, text, actor)
    running = _being_loaded(turn.site, parcel.parcel_id)
    if running is not None:
        return _go_on(turn, *running, actor=actor)
    spec = _choose_door(turn, parcel)
    if spec is None:
        raise Refused(Refusal.NO_FREE_DOOR, order_id=parcel.order_id, actor=actor)
    asked = Asked(
        controller or spec.controller, via, actor, Right.LOAD, order_id=parcel.order_id, command_id=command_id
    )
    grant = grants.give(turn, asked, [Target(spec.door, spec.controller, parcel.parcel_id)])
    for where in {grant.controller: None, spec.controller: None}:
        turn.command(where, Show("load", doors=[spec.door]), qos=0)
    return spec.door


def door_shut(turn: Turn, grant: Grant, door: GrantDoor) -> None:
    """The door a parcel was to be put behind is shut again: it lies there."""
    parcel_id, order_id = door.parcel_id, grant.order_id
    if parcel_id is None or order_id is None or parcel_id in turn.site.placements.rows:
        return
    manifest = turn.site.parcels.rows.get(parcel_id)
    run_no = manifest.run_no if manifest else 0  # a snapshot without it came while the door stood open
    placement = Placement(parcel_id, order_id, run_no, door.controller, door.door, "loaded", turn.civil_ms)
    turn.put(turn.site.placements, parcel_id, placement)
    turn.event(ParcelLoaded(parcel_id, order_id, door.controller, door.door, grant.actor))
    turn.command(door.controller, Show("loaded", doors=[door.door]), qos=0)
    turn.say("parcel_loaded", order_id=order_id, parcel_id=parcel_id, door=door.door)


def _judge_label(turn: Turn, text: str, actor: str) -> ParcelManifest:
    site = turn.site
    label = read_label(text)
    if label is None:
        raise Refused(Refusal.LABEL_MALFORMED, actor=actor)
    if label.site_no != site.config.site_no:
        raise Refused(Refusal.LABEL_OTHER_SITE, actor=actor)
    parcel = next((each for each in site.parcels.rows.values() if each.ref == label.ref), None)
    if parcel is None:
        raise Refused(Refusal.LABEL_UNKNOWN, actor=actor)
    refusal = _why_not(turn, parcel, label)
    if refusal is not None:
        raise Refused(refusal, order_id=parcel.order_id, actor=actor)
    return parcel


def _why_not(turn: Turn, parcel: ParcelManifest, label: Label) -> Refusal | None:
    if parcel.parcel_id in turn.site.placements.rows:
        return Refusal.LABEL_LOADED
    if code_of(turn.site, parcel.order_id).cancelled:
        return Refusal.LABEL_CANCELLED
    in_time = parcel.loadable_from <= turn.civil_ms <= parcel.loadable_until
    return None if label.run_no == parcel.run_no and in_time else Refusal.LABEL_OTHER_RUN


def _being_loaded(site: Site, parcel_id: str) -> tuple[Grant, GrantDoor] | None:
    for grant in site.grants.rows.values():
        for door in grant.doors:
            if grant.right is Right.LOAD and door.parcel_id == parcel_id and door.phase in {"pending", "opened"}:
                return grant, door
    return None


def _go_on(turn: Turn, grant: Grant, door: GrantDoor, *, actor: str) -> int:
    """The same label again while its door is being opened, by the same person: the same door, no new grant."""
    if door.phase != "pending" or grant.actor != actor:
        raise Refused(Refusal.IN_PROGRESS, order_id=grant.order_id, actor=actor)
    grants.repeat(turn, grant)
    turn.command(door.controller, Show("load", doors=[door.door]), qos=0)
    return door.door


# --- choosing a door --------------------------------------------------------------------------------------------------


def _choose_door(turn: Turn, parcel: ParcelManifest) -> DoorSpec | None:
    free = (spec for spec in _in_order(turn.site, parcel) if _is_free(turn.site, spec, parcel))
    return next(free, None)


def _in_order(site: Site, parcel: ParcelManifest) -> Iterator[DoorSpec]:
    """Planned doors as the plan has them, then the smallest that fits, those promised to nobody else first."""
    planned = [site.doors.rows[str(door)] for door in parcel.doors if str(door) in site.doors.rows]
    promised = {
        each.doors[0]
        for each in site.parcels.rows.values()
        if each.doors and each.run_no == parcel.run_no and each.parcel_id not in site.placements.rows
    }
    others = [spec for spec in site.doors.rows.values() if fits(parcel, spec) and spec not in planned]
    yield from planned
    yield from sorted(others, key=lambda spec: (spec.door in promised, spec.volume_ml, spec.door))


def fits(parcel: ParcelManifest, spec: DoorSpec) -> bool:
    """True when the parcel may stand behind this door: its zone, size class, volume and longest side."""
    return (
        spec.zone is parcel.zone
        and SIZES.index(spec.size) >= SIZES.index(parcel.size)
        and spec.volume_ml >= parcel.volume_ml
        and spec.longest_mm >= parcel.longest_mm
    )


def _is_free(site: Site, spec: DoorSpec, parcel: ParcelManifest) -> bool:
    """Nobody's parcel lies there, nobody is at it, its sensor says shut, and this run has not used it before."""
    seen = site.seen.get(spec.controller)
    if seen is None or not seen.online or seen.doors.get(spec.door) != "shut":
        return False
    if site.door_state(spec.door) is not DoorState.SHUT:
        return False
    if any(grants.at_door(site, spec.door, "pending", "opened")):
        return False
    return not any(
        each.door == spec.door and (each.state != "collected" or each.run_no == parcel.run_no)
        for each in site.placements.rows.values()
    )
