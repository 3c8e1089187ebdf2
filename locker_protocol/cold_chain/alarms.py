"""When people are told that a zone's cold is not as it should be, and when that is over.

Air warnings have allowances: after an opening, a load, a melting of ice. Food has none: it is judged apart, by its own
probe (`judge.py`), and no allowance here moves that. It names no people and no door.
"""

from typing import Literal

import msgspec

from locker_protocol.cold_chain.minutes import known
from locker_protocol.cold_chain.policy import AirWarning, ColdPolicy
from locker_protocol.telemetry import SensorFault, ZoneMinute
from locker_protocol.vocabulary import ZoneAlarm

MINUTE_S = 60
BACK_MIN = 10  # inside the bounds, until a warning ends
SENSOR_MIN = 5  # a probe not believed, until people are told: one bad value at power-on is no fault
RETURN_MIN = 60  # from the beginning of a defrost back into the cold
DAY_MIN = 1440

_NEVER = -1_000_000


class AlarmMove(msgspec.Struct, frozen=True):
    """An alarm that was found, or ended."""

    alarm: ZoneAlarm
    found: bool
    probe: Literal["air", "product"] | None = None
    fault: SensorFault | None = None
    value_c: float | None = None


class ZoneWatch(msgspec.Struct):
    """What has to be remembered of a zone. Changed in place by `watch_zone`; minutes are civil ones since 1970."""

    raised: list[ZoneAlarm] = []
    warm_min: int = 0
    cold_min: int = 0
    inside_min: int = 0
    unmeasured_min: int = 0
    fault_min: int = 0
    opened_at: int = _NEVER  # when the present or last opening began
    was_open: bool = False
    loaded_at: int = _NEVER
    defrosts: list[int] = []  # when those of the last day began
    was_defrosting: bool = False
    returned: bool = True
    defrosting_min: int = 0
    muted_from: int = _NEVER  # the defrost that mutes


def watch_zone(
    zone: ZoneWatch,
    minute_no: int,
    minute: ZoneMinute | None,
    *,
    bounds: AirWarning,
    policy: ColdPolicy,
    loaded: bool = False,
) -> list[AlarmMove]:
    """Take in a minute and say what was found or ended. `loaded`: staff had a door of the zone open, not a resident."""
    _note_circumstances(zone, minute_no, minute, loaded=loaded, policy=policy)
    moves = _unmeasured(zone, minute, policy)
    if minute is None:
        return moves
    value = minute.air_mean if minute.air_mean is not None else minute.product_mean
    value_c = None if value is None else value / 100
    moves += _warnings(zone, value_c, bounds, allowed=_allowed(zone, minute_no, policy))
    moves += _sensor(zone, minute)
    return moves + _defrost(zone, minute_no, value_c, bounds, policy)


def _note_circumstances(
    zone: ZoneWatch, minute_no: int, minute: ZoneMinute | None, *, loaded: bool, policy: ColdPolicy
) -> None:
    is_open = minute is not None and minute.open_s > 0
    if is_open and not zone.was_open:
        zone.opened_at = minute_no
    zone.was_open = is_open
    if loaded:
        zone.loaded_at = minute_no
    defrosting = minute is not None and minute.defrost_s > 0
    if defrosting and not zone.was_defrosting:
        apart = not zone.defrosts or (minute_no - zone.defrosts[-1]) * MINUTE_S >= policy.defrost_apart_s
        zone.defrosts = [*(each for each in zone.defrosts if minute_no - each < DAY_MIN), minute_no]
        if apart and len(zone.defrosts) <= policy.defrosts_a_day:
            zone.muted_from = minute_no
        zone.returned = False
    zone.was_defrosting = defrosting
    zone.defrosting_min = zone.defrosting_min + 1 if defrosting else 0


