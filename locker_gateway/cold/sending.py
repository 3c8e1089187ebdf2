"""Minutes on their way to the service: one batch of a controller at a time, events first, and again until answered.

Named by controller, zone and minute they are no log: a batch that comes twice, or a service that was restored, costs
time and nothing else. ADR 24 says why.
"""

import msgspec

from locker_gateway.cold import sampling
from locker_gateway.cold.memory import Drain
from locker_gateway.inputs import MinutesRead
from locker_gateway.outputs import ReadMinutes, StoredMinute
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.telemetry import MAX_MINUTES, MinutesApplied, MinutesKept, ZoneMinute, ZoneMinutes
from locker_protocol.uplink_messages import RESEND_AFTER_MS
from locker_protocol.vocabulary import Zone

MAX_BATCH_BYTES = 48 * 1024
MINUTE_OVERHEAD = 1
# An older service never answers: it is asked again more and more seldom.
RESEND_AT_MOST_MS = 60_000

_decoder = msgspec.json.Decoder(ZoneMinute)


def connected(turn: Turn) -> None:
    """A fresh connection: what was on its way may be lost."""
    turn.site.cold.drains.clear()


def pump(turn: Turn) -> None:
    """Ask the store for the next batch of each controller, once no event waits to be sent."""
    site = turn.site
    if not site.uplink_up or site.sending.sent_through < site.up.seq:
        return
    for controller in site.seen:
        told, settled = _told_and_settled(site, controller)
        drain = site.cold.drains[controller]
        if told < settled and not _waits(turn, drain):
            drain.after, drain.through, drain.since_ms, drain.tries = told, None, turn.ms, drain.tries + 1
            drain.asked = ReadMinutes(controller, told + 1, settled, "send", limit=MAX_MINUTES + 1)
            turn.outputs.append(drain.asked)


def take_read(turn: Turn, read: MinutesRead) -> None:
    """Send what the store has, as much as one message holds; whole minutes only."""
    controller, drain = read.asked.controller, turn.site.cold.drains[read.asked.controller]
    if read.asked is not drain.asked or drain.after is None or drain.through is not None:
        return
    drain.mended = None
    rows = _one_batch(read.rows)
    whole = len(rows) == len(read.rows)
    drain.through = read.asked.last if whole else rows[-1][1]
    drain.since_ms = turn.ms
    by_zone: dict[Zone, list[ZoneMinute]] = {}
    for zone, _, body in rows:
        by_zone.setdefault(zone, []).append(_decoder.decode(body))
    zones = [ZoneMinutes(zone, minutes) for zone, minutes in by_zone.items()]
    sampled = sampling.of(turn.site, controller)
    energy_wh = sampled.energy_wh if drain.through >= sampled.settled else None
    turn.up(MinutesKept(controller, drain.after, drain.through, zones, energy_wh))


def take_answer(turn: Turn, applied: MinutesApplied) -> None:
    """The service has them, or fewer than before: then from there again. An answer to nothing sent says nothing."""
    site, drain = turn.site, turn.site.cold.drains[applied.controller]
    if applied.controller not in site.seen or drain.after is None or drain.through is None:
        return
    told = min(applied.through, drain.through)
    if drain.mended is not None:
        told, drain.mended = min(told, drain.mended - 1), None
    if told < drain.after:
        turn.say("minutes_asked_again", level="warning", controller=applied.controller, through=told)
    drain.after, drain.through, drain.tries = None, None, 0
    # Written with the next minute: one that lags only makes us send again.
    sampled = sampling.of(site, applied.controller)
    site.samplings.rows[applied.controller] = msgspec.structs.replace(sampled, told=told)


def begin_again(turn: Turn, controller: str, first: int) -> None:
    """Minutes from `first` on changed. What is on its way has them as they were; its answer is waited for."""
    sampled, drain = sampling.of(turn.site, controller), turn.site.cold.drains[controller]
    turn.put(
        turn.site.samplings, controller, msgspec.structs.replace(sampled, told=max(0, min(sampled.told, first - 1)))
    )
    if drain.through is None:
        drain.after = drain.asked = None
    else:
        drain.mended = min(first, drain.mended or first)


def queued(site: Site) -> int:
    """How many minutes the service does not have yet, of all controllers."""
    return sum(max(0, settled - told) for told, settled in (_told_and_settled(site, each) for each in site.seen))


def _told_and_settled(site: Site, controller: str) -> tuple[int, int]:
    sampled = sampling.of(site, controller)
    return sampled.told, sampled.settled


def _waits(turn: Turn, drain: Drain) -> bool:
    if drain.after is None:
        return False
    wait_ms = min(RESEND_AT_MOST_MS, RESEND_AFTER_MS << min(10, max(0, drain.tries - 1)))
    return turn.ms - drain.since_ms < wait_ms


def _one_batch(rows: tuple[StoredMinute, ...]) -> tuple[StoredMinute, ...]:
    size, count = 0, 0
    for _, _, body in rows[:MAX_MINUTES]:
        size += len(body) + MINUTE_OVERHEAD
        if size > MAX_BATCH_BYTES:
            break
        count += 1
    if count == len(rows):
        return rows
    cut = rows[count][1]
    return tuple(row for row in rows[:count] if row[1] < cut)
