"""Parcels that nobody but staff gets: when that begins, when it is over, and what is told.

From the commit that tells of it on, no new grant opens the parcel's door for its owner; one given before stands. A
discard is for good, and so is what nobody decided within two hours. It judges nothing itself (`exposures`).
"""

from collections.abc import Iterator, Sequence

import msgspec

from locker_gateway.cold import exposures, sampling
from locker_gateway.cold.records import ClassExposure, Exposed, Quarantine
from locker_gateway.records import Placement
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.cold_chain.judge import MINUTE_MS, Verdict
from locker_protocol.cold_chain.policy import judged_as
from locker_protocol.cold_messages import (
    CondemnParcel,
    ParcelCleared,
    ParcelCondemned,
    ParcelQuarantined,
    QuarantinedParcel,
    ReleaseParcel,
)
from locker_protocol.errors import ProtocolError, ProtocolFault
from locker_protocol.vocabulary import ColdCause, Zone


def is_kept(site: Site, parcel_id: str) -> bool:
    """True for a parcel that nobody but staff gets. A look-up: people wait for it."""
    return parcel_id in site.quarantines.rows


def is_condemned(site: Site, parcel_id: str) -> bool:
    """True when nothing in it may be eaten any more: staff take it out."""
    kept = site.quarantines.rows.get(parcel_id)
    return kept is not None and kept.level == "discard"


def judge(turn: Turn, due: int) -> None:
    """Say what follows for every parcel here. `due`: the minute that ought to have been told by now."""
    exposures.meet(turn)
    _forget(turn)
    for exposed, key in list(exposures.lying(turn.site)):
        if key not in turn.site.cold.judging:
            told_all = sampling.of(turn.site, key[0]).settled >= due
            _follow(turn, exposed, exposures.standing(turn, exposed), told_all=told_all)
    _decide_late(turn)


def judge_loaded(turn: Turn, parcel_id: str) -> None:
    """A parcel came to lie here, perhaps long after its door was opened for it: nobody waits for the next minute."""
    exposures.meet(turn)
    exposed = turn.site.exposed.rows.get(parcel_id)
    if exposed is not None:
        _follow(turn, exposed, exposures.standing(turn, exposed), told_all=False)


def _follow(turn: Turn, exposed: Exposed, verdicts: Sequence[Verdict], *, told_all: bool) -> None:
    """What follows from the verdicts of a parcel's classes. `told_all`: nothing measured is on its way any more.

    What its owner has in hand already is not kept from them.
    """
    placement = turn.site.placements.rows[exposed.parcel_id]
    if placement.state != "loaded":
        return
    classes = list(exposed.classes)
    for place, (each, verdict) in enumerate(zip(exposed.classes, verdicts, strict=True)):
        classes[place] = _after(turn, placement, each, verdict, told_all=told_all)
    if classes != list(exposed.classes):
        turn.put(turn.site.exposed, exposed.parcel_id, msgspec.structs.replace(exposed, classes=tuple(classes)))
        _end_or_harden(turn, placement, classes)


def _decide_late(turn: Turn) -> None:
    """Nobody decided in time: nobody but staff gets it, and its money goes back."""
    site = turn.site
    for kept in list(site.quarantines.rows.values()):
        overdue = turn.civil_ms - kept.found_at >= site.cold_policy.decide_within_s * 1000
        if kept.level == "quarantine" and overdue:
            _condemn(turn, kept.parcel_id, kept.order_id)


# --- what the service says --------------------------------------------------------------------------------------------


def check_release(turn: Turn, entry: ReleaseParcel) -> None:
    """Refuse to release what must not be eaten. Raises ProtocolError(invalid_field)."""
    kept, exposed = turn.site.quarantines.rows.get(entry.parcel_id), turn.site.exposed.rows.get(entry.parcel_id)
    if kept is None:
        return
    if kept.level == "discard" or not entry.food_classes:
        raise ProtocolError(ProtocolFault.INVALID_FIELD, f"parcel {entry.parcel_id} is condemned")
    if exposed is None:
        return
    levels = {
        each.food_class: "discard" if "discard" in {each.told, verdict.level} else "fine"
        for each, verdict in zip(exposed.classes, exposures.standing(turn, exposed), strict=True)
    }
    for name in entry.food_classes:
        if levels.get(name, "discard" if exposed.classes else "fine") == "discard":
            raise ProtocolError(ProtocolFault.INVALID_FIELD, f"{name} of parcel {entry.parcel_id} is condemned")


def release(turn: Turn, entry: ReleaseParcel) -> None:
    """Staff looked: what stays in the bag goes on from where it was."""
    site, parcel_id = turn.site, entry.parcel_id
    placement, exposed = site.placements.rows.get(parcel_id), site.exposed.rows.get(parcel_id)
    if parcel_id not in site.quarantines.rows:
        return
    turn.delete(site.quarantines, parcel_id)
    if exposed is not None and exposed.classes:
        turn.put(site.exposed, parcel_id, exposures.released(turn, exposed, entry.food_classes))
    if placement is not None and placement.lies:
        _tell_cleared(turn, placement, entry.actor)


def condemn(turn: Turn, entry: CondemnParcel) -> None:
    """Staff decided, or the service's two hours did."""
    _condemn(turn, entry.parcel_id, entry.order_id)