def _allowed(zone: ZoneWatch, minute_no: int, policy: ColdPolicy) -> bool:
    return (
        (minute_no - zone.opened_at) * MINUTE_S < policy.opening_s
        or (minute_no - zone.loaded_at) * MINUTE_S < policy.recovery_s
        or (minute_no - zone.muted_from) * MINUTE_S < policy.defrost_s
    )


def _warnings(zone: ZoneWatch, value_c: float | None, bounds: AirWarning, *, allowed: bool) -> list[AlarmMove]:
    warm = value_c is not None and bounds.above_c is not None and value_c > bounds.above_c
    cold = value_c is not None and bounds.below_c is not None and value_c < bounds.below_c
    zone.warm_min = zone.warm_min + 1 if warm and not allowed else 0
    zone.cold_min = zone.cold_min + 1 if cold and not allowed else 0
    zone.inside_min = zone.inside_min + 1 if value_c is not None and not warm and not cold else 0
    needed_min = max(1, bounds.for_s // MINUTE_S)
    moves = []
    for alarm, minutes in ((ZoneAlarm.TOO_WARM, zone.warm_min), (ZoneAlarm.TOO_COLD, zone.cold_min)):
        if minutes >= needed_min:
            moves += _raise(zone, AlarmMove(alarm, found=True, probe="air", value_c=value_c))
        elif zone.inside_min >= BACK_MIN:
            moves += _end(zone, alarm, value_c)
    return moves


def _unmeasured(zone: ZoneWatch, minute: ZoneMinute | None, policy: ColdPolicy) -> list[AlarmMove]:
    """Unmeasured minutes add up, measured ones take away: a probe that answers now and then is found too."""
    limit_min = max(1, policy.gap_s // MINUTE_S)
    step = -1 if known(minute) else 1
    zone.unmeasured_min = min(limit_min, max(0, zone.unmeasured_min + step))
    if zone.unmeasured_min == limit_min:
        return _raise(zone, AlarmMove(ZoneAlarm.UNMEASURED, found=True))
    return _end(zone, ZoneAlarm.UNMEASURED, None) if zone.unmeasured_min == 0 else []


def _sensor(zone: ZoneWatch, minute: ZoneMinute) -> list[AlarmMove]:
    probe: Literal["air", "product"] = "product" if minute.product_fault else "air"
    fault = minute.product_fault or minute.air_fault
    zone.fault_min = zone.fault_min + 1 if fault else 0
    if zone.fault_min >= SENSOR_MIN:
        return _raise(zone, AlarmMove(ZoneAlarm.SENSOR, found=True, probe=probe, fault=fault))
    return [] if fault else _end(zone, ZoneAlarm.SENSOR, None)


def _defrost(
    zone: ZoneWatch, minute_no: int, value_c: float | None, bounds: AirWarning, policy: ColdPolicy
) -> list[AlarmMove]:
    if not zone.was_defrosting and value_c is not None and (bounds.above_c is None or value_c <= bounds.above_c):
        zone.returned = True
    began_at = zone.defrosts[-1] if zone.defrosts else _NEVER
    too_many = sum(minute_no - each < DAY_MIN for each in zone.defrosts) > policy.defrosts_a_day
    too_long = zone.defrosting_min * MINUTE_S > policy.defrost_s
    late = not zone.returned and minute_no - began_at >= RETURN_MIN
    if too_many or too_long or late:
        return _raise(zone, AlarmMove(ZoneAlarm.DEFROST, found=True, value_c=value_c))
    return _end(zone, ZoneAlarm.DEFROST, value_c) if zone.returned else []


def _raise(zone: ZoneWatch, move: AlarmMove) -> list[AlarmMove]:
    if move.alarm in zone.raised:
        return []
    zone.raised = [*zone.raised, move.alarm]
    return [move]


def _end(zone: ZoneWatch, alarm: ZoneAlarm, value_c: float | None) -> list[AlarmMove]:
    if alarm not in zone.raised:
        return []
    zone.raised = [each for each in zone.raised if each != alarm]
    return [AlarmMove(alarm, found=False, value_c=value_c)]
