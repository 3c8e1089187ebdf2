"""The site as it is now, for people who watch: every 5 s of real time and soon after a change.

It carries nothing that is not also in the logs; losing one loses nothing.
"""

from locker_gateway import uplink_log
from locker_gateway.state import ControllerSeen
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import DoorReading, DoorState
from locker_protocol.site_entries import LogPosition
from locker_protocol.uplink_messages import ControllerStatus, SiteStatus

EVERY_MS = 5_000
# A burst of changes (three doors opening) is one message.
SOONEST_MS = 300

WORDS: dict[str, DoorState] = {"shut": "shut", "open": "open"}


def send_when_due(turn: Turn) -> None:
    """Send a status when one is due."""
    site = turn.site
    age_ms = EVERY_MS if site.status_ms is None else turn.ms - site.status_ms
    if site.uplink_up and age_ms >= (SOONEST_MS if site.status_wanted else EVERY_MS):
        site.status_ms, site.status_wanted = turn.ms, False
        turn.up(_status(turn), qos=0)


def _status(turn: Turn) -> SiteStatus:
    site = turn.site
    down = LogPosition(site.down.log_id, site.down.seq) if site.down else None
    controllers = [_controller(name, seen) for name, seen in site.seen.items()]
    up = uplink_log.up_position(site)
    return SiteStatus(site.config.boot_id, turn.civil_ms, down, up, controllers, site.audit_head)


def _controller(name: str, seen: ControllerSeen) -> ControllerStatus:
    doors = [DoorReading(door, WORDS.get(state, "unknown")) for door, state in sorted(seen.doors.items())]
    return ControllerStatus(name, seen.online, seen.heard_at, doors, list(seen.zones))
