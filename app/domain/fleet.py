"""How all lockers stand, for who looks after many: what is wrong, put together by place and cause, the worst first.

Decides which causes have to be handled and which are only watched, how one locker stands that has several, and which
lines an operator sees. Finds nothing itself: what is wrong is handed in.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# As many as somebody reads before they act.
MOST_LINES = 20
# When more sites than this are not heard, something they share has failed: one line, not a page of them.
MOST_SITES = 3
# The locker asks for it after 30 s and the keeper sees it after 60 s: most doors are shut by then.
OPEN_TOLD_AFTER = timedelta(seconds=120)
# A site tells its state every 5 s of real time: a minute of nothing is silence.
STALE_AFTER = timedelta(seconds=60)
REFUSALS_WITHIN = timedelta(hours=1)
# One mistyped code is life; as many as would end a code are somebody who does not get in.
REFUSALS_TOLD = 5


class Standing(StrEnum):
    """How a locker stands, the worst first. Of one that is not heard nobody knows the rest."""

    HANDLE = "handle"
    SILENT = "silent"
    WATCH = "watch"
    FINE = "fine"


class Wrong(StrEnum):
    """Why a locker does not stand fine, the worst first."""

    QUARANTINED = "quarantined"
    TOO_WARM = "too_warm"
    TOO_COLD = "too_cold"
    MISWIRED = "miswired"
    FORCED = "forced"
    JAMMED = "jammed"
    CLOCK_AHEAD = "clock_ahead"
    SITE_SILENT = "site_silent"
    LOCKER_SILENT = "locker_silent"
    UNMEASURED = "unmeasured"
    READS_OPEN = "reads_open"
    LEFT_OPEN = "left_open"
    SENSOR = "sensor"
    DEFROST = "defrost"
    REFUSALS = "refusals"


STANDING: Mapping[Wrong, Standing] = {
    Wrong.QUARANTINED: Standing.HANDLE,
    Wrong.TOO_WARM: Standing.HANDLE,
    Wrong.TOO_COLD: Standing.HANDLE,
    Wrong.MISWIRED: Standing.HANDLE,
    Wrong.FORCED: Standing.HANDLE,
    Wrong.JAMMED: Standing.HANDLE,
    Wrong.CLOCK_AHEAD: Standing.HANDLE,
    Wrong.SITE_SILENT: Standing.SILENT,
    Wrong.LOCKER_SILENT: Standing.SILENT,
    Wrong.UNMEASURED: Standing.SILENT,
    Wrong.READS_OPEN: Standing.WATCH,
    Wrong.LEFT_OPEN: Standing.WATCH,
    Wrong.SENSOR: Standing.WATCH,
    Wrong.DEFROST: Standing.WATCH,
    Wrong.REFUSALS: Standing.WATCH,
}
RANK = {standing: place for place, standing in enumerate(Standing)}
SEVERITY = {cause: place for place, cause in enumerate(Wrong)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that is wrong now; without `locker_id` at the whole site. `since`: `None` is never heard of."""

    cause: Wrong
    site_id: str
    since: datetime | None
    locker_id: str | None = None
    zone: str | None = None
    door: int | None = None
    other_door: int | None = None
    order_id: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Lying:
    """A parcel in a locker, with its order's worth in minor units."""

    site_id: str
    locker_id: str
    zone: str
    door: int
    order_id: str
    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Who looks after something: they said so (`since`), or it is their building. `until`: they want it silent."""

    name: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class FleetLine:
    """Facts of one cause at one site; in a storm at many."""

    cause: Wrong
    standing: Standing
    sites: tuple[str, ...]
    facts: Sequence[Fact]
    orders: frozenset[str]
    money: Mapping[str, int]
    owner: Owner | None

    @property
    def key(self) -> str:
        """The same for as long as the line is about the same thing."""
        return f"{self.cause}:{self.sites[0] if len(self.sites) == 1 else 'storm'}"

    @property
    def since(self) -> datetime | None:
        """When it began; `None` when nobody knows."""
        return min((fact.since for fact in self.facts if fact.since is not None), default=None)

    @property
    def lockers(self) -> tuple[str, ...]:
        """Which lockers it names."""
        return tuple(sorted({fact.locker_id for fact in self.facts if fact.locker_id is not None}))


def standings(
    lockers: Iterable[tuple[str, str]], facts: Iterable[Fact], silenced: frozenset[tuple[Wrong, str]] = frozenset()
) -> dict[str, Standing]:
    """How each of (locker, site) stands. What somebody silenced, as (cause, site), is only watched meanwhile."""
    worst: dict[str, Standing] = {}
    for fact in facts:
        standing = standing_of(fact, silenced)
        place = fact.locker_id or fact.site_id
        worst[place] = min(worst.get(place, standing), standing, key=RANK.__getitem__)
    return {
        locker_id: min(worst.get(locker_id, Standing.FINE), worst.get(site_id, Standing.FINE), key=RANK.__getitem__)
        for locker_id, site_id in lockers
    }


def standing_of(fact: Fact, silenced: frozenset[tuple[Wrong, str]] = frozenset()) -> Standing:
    """How a locker stands for this one fact."""
    return Standing.WATCH if (fact.cause, fact.site_id) in silenced else STANDING[fact.cause]


def fleet_lines(
    facts: Sequence[Fact],
    lying: Sequence[Lying],
    owners: Mapping[tuple[Wrong, str], Owner],
    keepers: Mapping[str, Owner],
) -> list[FleetLine]:
    """All lines, the worst first: what stands to be handled, then by cause, then by what is at risk, then by age."""
    by_place: dict[tuple[Wrong, str], list[Fact]] = {}
    for fact in facts:
        by_place.setdefault((fact.cause, fact.site_id), []).append(fact)
    by_site: dict[str, list[Lying]] = {}
    for parcel in lying:
        by_site.setdefault(parcel.site_id, []).append(parcel)
    found = [
        _line(cause, (site_id,), some, by_site.get(site_id, ()), owners.get((cause, site_id)) or keepers.get(site_id))
        for (cause, site_id), some in by_place.items()
    ]
    return sorted(_with_storms(found), key=_worst_first)


def counts(standing: Mapping[str, Standing]) -> Counter[Standing]:
    """How many lockers stand how."""
    return Counter(standing.values())


def _line(
    cause: Wrong, sites: tuple[str, ...], facts: Sequence[Fact], lying: Sequence[Lying], owner: Owner | None
) -> FleetLine:
    hit = {
        parcel.order_id: (parcel.currency, parcel.minor) for parcel in lying if any(_lies_at(parcel, f) for f in facts)
    }
    money: dict[str, int] = {}
    for currency, minor in hit.values():
        money[currency] = money.get(currency, 0) + minor
    silenced = owner is not None and owner.until is not None
    standing = Standing.WATCH if silenced else STANDING[cause]
    return FleetLine(cause, standing, sites, facts, frozenset(hit), money, owner)


def _lies_at(parcel: Lying, fact: Fact) -> bool:
    """Whether a parcel lies where a fact is about."""
    return parcel.site_id == fact.site_id and all(
        wanted is None or wanted == found
        for wanted, found in (
            (fact.locker_id, parcel.locker_id),
            (fact.zone, parcel.zone),
            (fact.door, parcel.door),
            (fact.order_id, parcel.order_id),
        )
    )


def _with_storms(found: Sequence[FleetLine]) -> list[FleetLine]:
    """Many sites that are not heard for the same cause are one line; those that somebody silenced stay apart."""
    storms: dict[Wrong, list[FleetLine]] = {}
    for line in found:
        if line.standing is Standing.SILENT:
            storms.setdefault(line.cause, []).append(line)
    large = {cause: group for cause, group in storms.items() if len(group) > MOST_SITES}
    quiet = [line for line in found if line.cause not in large or line.standing is not Standing.SILENT]
    return [*quiet, *(_storm(cause, group) for cause, group in large.items())]


def _storm(cause: Wrong, group: Sequence[FleetLine]) -> FleetLine:
    money: dict[str, int] = {}
    for line in group:
        for currency, minor in line.money.items():
            money[currency] = money.get(currency, 0) + minor
    return FleetLine(
        cause,
        STANDING[cause],
        tuple(line.sites[0] for line in group),
        [fact for line in group for fact in line.facts],
        frozenset[str]().union(*(line.orders for line in group)),
        money,
        None,
    )


def _worst_first(line: FleetLine) -> tuple[int, int, int, float]:
    began = line.since.timestamp() if line.since is not None else 0.0
    return (RANK[line.standing], SEVERITY[line.cause], -len(line.orders), began)
