"""Which minutes are forgotten, and when: those the service has, before any event.

Minutes go first, the oldest the service has; never one that a parcel here may have to be judged by again.
"""

from collections.abc import Iterator

from locker_gateway.cold import sampling
from locker_gateway.outputs import PruneMinutes
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.cold_chain.minutes import MINUTE_MS
from locker_protocol.telemetry import MINUTES_KEPT_MS

DAY_MIN = 1_440
KEPT_MIN = MINUTES_KEPT_MS // MINUTE_MS
# How long minutes the service has stay once the store uses this share of its quota; fullest first.
KEPT_WHEN_FULL = ((0.79, 60), (0.77, DAY_MIN), (0.75, 7 * DAY_MIN), (0.7, 30 * DAY_MIN))


def forget_old(turn: Turn) -> None:
    """What is older than ninety days, told or not."""
    for controller in turn.site.seen:
        turn.outputs.append(PruneMinutes(controller, turn.civil_ms // MINUTE_MS - KEPT_MIN))


def make_room(turn: Turn, share: float) -> None:
    """Keep what the service has for a shorter time while the store uses so much of its quota."""
    kept_min = next((kept_min for full, kept_min in KEPT_WHEN_FULL if share >= full), None)
    if kept_min is None:
        return
    oldest = min(_judged_from(turn.site), default=turn.civil_ms // MINUTE_MS)
    through = min(turn.civil_ms // MINUTE_MS - kept_min, oldest - 1)
    for controller in turn.site.seen:
        turn.outputs.append(PruneMinutes(controller, min(through, sampling.of(turn.site, controller).told)))
    turn.say("minutes_thinned", level="warning", share=round(share, 3), minutes_kept_h=kept_min // 60)


def _judged_from(site: Site) -> Iterator[int]:
    return (each.from_minute for each in site.exposed.rows.values() if each.classes)
