"""What the food that lies here went through, minute by minute, by the rules that the service's export judges by too.

A parcel is judged from its crate's last good reading, else from its loading, by the minutes of the zone it lies in.
What was taken in is kept; what a silent controller did not tell is added for the moment only, for it may still come.
Where older minutes change, or the policy, the parcel is judged again from the stored minutes. What follows is decided
in `quarantines`.
"""

from collections.abc import Iterator, Mapping

import msgspec

from locker_gateway.cold import sampling, zones
from locker_gateway.cold.memory import ZoneKey
from locker_gateway.cold.records import ClassExposure, Exposed
from locker_gateway.cold.sampling import is_silent
from locker_gateway.outputs import ReadMinutes
from locker_gateway.records import Placement
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.cold_chain import judge as judgement
from locker_protocol.cold_chain.judge import MINUTE_MS, Verdict
from locker_protocol.cold_chain.policy import judged_as
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import Zone

Ended = Mapping[int, Mapping[Zone, ZoneMinute]]


def crate_was_read(turn: Turn, parcel_id: str, read_at: int) -> None:
    """The driver's last good reading of a parcel's crate: its time counts from there, unless it lay here already."""
    known = turn.site.exposed.rows.get(parcel_id)
    if known is None or not known.classes:
        turn.put(turn.site.exposed, parcel_id, Exposed(parcel_id, min(read_at, turn.civil_ms)))


def loading_begins(turn: Turn, parcel_id: str, cold_since: int | None) -> None:
    """A door opens for it: its time counts from its crate's last good reading, else from now.

    Not from when the door is seen shut, which may be hours later. What may lie behind a door already goes on.
    """
    if parcel_id not in turn.site.doubts.rows or parcel_id not in turn.site.exposed.rows:
        crate_was_read(turn, parcel_id, turn.civil_ms if cold_since is None else cold_since)


def expose(turn: Turn, controller: str, ended: Ended, *, last: int) -> None:
    """Take in what a controller's zones went through until the minute `last`; a minute that is not there is a gap."""
    meet(turn)
    for exposed, key in list(lying(turn.site)):
        if key[0] != controller or key in turn.site.cold.judging:
            continue
        first = max(min(ended, default=last + 1), exposed.from_minute)
        if any(each.now.through_minute >= first for each in exposed.classes):
            ask_again(turn, key)  # it was released on what nobody had told yet; now somebody did
            continue
        minutes = [(number, ended[number].get(key[1])) for number in sorted(ended) if number >= exposed.from_minute]
        _put(turn, exposed, [_further(turn.site, each, key[1], minutes, last) for each in exposed.classes])


def standing(turn: Turn, exposed: Exposed) -> list[Verdict]:
    """The verdict of each class as things are now: a silent controller's minutes are a gap."""
    site = turn.site
    key = zones.of_door(site, exposed.door) if exposed.door is not None else None
    policy, verdicts = site.cold_policy, []
    for each in exposed.classes:
        so_far = each.now
        if key is not None and is_silent(turn, key[0]):
            so_far = judgement.expose(so_far, policy, key[1], None, site.cold.judged_through)
        verdicts.append(judgement.verdict(so_far, policy))
    return verdicts


def released(turn: Turn, exposed: Exposed, food_classes: list[str]) -> Exposed:
    """Staff let it go on with these classes: what is over already is not held against them again."""
    site = turn.site
    key = zones.of_door(site, exposed.door) if exposed.door is not None else None
    classes = []
    through = 0
    for each in exposed.classes:
        if each.food_class not in food_classes:
            continue
        now = each.now
        if key is not None and is_silent(turn, key[0]):
            now = judgement.expose(now, site.cold_policy, key[1], None, site.cold.judged_through)
        through = max(through, now.through_minute)
        classes.append(msgspec.structs.replace(each, now=judgement.released(now), told="fine"))
    return msgspec.structs.replace(exposed, classes=tuple(classes), released=(*exposed.released, through))


def policy_changed(turn: Turn) -> None:
    """Judge everything again by the new limits; what was released stays so."""
    site = turn.site
    for parcel_id, exposed in list(site.exposed.rows.items()):
        classes = [_afresh(site, exposed, each) for each in exposed.classes]
        turn.put(site.exposed, parcel_id, msgspec.structs.replace(exposed, classes=tuple(classes)))
    judge_what_was_left(turn)


def judge_what_was_left(turn: Turn) -> None:
    """Judge from the stored minutes what the exposures do not have yet: the process ended in between."""
    site = turn.site
    left = {
        key
        for exposed, key in lying(site)
        if any(each.now.through_minute < sampling.of(site, key[0]).settled for each in exposed.classes)
    }
    for key in sorted(left):
        ask_again(turn, key)


