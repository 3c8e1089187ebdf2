"""What the minutes behind a door say in plain figures: between which temperatures, since when, how long nobody knows.

Counts what was measured and nothing else; whether food stands it, `locker_protocol.cold_chain` is asked.
Temperatures are °C of the product probe; times are civil.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from locker_protocol.cold_chain.judge import judge_all
from locker_protocol.cold_chain.policy import ColdPolicy, judged_as
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import Zone

# What is on its way to us is no gap. Older than this the reading looks dead (experience §2, "stale").
LATE_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Measured:
    """A minute (or quarter of an hour, when it was thinned) that was measured: from `at` for so long."""

    at: datetime
    lasts: timedelta
    low_c: float
    mean_c: float
    high_c: float

    @property
    def ends(self) -> datetime:
        return self.at + self.lasts


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time."""

    since: datetime
    until: datetime

    @property
    def minutes(self) -> int:
        """How long, in whole minutes, rounded."""
        return round((self.until - self.since) / timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class Band:
    """Where a food class belongs, °C."""

    low_c: float
    high_c: float


@dataclass(frozen=True, slots=True)
class ColdSummary:
    """Figures of a stretch of time. `silent_since`: nothing has been measured from then until its end."""

    low_c: float | None
    high_c: float | None
    last_c: float | None
    outside_minutes: int
    gaps: Sequence[Spell]
    silent_since: datetime | None

    @property
    def unknown_minutes(self) -> int:
        """How long nobody measured, the silence at the end included."""
        return sum(gap.minutes for gap in self.gaps)


def summarise(
    minutes: Sequence[Measured], *, since: datetime, until: datetime, band: Band, late_after: timedelta = LATE_AFTER
) -> ColdSummary:
    """Count a stretch of time. `minutes` are its measured ones, oldest first."""
    gaps = list(find_gaps(minutes, since=since, until=until, late_after=late_after))
    silent = gaps and gaps[-1].until == until and minutes
    return ColdSummary(
        low_c=min((one.low_c for one in minutes), default=None),
        high_c=max((one.high_c for one in minutes), default=None),
        last_c=minutes[-1].mean_c if minutes else None,
        outside_minutes=round(sum((_outside(one, band) for one in minutes), timedelta()) / timedelta(minutes=1)),
        gaps=gaps,
        silent_since=gaps[-1].since if silent else None,
    )


def stands(
    minutes: Sequence[Measured], *, food_classes: Iterable[str], zone: Zone, policy: ColdPolicy, since: datetime
) -> bool:
    """Whether the judgement finds nothing against what was measured, by the strictest of these classes."""
    if not minutes:
        return False
    told = [(zone, each) for one in minutes for each in _as_told(one)]
    until_ms = round(minutes[-1].ends.timestamp() * 1000)
    names = {judged_as(policy, each, zone) for each in food_classes} or {judged_as(policy, None, zone)}
    verdicts = [judge_all(name, round(since.timestamp() * 1000), until_ms, policy, told) for name in names]
    return all(verdict.level == "fine" for verdict in verdicts)


def find_gaps(
    minutes: Iterable[Measured], *, since: datetime, until: datetime, late_after: timedelta = LATE_AFTER
) -> Iterable[Spell]:
    """The stretches nobody measured. One at the end is a gap only when it lasts longer than what may be under way."""
    known_until = _whole_minute(since)
    for one in minutes:
        if one.at > known_until:
            yield Spell(max(known_until, since), one.at)
        known_until = max(known_until, one.ends)
    if until - known_until > late_after:
        yield Spell(max(known_until, since), until)


def _whole_minute(at: datetime) -> datetime:
    """The minute that begins after a moment: its first part was measured before it, or belongs to something else."""
    cut = at.replace(second=0, microsecond=0)
    return cut if cut == at else cut + timedelta(minutes=1)


def _as_told(one: Measured) -> Iterable[ZoneMinute]:
    first = round(one.at.timestamp()) // 60
    low, mean, high = (round(value * 100) for value in (one.low_c, one.mean_c, one.high_c))
    for n in range(one.lasts // timedelta(minutes=1)):
        yield ZoneMinute(first + n, 1, None, None, None, low, mean, high)


def _outside(one: Measured, band: Band) -> timedelta:
    return one.lasts if one.low_c < band.low_c or one.high_c > band.high_c else timedelta()
