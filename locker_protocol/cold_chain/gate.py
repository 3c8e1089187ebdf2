"""Whether a zone may be loaded: measured just now, cold for ten minutes, nothing kept closed in it.

Judged once a visit; the driver is offered another zone's door where one suits. It judges no crate: that is the arrival
reading's part, with the service.
"""

from collections.abc import Sequence
from typing import Literal

from locker_protocol.cold_chain.policy import AirWarning
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import CivilMs

GateRefusal = Literal["zone_too_warm", "zone_unmeasured", "zone_quarantined"]

FRESH_MS = 120_000
COOLED_MIN = 10


def judge_zone_gate(
    minutes: Sequence[ZoneMinute],
    *,
    newest_ms: CivilMs | None,
    now_ms: CivilMs,
    bounds: AirWarning,
    open_quarantine: bool,
    fresh_ms: int = FRESH_MS,
) -> GateRefusal | None:
    """Say why nothing may be loaded, or `None`.

    `minutes`: the zone's latest, oldest first, at least ten; `newest_ms`: its newest believed product sample; `bounds`:
    of what is to be loaded (`bounds_of`), held against the product probe. Too cold is refused as too warm is: both
    spoil what is loaded.
    """
    if open_quarantine:
        return "zone_quarantined"
    latest = minutes[-COOLED_MIN:]
    if newest_ms is None or not -fresh_ms <= now_ms - newest_ms <= fresh_ms or not _in_a_row(latest):
        return "zone_unmeasured"
    return None if all(_inside(minute, bounds) for minute in latest) else "zone_too_warm"


def _in_a_row(minutes: Sequence[ZoneMinute]) -> bool:
    return (
        len(minutes) == COOLED_MIN
        and minutes[-1].minute - minutes[0].minute == COOLED_MIN - 1
        and all(minute.product_max is not None for minute in minutes)
    )


def _inside(minute: ZoneMinute, bounds: AirWarning) -> bool:
    low, high = minute.product_min, minute.product_max
    assert low is not None
    assert high is not None
    return (bounds.above_c is None or high <= round(bounds.above_c * 100)) and (
        bounds.below_c is None or low >= round(bounds.below_c * 100)
    )
