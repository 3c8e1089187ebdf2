"""Which samples of a controller count, and when they were taken. None counts twice, none that may be old.

A sample's time is our civil time less its age. That holds only for a report that was on its way for a moment, which its
echo proves; one that stalled is dropped, and the controller sends it again. It judges no temperature.
"""

from collections.abc import Iterator, Sequence

import msgspec

from locker_gateway import echoes
from locker_gateway.cold import zones
from locker_gateway.cold.records import MAX_RUNS, Sampling
from locker_gateway.state import Site
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import Beat
from locker_protocol.cold_chain.minutes import MINUTE_MS, Sampled
from locker_protocol.telemetry import MINUTES_KEPT_MS, SAMPLE_EVERY_MS, Samples, ZoneSamples

PROVEN_WITHIN_MS = 10_000
# In real time: a demo's civil clock may run an hour while a report is on its way.
SILENT_MS = 10_000
SLOWEST_MS = 60_000
# From this contract on a controller sends `Samples`; before it, its beats are all there is.
SENDS_SAMPLES_FROM = 3

Run = tuple[int, int]


def take(turn: Turn, controller: str, report: Samples, *, received_ms: int) -> None:
    """Take what is new in a report; all of it, or nothing where it contradicts itself."""
    site = turn.site
    on_its_way_ms = echoes.longest_on_its_way_ms(turn, controller, report)
    if on_its_way_ms is None or on_its_way_ms > PROVEN_WITHIN_MS:
        turn.say("samples_not_proven", controller=controller)
        return
    newest_at = turn.civil_ms - round((turn.ms - received_ms) * site.civil_rate) - report.age_ms
    fault = _contradiction(report)
    if fault is not None:
        turn.say("samples_refused", level="warning", controller=controller, fault=fault)
        return
    sampling = of(site, controller)
    runs = sampling.runs if sampling.boot_id == report.boot_id else ()
    last_no = report.first_no + len(report.zones[0].air_c) - 1
    known, fresh = zones.of_controller(site, controller), list(_not_in(runs, report.first_no, last_no))
    site.cold.samples_of[controller] = report.boot_id
    site.cold.sampled_ms[controller] = turn.ms
    for run in report.zones:
        if run.zone in known or not known:
            _keep(turn, controller, run, _stamped(run, report, newest_at, fresh))
        else:
            turn.say("zone_misplaced", level="warning", controller=controller, zone=run.zone)
    _note_newest(site, controller, newest_at)
    site.samplings.rows[controller] = msgspec.structs.replace(
        sampling,
        boot_id=report.boot_id,
        runs=_joined(runs, (report.first_no, last_no)),
        energy_wh=report.energy_wh if report.energy_wh is not None else sampling.energy_wh,
    )


def take_beat(turn: Turn, controller: str, beat: Beat) -> None:
    """Take the last samples of a controller too old to send them, one each ten seconds."""
    site, seen = turn.site, turn.site.seen[controller]
    if seen.contract >= SENDS_SAMPLES_FROM or site.cold.samples_of.get(controller) == beat.boot_id:
        return
    if turn.civil_ms - site.cold.newest_at.get(controller, 0) < SAMPLE_EVERY_MS:
        return
    site.cold.sampled_ms[controller] = turn.ms
    for reading in beat.zones:
        zones.now(site, controller, reading.zone).waiting.append(
            Sampled(turn.civil_ms, reading.air_c, reading.product_c)
        )
    _note_newest(site, controller, turn.civil_ms)


def of(site: Site, controller: str) -> Sampling:
    """How far a controller's samples were taken."""
    return site.samplings.rows.get(controller) or Sampling()


def is_silent(turn: Turn, controller: str) -> bool:
    """Nothing was sampled there for so long, in real time."""
    return turn.ms - turn.site.cold.sampled_ms.get(controller, turn.ms) >= SILENT_MS


def _contradiction(report: Samples) -> str | None:
    if not report.zones or not SAMPLE_EVERY_MS // 10 <= report.every_ms <= SLOWEST_MS:
        return "shape"
    count = len(report.zones[0].air_c)
    if any(not _whole(run, count) for run in report.zones):
        return "lengths"
    named = [run.zone for run in report.zones]
    if len(set(named)) < len(named):
        return "zone_twice"
    return "too_old" if report.age_ms > MINUTES_KEPT_MS else None


def _whole(run: ZoneSamples, count: int) -> bool:
    flags = {len(run.cooling), len(run.defrosting)}
    return len(run.air_c) == len(run.product_c) == count and flags <= {0, count}


def _stamped(run: ZoneSamples, report: Samples, newest_at: int, fresh: Sequence[Run]) -> Iterator[Sampled]:
    """The samples of the numbers that are new, oldest first."""
    count = len(run.air_c)
    for first, last in fresh:
        for place in range(first - report.first_no, last - report.first_no + 1):
            yield Sampled(
                newest_at - (count - 1 - place) * report.every_ms,
                run.air_c[place],
                run.product_c[place],
                bool(run.cooling) and run.cooling[place],
                bool(run.defrosting) and run.defrosting[place],
            )


def _keep(turn: Turn, controller: str, run: ZoneSamples, samples: Iterator[Sampled]) -> None:
    """Keep them until their minute is over; those whose minute is settled already are mended into it."""
    site, settled = turn.site, of(turn.site, controller).settled
    late: list[Sampled] = []
    waiting = zones.now(site, controller, run.zone).waiting
    for sample in samples:
        if sample.at_ms >= MINUTE_MS:  # with a dead clock the past is before all time
            (waiting if sample.at_ms // MINUTE_MS > settled else late).append(sample)
    zones.mend_later(turn, controller, run.zone, late)


def _note_newest(site: Site, controller: str, newest_at: int) -> None:
    site.cold.newest_at[controller] = max(newest_at, site.cold.newest_at.get(controller, 0))


def _not_in(runs: Sequence[Run], first: int, last: int) -> Iterator[Run]:
    """The parts of first…last that no run has."""
    for low, high in runs:
        if high < first or low > last:
            continue
        if first < low:
            yield first, low - 1
        first = high + 1
    if first <= last:
        yield first, last


def _joined(runs: Sequence[Run], more: Run) -> tuple[Run, ...]:
    """Runs in order, neighbours as one; of too many holes the oldest is taken for filled."""
    joined: list[Run] = []
    for low, high in sorted((*runs, more)):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    while len(joined) > MAX_RUNS:
        joined[:2] = [(joined[0][0], joined[1][1])]
    return tuple(joined)
