"""Draws a parcel's temperature as a small SVG: the band of its class, what was measured, and gaps as gaps.

Decides where things stand in the picture, in its own units; words and colours are the template's and the style sheet's.
Nothing is drawn where nothing was measured.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from app.db.pages.cold_record import ParcelCold
from app.domain.cold_record import LATE_AFTER, Band, Measured, Spell
from app.web.parts import civil_rate

WIDTH, HEIGHT = 340, 176
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 14, 30
# More columns than this cannot be told apart on a phone.
MOST_COLUMNS = 140
SHORTEST = timedelta(minutes=10)
# The gateway sends a batch at least every other second, and again when it is not answered.
UNDER_WAY_S = 15
# Around the band, so that what leaves it is seen to leave.
ROOM_C = 1.5


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Point:
    """A mark of the picture."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything to draw. `reach` and `line` are SVG paths; `limits` are heights with their °C."""

    band: Box
    reach: str
    line: str
    gaps: Sequence[Box]
    van: Point | None
    last: Point | None
    limits: Sequence[tuple[float, float]]
    since: datetime
    until: datetime
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    foot: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class _Scale:
    since: datetime
    until: datetime
    low_c: float
    high_c: float

    def x(self, at: datetime) -> float:
        part = (at - self.since) / (self.until - self.since)
        return round(LEFT + min(max(part, 0), 1) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, degrees: float) -> float:
        part = (degrees - self.low_c) / (self.high_c - self.low_c)
        return round(HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM), 1)


def late_after() -> timedelta:
    """How long minutes may be under way to us, in civil time: in a demo whose clock runs fast, that is soon more."""
    return max(LATE_AFTER, timedelta(seconds=UNDER_WAY_S * civil_rate()))


def drawings(records: Iterable[ParcelCold]) -> dict[str, Picture]:
    """Draw each parcel's record, by the parcel's id."""
    return {one.parcel.id: _drawn(one) for one in records}


def _drawn(one: ParcelCold) -> Picture:
    # On its way to the door nothing measures it but the driver's look into the crate.
    way = [Spell(one.since, one.parcel.loaded_at)] if one.since < one.parcel.loaded_at else []
    gaps = [*way, *one.summary.gaps]
    return draw(one.minutes, since=one.since, until=one.until, band=one.band, gaps=gaps, van=one.van)


def draw(
    minutes: Sequence[Measured],
    *,
    since: datetime,
    until: datetime,
    band: Band,
    gaps: Sequence[Spell],
    van: tuple[datetime, float] | None = None,
) -> Picture:
    """Place one record; `van` is what the driver read of its crate, and when."""
    until = max(until, since + SHORTEST)
    values = [value for one in minutes for value in (one.low_c, one.high_c)] + ([van[1]] if van else [])
    scale = _Scale(
        since, until, min([band.low_c - ROOM_C, *values]), max([band.high_c + ROOM_C, *(v + 0.5 for v in values)])
    )
    columns = _columns(minutes, scale)
    top = scale.y(band.high_c)
    return Picture(
        band=Box(LEFT, top, WIDTH - LEFT - RIGHT, round(scale.y(band.low_c) - top, 1)),
        reach="".join(_reach(run, scale) for run in columns),
        line="".join(_line(run, scale) for run in columns),
        gaps=[_gap(each, scale) for each in gaps],
        van=Point(scale.x(van[0]), scale.y(van[1])) if van else None,
        last=Point(scale.x(minutes[-1].ends), scale.y(minutes[-1].mean_c)) if minutes else None,
        limits=[(top, band.high_c), (scale.y(band.low_c), band.low_c)],
        since=since,
        until=until,
    )


def _columns(minutes: Sequence[Measured], scale: _Scale) -> list[list[Measured]]:
    """Fold to what can be seen, in runs without a gap between them."""
    wide = max((scale.until - scale.since) / MOST_COLUMNS, timedelta(minutes=1))
    runs: list[list[Measured]] = []
    ends: datetime | None = None
    for one in minutes:
        if ends is None or one.at > ends:
            runs.append([])
        runs[-1].append(one)
        ends = one.ends
    return [_fold(run, scale.since, wide) for run in runs]


def _fold(run: Sequence[Measured], since: datetime, wide: timedelta) -> list[Measured]:
    folded = []
    for _, group in groupby(run, key=lambda one: (one.at - since) // wide):
        part = list(group)
        folded.append(
            Measured(
                at=part[0].at,
                lasts=part[-1].ends - part[0].at,
                low_c=min(one.low_c for one in part),
                mean_c=sum(one.mean_c for one in part) / len(part),
                high_c=max(one.high_c for one in part),
            )
        )
    return folded


def _line(run: Sequence[Measured], scale: _Scale) -> str:
    """One minute alone is a short dash, so that it can be seen."""
    points = [f"{scale.x(one.at + one.lasts / 2)} {scale.y(one.mean_c)}" for one in run]
    begins = f"{scale.x(run[0].at)} {scale.y(run[0].mean_c)}"
    ends = f"{scale.x(run[-1].ends)} {scale.y(run[-1].mean_c)}"
    return "M" + "L".join([begins, *points, ends])


def _reach(run: Sequence[Measured], scale: _Scale) -> str:
    over = [f"{scale.x(at)} {scale.y(one.high_c)}" for one in run for at in (one.at, one.ends)]
    under = [f"{scale.x(at)} {scale.y(one.low_c)}" for one in reversed(run) for at in (one.ends, one.at)]
    return "M" + "L".join([*over, *under]) + "Z"


def _gap(gap: Spell, scale: _Scale) -> Box:
    x = scale.x(gap.since)
    return Box(x, TOP, round(max(scale.x(gap.until) - x, 1), 1), HEIGHT - TOP - BOTTOM)
