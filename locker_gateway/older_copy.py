"""What a gateway does when it finds that its store is an older copy of itself: a restored disk, or one that lied.

The service has events of this log that the store does not know, so nothing the store says of parcels, codes and doors
can be trusted. It forgets that, begins a new up log with what it cannot know to be told, and asks for a snapshot as a
store that is new does; until then it opens for staff only. It keeps its keys, its doors and its audit.
"""

from typing import Any

from locker_gateway.records import LeftLog, Table, UpLog
from locker_gateway.state import ONLY, Site
from locker_gateway.turn import Turn


def begin_anew(turn: Turn) -> None:
    """Forget what may be wrong; number what is not acknowledged anew, from 1, under another name."""
    site = turn.site
    turn.say("store_is_an_older_copy", level="warning", seq=site.up.seq)
    if site.down is not None:
        turn.put(site.left_logs, site.down.log_id, LeftLog(turn.civil_ms))
    for table in _found_out(site):
        for key in list(table.rows):
            turn.delete(table, key)
    for known in (site.granted_ms, site.collected_ms, site.order_of_id, site.pulses, site.suspicions):
        known.clear()
    turn.put(site.up_log, ONLY, UpLog(turn.new_id(), site.up.seq, site.mark))


def _found_out(site: Site) -> tuple[Table[Any], ...]:
    return (
        site.placements,
        site.codes,
        site.exposed,
        site.quarantines,
        site.conditions,
        site.troubles,
        site.doubts,
        site.cancellations,
        site.grants,
        site.answers,
        site.down_log,
    )
