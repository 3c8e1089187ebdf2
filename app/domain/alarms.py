"""What is wrong with the cold at the sites, put together for people: by cause, worst first, a storm as one line.

Decides the order, which alarms stand in one line, and what an answer quiets. That somebody has seen it holds for what
had begun by then; a silence holds until its end, whatever begins. Finds no alarm itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.errors import DomainError

# More sites than this with the same cause are one line with a number.
MOST_SITES = 3
LONGEST_SILENCE = timedelta(hours=24)


class AlarmCause(StrEnum):
    """Why somebody has to look, worst first."""

    QUARANTINED = "quarantined"  # food is kept shut and waits for a decision
    TOO_WARM = "too_warm"
    TOO_COLD = "too_cold"
    UNMEASURED = "unmeasured"  # a zone nobody measures
    LOCKER_SILENT = "locker_silent"
    SITE_SILENT = "site_silent"
    SENSOR = "sensor"
    DEFROST = "defrost"


SEVERITY = {cause: place for place, cause in enumerate(AlarmCause)}


class AlarmOver(DomainError):
    """Nothing of that cause is wrong there any more."""

    code = "alarm_over"


class SilenceNeedsEnd(DomainError):
    """Nothing is silenced for ever, nor longer than a day. Fact: `hours`."""

    code = "silence_needs_end"
    status = 422


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that is wrong now. `orders` lie there."""

    cause: AlarmCause
    site_id: str
    since: datetime
    locker_id: str | None = None
    zone: str | None = None
    orders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said to a cause at a site: seen, or with `until` silenced. Doors and links have causes too."""

    cause: str
    site_id: str
    at: datetime
    by: str
    until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Alarms of one cause at one site, or at many. `seen` and `silenced`: the newest answer that holds for all."""

    cause: AlarmCause
    sites: tuple[str, ...]
    alarms: Sequence[Alarm]
    seen: Answer | None
    silenced: Answer | None

    @property
    def since(self) -> datetime:
        return min(alarm.since for alarm in self.alarms)

    @property
    def orders(self) -> frozenset[str]:
        """Everybody's who are affected, each once."""
        return frozenset[str]().union(*(alarm.orders for alarm in self.alarms))

    @property
    def lockers(self) -> int:
        """How many cabinets; a silent site counts as one."""
        return len({(alarm.site_id, alarm.locker_id) for alarm in self.alarms})


def lines(alarms: Iterable[Alarm], answers: Sequence[Answer], *, now: datetime) -> list[Line]:
    """Put alarms into lines: what nobody has answered first, then by cause, then by how many it concerns."""
    answered = [_answered(cause, site_id, each, answers, now) for (cause, site_id), each in _by_site(alarms).items()]
    together: dict[tuple[AlarmCause, bool, bool], list[Line]] = {}
    for line in answered:
        together.setdefault((line.cause, line.seen is not None, line.silenced is not None), []).append(line)
    merged = [one for group in together.values() for one in (group if len(group) <= MOST_SITES else [_storm(group)])]
    return sorted(
        merged,
        key=lambda one: (
            one.silenced is not None,
            one.seen is not None,
            SEVERITY[one.cause],
            -len(one.orders),
            one.since,
        ),
    )


def unanswered(alarms: Iterable[Alarm], answers: Sequence[Answer], *, now: datetime) -> list[Alarm]:
    """Those that nobody has seen or silenced."""
    return [
        alarm
        for line in lines(alarms, answers, now=now)
        if line.seen is None and line.silenced is None
        for alarm in line.alarms
    ]


def check_silence(hours: int, *, now: datetime) -> datetime:
    """When a silence ends. Raises SilenceNeedsEnd."""
    if not timedelta() < timedelta(hours=hours) <= LONGEST_SILENCE:
        raise SilenceNeedsEnd(hours=LONGEST_SILENCE // timedelta(hours=1))
    return now + timedelta(hours=hours)


def _by_site(alarms: Iterable[Alarm]) -> dict[tuple[AlarmCause, str], list[Alarm]]:
    found: dict[tuple[AlarmCause, str], list[Alarm]] = {}
    for alarm in alarms:
        found.setdefault((alarm.cause, alarm.site_id), []).append(alarm)
    return found


def _answered(
    cause: AlarmCause, site_id: str, alarms: Sequence[Alarm], answers: Sequence[Answer], now: datetime
) -> Line:
    mine = sorted((one for one in answers if (one.cause, one.site_id) == (cause, site_id)), key=lambda one: one.at)
    newest = max(alarm.since for alarm in alarms)
    seen = [one for one in mine if one.until is None and one.at >= newest]
    silenced = [one for one in mine if one.until is not None and one.until > now]
    return Line(cause, (site_id,), alarms, seen[-1] if seen else None, silenced[-1] if silenced else None)


def _storm(group: Sequence[Line]) -> Line:
    seen = [line.seen for line in group if line.seen is not None]
    silenced = [line.silenced for line in group if line.silenced is not None]
    return Line(
        cause=group[0].cause,
        sites=tuple(site for line in group for site in line.sites),
        alarms=[alarm for line in group for alarm in line.alarms],
        seen=max(seen, key=lambda one: one.at) if seen else None,
        silenced=min(silenced, key=lambda one: one.until or one.at) if silenced else None,
    )