def ask_again(turn: Turn, key: ZoneKey) -> None:
    """Judge the parcels of a zone from its stored minutes, once those are read."""
    first = [exposed.from_minute for exposed, where in lying(turn.site) if where == key and exposed.classes]
    if first:
        turn.site.cold.judging.add(key)
        last = sampling.of(turn.site, key[0]).settled
        turn.outputs.append(ReadMinutes(key[0], min(first), last, "judge", key[1]))


def judge_again(turn: Turn, key: ZoneKey, minutes: Mapping[int, ZoneMinute]) -> None:
    """Take the zone's stored minutes in from where each parcel came to lie there."""
    site, last = turn.site, sampling.of(turn.site, key[0]).settled
    site.cold.judging.discard(key)
    for exposed, where in list(lying(site)):
        if where == key:
            _put(turn, exposed, [_from_base(site, exposed, each, key[1], minutes, last) for each in exposed.classes])


# --- exposures --------------------------------------------------------------------------------------------------------


def lying(site: Site) -> Iterator[tuple[Exposed, ZoneKey]]:
    for exposed in site.exposed.rows.values():
        placement = site.placements.rows.get(exposed.parcel_id)
        if exposed.door is None or placement is None or not placement.lies or placement.door != exposed.door:
            continue
        key = zones.of_door(site, exposed.door)
        if key is not None:
            yield exposed, key


def meet(turn: Turn) -> None:
    """Parcels that came to lie behind a door since: from there on its zone counts."""
    site = turn.site
    for placement in site.placements.rows.values():
        exposed = site.exposed.rows.get(placement.parcel_id)
        if placement.lies and (exposed is None or exposed.door != placement.door or not exposed.classes):
            key = zones.of_door(site, placement.door)
            if key is not None:
                turn.put(site.exposed, placement.parcel_id, _placed(site, placement, exposed, key[1]))


def _placed(site: Site, placement: Placement, known: Exposed | None, zone: Zone) -> Exposed:
    since_ms = known.since_ms if known else placement.changed_at
    from_minute = max(placement.changed_at, since_ms) // MINUTE_MS
    classes = known.classes if known else ()
    if not classes:
        names = _food_classes(site, placement.parcel_id)
        classes = tuple(
            _begun(site, name, since_ms, zone) for name in names or [judged_as(site.cold_policy, None, zone)]
        )
    waited = tuple(_until(site, each, zone, from_minute - 1) for each in classes)
    return Exposed(placement.parcel_id, since_ms, placement.door, from_minute, waited, known.released if known else ())


def _food_classes(site: Site, parcel_id: str) -> list[str]:
    parcel = site.parcels.rows.get(parcel_id)
    return list(dict.fromkeys(parcel.food_classes)) if parcel else []


def _begun(site: Site, name: str, since_ms: int, zone: Zone) -> ClassExposure:
    begun = judgement.begin(judged_as(site.cold_policy, name, zone), since_ms)
    return ClassExposure(name, begun, begun)


def _until(site: Site, each: ClassExposure, zone: Zone, through: int) -> ClassExposure:
    """On its way from where it was to here nobody measured it."""
    now = judgement.expose(each.now, site.cold_policy, zone, None, through)
    return msgspec.structs.replace(each, base=now, now=now)


def _afresh(site: Site, exposed: Exposed, each: ClassExposure) -> ClassExposure:
    key = zones.of_door(site, exposed.door) if exposed.door is not None else None
    zone = key[1] if key else Zone.AMBIENT
    begun = _begun(site, each.food_class, exposed.since_ms, zone)
    waited = _until(site, begun, zone, exposed.from_minute - 1)
    return msgspec.structs.replace(waited, told=each.told)


def _further(
    site: Site, each: ClassExposure, zone: Zone, minutes: list[tuple[int, ZoneMinute | None]], last: int
) -> ClassExposure:
    now = each.now
    for number, minute in minutes:
        now = judgement.expose(now, site.cold_policy, zone, minute, number)
    now = judgement.expose(now, site.cold_policy, zone, None, last)
    return msgspec.structs.replace(each, now=now)


def _from_base(
    site: Site, exposed: Exposed, each: ClassExposure, zone: Zone, minutes: Mapping[int, ZoneMinute], last: int
) -> ClassExposure:
    """Minutes that are not there are a gap, however many: a clock set ahead by a year makes half a million of them."""
    now, releases = each.base, set(exposed.released)
    told = {number for number in {*minutes, *releases, last} if now.through_minute < number <= max(last, *releases, 0)}
    for number in sorted(told):
        now = judgement.expose(now, site.cold_policy, zone, minutes.get(number), number)
        if number in releases:
            now = judgement.released(now)
    return msgspec.structs.replace(each, now=now)


def _put(turn: Turn, exposed: Exposed, classes: list[ClassExposure]) -> None:
    turn.put(turn.site.exposed, exposed.parcel_id, msgspec.structs.replace(exposed, classes=tuple(classes)))
