"""The controllers: who is there, how far their numbered events were applied, and whether what we know is up to date.

An event is applied when it is the next of its controller's memory, in the same commit as its effects, and received
only then. A gap waits for the controller to send again.
"""

from collections.abc import Iterator

from locker_gateway.doors import Happening
from locker_gateway.records import Position
from locker_gateway.state import ControllerSeen, Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import (
    Beat,
    ControllerBirth,
    ControllerDeath,
    Events,
    EventsReceived,
    NumberedEvent,
    Report,
)
from locker_protocol.site_events import ControllerCameUp, ControllerWentSilent
from locker_protocol.telemetry import Samples

SILENT_AFTER_MS = 10_000
OLD_BY_THE_CALENDAR_MS = 60_000
# A controller repeats every 2 s from its first event not received. If that is still beyond our next number after this
# long, it forgot what we never had (our store is an older copy): waiting longer would shut the site for good.
GAP_TAKEN_MS = 10_000
# How long what an earlier boot said may be on its way, and is known for that.
LEFT_BOOT_MS = 60_000


def born(turn: Turn, controller: str, birth: ControllerBirth, *, retained: bool) -> None:
    """A controller connected. A birth the broker kept may be of any age: it names the boot, but proves no life."""
    seen = turn.site.seen[controller]
    _leave_if_older(turn, seen, birth)
    if (retained and seen.boot_id == birth.boot_id) or _is_over(turn, seen, birth):
        return
    rebooted = seen.online and seen.boot_id != birth.boot_id
    seen.boot_reason, seen.firmware, seen.contract = birth.boot_reason, birth.firmware, birth.contract
    if retained:
        seen.boot_id, seen.beat = birth.boot_id, birth.beat
        return
    _note(turn, seen, birth)
    if rebooted or not seen.online:
        _came_up(turn, controller, seen)


def heard(turn: Turn, controller: str, report: Report) -> bool:
    """A report came: the controller lives. False: it is of a boot that is over, and says nothing.

    Samples tell of no event. Whoever was believed to live by them alone would seem to have told all that happened.
    """
    seen = turn.site.seen[controller]
    if isinstance(report, Beat):
        _leave_if_older(turn, seen, report)
    if isinstance(report, Samples):
        return seen.online and report.boot_id == seen.boot_id
    if _is_over(turn, seen, report):
        return False
    _note(turn, seen, report)
    if not seen.online:
        _came_up(turn, controller, seen)
    return True


def died(turn: Turn, controller: str, death: ControllerDeath) -> None:
    """Its broker lost it. The death of an older boot says nothing of this one."""
    seen = turn.site.seen[controller]
    if seen.online and death.boot_id == seen.boot_id:
        _went_silent(turn, controller, seen)


def notice_silence(turn: Turn) -> None:
    """Whoever was not heard for 10 s is silent, whatever the broker says."""
    for controller, seen in turn.site.seen.items():
        if seen.online and turn.ms - seen.heard_ms >= SILENT_AFTER_MS:
            _went_silent(turn, controller, seen)


def next_events(turn: Turn, controller: str, report: Events) -> Iterator[NumberedEvent]:
    """Yield, in order, each event that is the next of its memory; then keep the position and say how far it is."""
    if not report.events:
        return
    site, seen = turn.site, turn.site.seen[controller]
    position = site.positions.rows.get(controller)
    if position is None or position.store_id != report.store_id:
        position = _meet_memory(turn, controller, report)
    before = position
    for numbered in report.events:
        if numbered.event_no > position.event_no + 1 and not _takes_gap(turn, controller, seen, position, numbered):
            break
        if numbered.event_no <= position.event_no:
            continue
        position = Position(report.store_id, numbered.event_no)
        seen.gap_since_ms = None
        yield numbered
    if position is not before or controller not in site.positions.rows:
        turn.put(site.positions, controller, position)
    turn.command(controller, EventsReceived(report.store_id, position.event_no))


def caught_up(site: Site, controller: str, *, now_ms: int) -> bool:
    """True when every event the controller is known to have made is applied here.

    A memory we never took an event of, that still sends none ten seconds after it told of some, has had them all
    received by another gateway.
    """
    seen = site.sight_of(controller)
    if not seen.online:
        return False
    position = site.positions.rows.get(controller)
    if position is not None and position.store_id == seen.store_id:
        return position.event_no >= seen.event_no
    return seen.event_no == 0 or now_ms - seen.known_since_ms >= GAP_TAKEN_MS