def believe(turn: Turn, told: Sequence[QuarantinedParcel]) -> None:
    """A new store: what was kept from its owner still is."""
    for each in told:
        parcel = turn.site.parcels.rows.get(each.parcel_id)
        if parcel is not None and each.parcel_id not in turn.site.quarantines.rows:
            row = Quarantine(each.parcel_id, parcel.order_id, each.level, turn.civil_ms, told=True)
            turn.put(turn.site.quarantines, each.parcel_id, row)


# --- what follows -----------------------------------------------------------------------------------------------------


def _after(turn: Turn, placement: Placement, each: ClassExposure, verdict: Verdict, *, told_all: bool) -> ClassExposure:
    told = each.told
    if told in {"discard", verdict.level}:
        return each
    if verdict.level == "fine":
        return msgspec.structs.replace(each, told="fine") if told_all else each
    if told == "fine":
        _tell_quarantined(turn, placement, each.food_class, verdict)
    if verdict.level == "discard":
        _tell_condemned(turn, placement, each.food_class, verdict.cause or ColdCause.TOO_WARM)
    return msgspec.structs.replace(each, told=verdict.level)


def _end_or_harden(turn: Turn, placement: Placement, classes: Sequence[ClassExposure]) -> None:
    site, parcel_id = turn.site, placement.parcel_id
    kept = site.quarantines.rows.get(parcel_id)
    if kept is None or kept.told or kept.level == "discard":
        return
    told = {each.told for each in classes}
    if told == {"fine"}:
        turn.delete(site.quarantines, parcel_id)
        _tell_cleared(turn, placement, None)
    elif told == {"discard"}:
        turn.put(site.quarantines, parcel_id, msgspec.structs.replace(kept, level="discard"))


def _condemn(turn: Turn, parcel_id: str, order_id: str) -> None:
    site = turn.site
    kept, placement = site.quarantines.rows.get(parcel_id), site.placements.rows.get(parcel_id)
    if (kept is not None and kept.level == "discard") or (placement is not None and not placement.lies):
        return
    row = kept or Quarantine(parcel_id, order_id, "discard", turn.civil_ms)
    turn.put(site.quarantines, parcel_id, msgspec.structs.replace(row, level="discard"))
    for name in list(_not_condemned(site, parcel_id)):
        if placement is not None:
            _tell_condemned(turn, placement, name, ColdCause.UNDECIDED)
    exposed = site.exposed.rows.get(parcel_id)
    if exposed is not None:
        classes = tuple(msgspec.structs.replace(each, told="discard") for each in exposed.classes)
        turn.put(site.exposed, parcel_id, msgspec.structs.replace(exposed, classes=classes))


def _not_condemned(site: Site, parcel_id: str) -> Iterator[str]:
    exposed, parcel = site.exposed.rows.get(parcel_id), site.parcels.rows.get(parcel_id)
    if exposed is not None and exposed.classes:
        yield from (each.food_class for each in exposed.classes if each.told != "discard")
    elif parcel is not None:
        yield from parcel.food_classes or [judged_as(site.cold_policy, None, parcel.zone)]
    else:
        yield judged_as(site.cold_policy, None, Zone.CHILLED)


def _tell_quarantined(turn: Turn, placement: Placement, food_class: str, verdict: Verdict) -> None:
    site, parcel_id, order_id = turn.site, placement.parcel_id, placement.order_id
    if parcel_id not in site.quarantines.rows:
        turn.put(site.quarantines, parcel_id, Quarantine(parcel_id, order_id, "quarantine", turn.civil_ms))
    cause, since = verdict.cause or ColdCause.UNKNOWN, (verdict.minute or 0) * MINUTE_MS
    where = (placement.controller, placement.door)
    turn.event(ParcelQuarantined(parcel_id, order_id, *where, food_class, cause, since))
    turn.say(
        "parcel_quarantined",
        level="warning",
        order_id=order_id,
        parcel_id=parcel_id,
        door=placement.door,
        food_class=food_class,
        cause=cause,
    )


def _tell_condemned(turn: Turn, placement: Placement, food_class: str, cause: ColdCause) -> None:
    parcel_id, order_id = placement.parcel_id, placement.order_id
    turn.event(ParcelCondemned(parcel_id, order_id, placement.controller, placement.door, food_class, cause))
    turn.say(
        "parcel_condemned",
        level="warning",
        order_id=order_id,
        parcel_id=parcel_id,
        door=placement.door,
        food_class=food_class,
        cause=cause,
    )


def _tell_cleared(turn: Turn, placement: Placement, actor: str | None) -> None:
    parcel_id, order_id = placement.parcel_id, placement.order_id
    turn.event(ParcelCleared(parcel_id, order_id, placement.controller, placement.door, actor))
    turn.say("parcel_cleared", order_id=order_id, parcel_id=parcel_id, door=placement.door, actor=actor)


def _forget(turn: Turn) -> None:
    """What was collected or taken out is judged no more."""
    site = turn.site
    for parcel_id in [*site.exposed.rows, *site.quarantines.rows]:
        placement = site.placements.rows.get(parcel_id)
        if not placement.lies if placement else parcel_id not in site.parcels.rows:
            turn.delete(site.exposed, parcel_id)
            turn.delete(site.quarantines, parcel_id)
