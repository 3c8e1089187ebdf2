"""Ends minutes: folds what was sampled, asks which probes are believed, keeps it, and has the food judged by it.

A controller's minute is over once it told of a later one. All that can be ended is ended together, in one commit with
the judgement. What a silent controller does not tell is a gap: judged as one, but not written down, for it may still
be told. It sends nothing itself.
"""

import msgspec

from locker_gateway.cold import alarms, exposures, quarantines, sampling, sending, zones
from locker_gateway.cold.records import Watched
from locker_gateway.inputs import MinutesRead
from locker_gateway.outputs import PutMinutes, ReadMinutes
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.cold_chain.faults import Seen, SensorWatch, disbelieved, watch
from locker_protocol.cold_chain.minutes import MINUTE_MS, Sampled, fold
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import Zone

# Reports come each 30 s; what was not told so long after its minute is a gap for now.
LATE_MS = 35_000

Minutes = dict[int, dict[Zone, ZoneMinute]]

_decoder = msgspec.json.Decoder(ZoneMinute)


def begin(turn: Turn) -> None:
    """After a start: what was measured lately is read back, and what was left unjudged is judged."""
    for controller, sampled in turn.site.samplings.rows.items():
        first = sampled.settled - alarms.LOOKS_BACK_MIN
        turn.outputs.append(ReadMinutes(controller, max(0, first), sampled.settled, "remember"))
    for controller in turn.site.seen:
        turn.site.cold.sampled_ms[controller] = turn.ms
    exposures.judge_what_was_left(turn)


def end_when_due(turn: Turn) -> None:
    """On each tick."""
    site, memory = turn.site, turn.site.cold
    over = [name for name in site.seen if memory.newest_at.get(name, 0) // MINUTE_MS - 1 > _settled(site, name)]
    due = (turn.civil_ms - LATE_MS) // MINUTE_MS - 1
    if not over and due <= memory.judged_through:
        return
    for controller in over:
        _end(turn, controller)
    memory.judged_through = max(due, memory.judged_through)
    for controller in site.seen:
        if controller not in over and sampling.is_silent(turn, controller) and due > _settled(site, controller):
            alarms.go_on(turn, controller, {}, through=due)
    quarantines.judge(turn, due)


def take_read(turn: Turn, read: MinutesRead) -> None:
    """The store's minutes, for what they were asked for."""
    minutes = [(zone, _decoder.decode(body)) for zone, _, body in read.rows]
    controller = read.asked.controller
    match read.asked.use:
        case "remember":
            for zone, minute in minutes:
                zones.now(turn.site, controller, zone).recent.append(minute)
        case "mend":
            _mend(turn, controller, minutes, first=read.asked.first)
        case "judge" if read.asked.zone is not None:
            exposures.judge_again(turn, (controller, read.asked.zone), {each.minute: each for _, each in minutes})
        case _:
            pass  # for the service: `sending` takes it


def _settled(site: Site, controller: str) -> int:
    """Through which minute all there was is folded. A controller never heard begins with its first sample."""
    return sampling.of(site, controller).settled


def _end(turn: Turn, controller: str) -> None:
    site = turn.site
    last = site.cold.newest_at[controller] // MINUTE_MS - 1
    ended = _folded(turn, controller, last)
    written = [(zone, minute) for some in ended.values() for zone, minute in some.items()]
    if written:
        _write(turn, controller, written)
    before = sampling.of(site, controller)
    turn.put(site.samplings, controller, msgspec.structs.replace(before, settled=last))
    alarms.go_on(turn, controller, ended, through=last)
    exposures.expose(turn, controller, ended, last=last)
    if site.cold.blanked[controller]:
        zones.read_to_mend(turn, controller, min(site.cold.blanked[controller].values()))


def watched_of(site: Site, controller: str) -> Watched:
    """What is remembered of a controller's probes and zones."""
    return site.watched.rows.setdefault(controller, Watched({}, {}))


def _folded(turn: Turn, controller: str, last: int) -> Minutes:
    """Take what is waiting through the minute `last`, minute by minute, all zones together."""
    site = turn.site
    waiting: dict[int, dict[Zone, list[Sampled]]] = {}
    for (name, zone), now in site.cold.zones.items():
        if name == controller and now.waiting:
            minutes = zones.by_minute(now.waiting)
            now.waiting = [each for number in minutes if number > last for each in minutes[number]]
            for number, samples in minutes.items():
                if number <= last:
                    waiting.setdefault(number, {})[zone] = samples
    return {number: _fold(turn, controller, number, waiting[number]) for number in sorted(waiting)}


def _fold(turn: Turn, controller: str, number: int, sampled: dict[Zone, list[Sampled]]) -> dict[Zone, ZoneMinute]:
    site = turn.site
    probes = watched_of(site, controller).probes
    for zone in sampled:
        probes.setdefault(zone, SensorWatch())
    open_s = {zone: zones.open_s(zones.now(site, controller, zone), number) for zone in probes}
    watch(probes, {zone: Seen(number, sampled.get(zone, []), open_s[zone]) for zone in probes})
    folded = {}
    for zone, samples in sampled.items():
        folded[zone] = fold(number, samples, faults=probes[zone].faults, open_s=open_s[zone])
        zones.now(site, controller, zone).recent.append(folded[zone])
        back_to = probes[zone].reaches_back_to
        if back_to is not None:
            blanked = site.cold.blanked[controller]
            blanked[zone] = min(back_to, blanked.get(zone, back_to))
    return folded


def _write(turn: Turn, controller: str, minutes: list[tuple[Zone, ZoneMinute]]) -> None:
    rows = tuple((zone, each.minute, msgspec.json.encode(each)) for zone, each in minutes)
    turn.outputs.append(PutMinutes(controller, rows))


def _mend(turn: Turn, controller: str, stored: list[tuple[Zone, ZoneMinute]], *, first: int) -> None:
    """Put in what came late and take out what is not believed any more; then the service and the judge begin there.

    `first`: from which minute on `stored` has all there is.
    """
    site, memory = turn.site, turn.site.cold
    late = {key: memory.late[controller].pop(key) for key in list(memory.late[controller]) if key[1] >= first}
    blanked = {zone for zone, since in memory.blanked[controller].items() if since >= first}
    for zone in blanked:
        del memory.blanked[controller][zone]
    known = {(zone, each.minute): each for zone, each in stored}
    probes = watched_of(site, controller).probes
    changed = []
    for key in sorted(known.keys() | late.keys()):
        before, more = known.get(key), late.get(key)
        after = zones.joined(before, more) if before and more else before or more
        if after is not None and key[0] in probes and (more or key[0] in blanked):
            after = disbelieved(after, probes[key[0]])
        if after is not None and after != before:
            changed.append((key[0], after))
    if not changed:
        return
    _write(turn, controller, changed)
    sending.begin_again(turn, controller, min(each.minute for _, each in changed))
    turn.say("minutes_mended", controller=controller, minutes=len(changed))
    for zone in dict.fromkeys(zone for zone, _ in changed):
        exposures.ask_again(turn, (controller, zone))