def is_outdated(site: Site, controller: str, said: Beat | ControllerBirth) -> bool:
    """True for what was said before an event that is known here: its doors may have moved since.

    It may have waited on its way while later reports passed it, or come from the process before this one.
    """
    seen, position = site.sight_of(controller), site.positions.rows.get(controller)
    applied = position.event_no if position is not None and position.store_id == said.store_id else 0
    return said.event_no < max(seen.event_no, applied)


def _leave_if_older(turn: Turn, seen: ControllerSeen, said: Beat | ControllerBirth) -> None:
    """A boot never heard before may have been before the one that lives: all it said was on its way until now.

    It was, if it knows of fewer events of the same memory: a controller tells of an event only once power loss cannot
    take it back. (`Events` prove nothing: they may end before the last one.)
    """
    unheard = said.boot_id != seen.boot_id and said.boot_id not in seen.left_boots
    if unheard and said.store_id == seen.store_id and said.event_no < seen.event_no:
        _leave(turn, seen, said.boot_id)


def _leave(turn: Turn, seen: ControllerSeen, boot_id: str) -> None:
    left = {boot: ms for boot, ms in seen.left_boots.items() if turn.ms - ms < LEFT_BOOT_MS}
    seen.left_boots = left | {boot_id: turn.ms}


def _is_over(turn: Turn, seen: ControllerSeen, said: Events | Beat | ControllerBirth) -> bool:
    """True for what an earlier boot said, that was on its way until now. Whatever it tells, the newer one tells too.

    What we took for the newer boot may have been the older. So only for a minute, only while it tells of nothing new,
    and not once it gives back a number asked since: it lived after the other one had spoken.
    """
    left_ms = seen.left_boots.get(said.boot_id)
    if left_ms is None or said.boot_id == seen.boot_id or turn.ms - left_ms >= LEFT_BOOT_MS:
        return False
    if not isinstance(said, ControllerBirth) and seen.asked_ms.get(said.echo or 0, 0) > left_ms:
        return False
    return said.store_id == seen.store_id and _told(said) <= seen.event_no


def _told(said: Events | Beat | ControllerBirth) -> int:
    """The last event it says it made."""
    if isinstance(said, Events):
        return said.events[-1].event_no if said.events else 0
    return said.event_no


def _note(turn: Turn, seen: ControllerSeen, said: Events | Beat | ControllerBirth) -> None:
    if said.store_id != seen.store_id:
        seen.store_id, seen.event_no, seen.known_since_ms = said.store_id, 0, turn.ms
    told = _told(said)
    if seen.event_no == 0 < told:
        seen.known_since_ms = turn.ms
    seen.event_no = max(seen.event_no, told)
    seen.beat = max(seen.beat, said.beat) if said.boot_id == seen.boot_id else said.beat
    if said.boot_id != seen.boot_id:
        _leave(turn, seen, seen.boot_id)
    seen.boot_id = said.boot_id
    if turn.civil_ms - seen.heard_at > OLD_BY_THE_CALENDAR_MS:
        turn.site.status_wanted = True  # what was last told of it is too old to load by
    seen.heard_ms, seen.heard_at = turn.ms, turn.civil_ms
    if isinstance(said, Beat | ControllerBirth):
        seen.zones = tuple(said.zones)


def _came_up(turn: Turn, controller: str, seen: ControllerSeen) -> None:
    seen.online = True
    seen.gap_since_ms = None
    turn.event(ControllerCameUp(controller, seen.boot_id, seen.boot_reason, seen.firmware, seen.contract))
    turn.say("controller_came_up", controller=controller, boot_reason=seen.boot_reason)


def _went_silent(turn: Turn, controller: str, seen: ControllerSeen) -> None:
    seen.online = False
    for door in seen.doors:
        turn.move(door, Happening.LOST_SIGHT)
    seen.contradictions.clear()
    turn.event(ControllerWentSilent(controller))
    turn.say("controller_went_silent", level="warning", controller=controller)


def _meet_memory(turn: Turn, controller: str, report: Events) -> Position:
    """A memory never met starts where it starts: what came before was received by nobody or by another gateway."""
    first = report.events[0].event_no
    turn.say("controller_memory_met", controller=controller, event_no=first)
    return Position(report.store_id, first - 1)


def _takes_gap(turn: Turn, controller: str, seen: ControllerSeen, position: Position, numbered: NumberedEvent) -> bool:
    if seen.gap_since_ms is None:
        seen.gap_since_ms = turn.ms
    if turn.ms - seen.gap_since_ms < GAP_TAKEN_MS:
        turn.say("controller_gap", controller=controller, event_no=numbered.event_no)
        return False
    missing = numbered.event_no - position.event_no - 1
    turn.say("controller_events_lost", level="warning", controller=controller, missing=missing)
    return True
