"""Loading: whether a labelled parcel may be loaded now, and whether it was. The site decides where a parcel lies.

A parcel counts as loaded when its door was opened for it and shut again; anything less leaves it not loaded. A driver
who wants another door for it has it in hand: whatever was counted before does not hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from locker_gateway import conditions, doubts, grants
from locker_gateway.choosing import choose_door, may_be_behind_silence
from locker_gateway.codes import code_of
from locker_gateway.cold import exposures, gate, quarantines
from locker_gateway.conditions import Finding
from locker_gateway.grants import Asked, Target
from locker_gateway.records import Grant, GrantDoor, Placement
from locker_gateway.refusals import Refused
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import Show
from locker_protocol.label import Label, read_label
from locker_protocol.site_entries import ParcelManifest
from locker_protocol.site_events import ParcelLoaded, ParcelTakenBack
from locker_protocol.vocabulary import DoorFault, Refusal, Right, Via

FINDINGS = {DoorFault.BROKEN: Finding.BROKE, DoorFault.DIRTY: Finding.DOUBTED}


@dataclass(frozen=True, slots=True)
class LabelShown:
    """A label and who showed it. `controller` is where; `None` when a phone read it.

    `instead_of` is the door that will not do, for the reason `fault`. `cold_since`: the crate's last good reading.
    """

    text: str
    actor: str
    via: Via
    controller: str | None = None
    command_id: str | None = None
    instead_of: int | None = None
    fault: DoorFault | None = None
    cold_since: int | None = None


def load(turn: Turn, shown: LabelShown) -> int:
    """Open a door for the parcel with this label and return its number. Raises Refused."""
    label, parcel = _read(turn.site, shown)
    if shown.instead_of is not None:
        _give_up(turn, parcel, shown, shown.instead_of)
    refusal = _why_not(turn, parcel, label)
    if refusal is not None:
        raise Refused(refusal, order_id=parcel.order_id, actor=shown.actor)
    running = _being_loaded(turn.site, parcel.parcel_id)
    if running is not None:
        return _go_on(turn, *running, actor=shown.actor)
    return _open(turn, parcel, shown)


def door_shut(turn: Turn, grant: Grant, door: GrantDoor) -> None:
    """The door a parcel was to be put behind is shut again: it lies there."""
    site, parcel_id, order_id = turn.site, door.parcel_id, grant.order_id
    if parcel_id is None or order_id is None or parcel_id in site.placements.rows:
        return
    if site.lying_at(door.door) is not None:
        turn.say("door_taken_meanwhile", level="warning", order_id=order_id, parcel_id=parcel_id, door=door.door)
        return
    placement = Placement(parcel_id, order_id, door.controller, door.door, "loaded", turn.civil_ms, grant.actor)
    turn.put(site.placements, parcel_id, placement)
    turn.event(ParcelLoaded(parcel_id, order_id, door.controller, door.door, grant.actor))
    doubts.settle(turn, parcel_id, door.door)
    quarantines.judge_loaded(turn, parcel_id)
    turn.command(door.controller, Show("loaded", doors=[door.door]), qos=0)
    turn.say("parcel_loaded", order_id=order_id, parcel_id=parcel_id, door=door.door)


def _read(site: Site, shown: LabelShown) -> tuple[Label, ParcelManifest]:
    """The label and the parcel it names."""
    label = read_label(shown.text)
    if label is None:
        raise Refused(Refusal.LABEL_MALFORMED, actor=shown.actor)
    if shown.fault is not None and shown.instead_of is None:
        raise Refused(Refusal.MALFORMED, actor=shown.actor)
    if label.site_no != site.config.site_no:
        raise Refused(Refusal.LABEL_OTHER_SITE, actor=shown.actor)
    parcel = next((each for each in site.parcels.rows.values() if each.ref == label.ref), None)
    if parcel is None:
        raise Refused(Refusal.LABEL_UNKNOWN, actor=shown.actor)
    return label, parcel


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
    """The same label again, by the same person, while its door is being opened or stands open for it: that door.

    No new grant. Whoever asks again may not have had our answer, and has the bag in hand.
    """
    if grant.actor != actor:
        raise Refused(Refusal.IN_PROGRESS, order_id=grant.order_id, actor=actor)
    grants.repeat(turn, grant)
    turn.command(door.controller, Show("load", doors=[door.door]), qos=0)
    return door.door


def _open(turn: Turn, parcel: ParcelManifest, shown: LabelShown) -> int:
    closed = gate.closed_at(turn, parcel)
    spec = choose_door(turn.site, parcel, never=shown.instead_of, closed=closed)
    if spec is None:
        raise Refused(_why_no_door(turn, parcel, shown, closed), order_id=parcel.order_id, actor=shown.actor)
    gate.passed(turn, (spec.controller, spec.zone))
    exposures.loading_begins(turn, parcel.parcel_id, shown.cold_since)
    asked = Asked(
        shown.controller or spec.controller,
        shown.via,
        shown.actor,
        Right.LOAD,
        order_id=parcel.order_id,
        command_id=shown.command_id,
    )
    grant = grants.give(turn, asked, [Target(spec.door, spec.controller, parcel.parcel_id)])
    for where in {grant.controller: None, spec.controller: None}:
        turn.command(where, Show("load", doors=[spec.door]), qos=0)
    return spec.door


# --- another door -----------------------------------------------------------------------------------------------------


def _why_no_door(turn: Turn, parcel: ParcelManifest, shown: LabelShown, closed: Mapping[str, Refusal]) -> Refusal:
    """A door there would be, in a zone that must not be loaded; or one behind silence; or none."""
    free_but_closed = choose_door(turn.site, parcel, never=shown.instead_of)
    if free_but_closed is not None:
        return closed[free_but_closed.controller]
    return Refusal.LOCKER_SILENT if may_be_behind_silence(turn.site, parcel) else Refusal.NO_FREE_DOOR


def _give_up(turn: Turn, parcel: ParcelManifest, shown: LabelShown, door: int) -> None:
    """The driver has the parcel in hand and this door will not do. It holds whether or not another door is found."""
    site = turn.site
    if str(door) not in site.doors.rows:
        raise Refused(Refusal.DOOR_UNKNOWN, order_id=parcel.order_id, actor=shown.actor)
    running = _being_loaded(site, parcel.parcel_id)
    if running is not None and running[0].actor != shown.actor:
        raise Refused(Refusal.IN_PROGRESS, order_id=parcel.order_id, actor=shown.actor)
    placement = site.placements.rows.get(parcel.parcel_id)
    if placement is not None:
        _take_back(turn, parcel, placement, shown)
    grants.give_up(turn, parcel.parcel_id, door)
    doubt = site.doubts.rows.get(parcel.parcel_id)
    if doubt is not None and doubt.door == door:
        turn.delete(site.doubts, parcel.parcel_id)
    if shown.fault in FINDINGS:
        conditions.change(turn, door, FINDINGS[shown.fault], actor=shown.actor)


def _take_back(turn: Turn, parcel: ParcelManifest, placement: Placement, shown: LabelShown) -> None:
    """Only by whoever put it there, at that door, while the run is being loaded and nobody is about to collect it."""
    in_hand = placement.state == "loaded" and placement.door == shown.instead_of and placement.actor == shown.actor
    if not in_hand or not parcel.loadable_from <= placement.changed_at <= turn.civil_ms <= parcel.loadable_until:
        raise Refused(Refusal.LABEL_LOADED, order_id=parcel.order_id, actor=shown.actor)
    if any(grant.right is not Right.STAFF for grant, _ in grants.at_door(turn.site, placement.door, *grants.AT_WORK)):
        raise Refused(Refusal.IN_PROGRESS, order_id=parcel.order_id, actor=shown.actor)
    turn.delete(turn.site.placements, parcel.parcel_id)
    where = (placement.controller, placement.door)
    turn.event(ParcelTakenBack(parcel.parcel_id, parcel.order_id, *where, shown.actor))
    turn.say("parcel_taken_back", order_id=parcel.order_id, parcel_id=parcel.parcel_id, door=placement.door)
