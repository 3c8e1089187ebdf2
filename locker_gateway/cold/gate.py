"""Whether a zone is cold enough to be loaded: judged when a visit begins there, and standing while the visit lasts.

Sixty openings in July would warm any zone; the food is judged by its own minutes, not by this. A zone in which a parcel
is kept from its owner for what the zone did is not loaded at all.
"""

from locker_gateway.cold import exposures, zones
from locker_gateway.cold.memory import ZoneKey
from locker_gateway.cold.records import GatePass
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.cold_chain.bounds import bounds_of
from locker_protocol.cold_chain.gate import FRESH_MS, GateRefusal, judge_zone_gate
from locker_protocol.cold_chain.minutes import MINUTE_MS
from locker_protocol.cold_chain.policy import judged_as
from locker_protocol.site_entries import ParcelManifest
from locker_protocol.vocabulary import Refusal

# A visit goes on while something is loaded there now and then.
VISIT_PAUSE_MS = 1_200_000
VISIT_MS = 4 * 3_600_000
# Two minutes of civil time are less than a report takes where that clock runs faster than this.
RATE_WITHIN = 12

REFUSALS: dict[GateRefusal, Refusal] = {
    "zone_too_warm": Refusal.ZONE_TOO_WARM,
    "zone_unmeasured": Refusal.ZONE_UNMEASURED,
    "zone_quarantined": Refusal.QUARANTINED,
}


def closed_at(turn: Turn, parcel: ParcelManifest) -> dict[str, Refusal]:
    """Which controllers' zone must not be loaded with this parcel, and why; nothing is kept of asking."""
    closed = {}
    for controller in turn.site.seen:
        if parcel.zone in zones.of_controller(turn.site, controller):
            refusal = _judge(turn, (controller, parcel.zone), parcel)
            if refusal is not None:
                closed[controller] = REFUSALS[refusal]
    return closed


def passed(turn: Turn, key: ZoneKey) -> None:
    """Something is loaded there: the visit goes on, or begins."""
    site = turn.site
    known, name = site.gate_passes.rows.get(_name(key)), _name(key)
    began = turn.civil_ms if known is None or not _goes_on(turn, name) else known.since
    turn.put(site.gate_passes, name, GatePass(began, turn.civil_ms))
    site.cold.gates_ms[name] = (site.cold.gates_ms[name][0] if began != turn.civil_ms else turn.ms, turn.ms)


def begin(turn: Turn) -> None:
    """Visits that were going on when the process ended go on, if they are not over by the calendar."""
    for name, known in turn.site.gate_passes.rows.items():
        if turn.civil_ms - known.touched <= VISIT_PAUSE_MS:
            turn.site.cold.gates_ms[name] = (turn.ms, turn.ms)


def forget(turn: Turn) -> None:
    """Visits that are over."""
    for name in list(turn.site.gate_passes.rows):
        if not _goes_on(turn, name):
            turn.delete(turn.site.gate_passes, name)
            turn.site.cold.gates_ms.pop(name, None)


def _judge(turn: Turn, key: ZoneKey, parcel: ParcelManifest) -> GateRefusal | None:
    site = turn.site
    if is_held(site, key):
        return "zone_quarantined"
    if _goes_on(turn, _name(key)):
        return None
    names = parcel.food_classes or [judged_as(site.cold_policy, None, key[1])]
    return judge_zone_gate(
        list(zones.now(site, *key).recent),
        newest_ms=_newest_at(site, key),
        now_ms=turn.civil_ms,
        bounds=bounds_of(site.cold_policy, key[1], names),
        open_quarantine=False,
        fresh_ms=round(FRESH_MS * max(1.0, site.civil_rate / RATE_WITHIN)),
    )


def is_held(site: Site, key: ZoneKey) -> bool:
    """A parcel there is kept for what happened in this zone, not for what it brought along."""
    for exposed, where in exposures.lying(site):
        kept = site.quarantines.rows.get(exposed.parcel_id)
        if where == key and kept is not None and kept.level == "quarantine":
            crossed = [each.now.quarantined_at for each in exposed.classes if each.told != "fine"]
            if kept.told or any(at is None or at >= exposed.from_minute for at in crossed):
                return True
    return False


def _newest_at(site: Site, key: ZoneKey) -> int | None:
    zone = zones.now(site, *key)
    told = [each.at_ms for each in zone.waiting if each.product_c is not None]
    if told:
        return max(told)
    believed = [each.minute for each in zone.recent if each.product_max is not None]
    return (believed[-1] + 1) * MINUTE_MS if believed else None


def _goes_on(turn: Turn, name: str) -> bool:
    """By real time; after a restart from then on."""
    times = turn.site.cold.gates_ms.get(name)
    return times is not None and turn.ms - times[1] <= VISIT_PAUSE_MS and turn.ms - times[0] <= VISIT_MS


def _name(key: ZoneKey) -> str:
    return f"{key[0]}.{key[1]}"
