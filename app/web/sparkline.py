"""Draws a day's temperature as a line of 120 × 32: where it should be, what was measured, gaps as gaps.

Decides where things stand in the picture; words and colours are the template's and the style sheet's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.db.pages.zone_days import Degrees
from locker_protocol.vocabulary import Zone

WIDTH, HEIGHT, ROOM = 120, 32, 3
# Where a zone is kept, as the shop says it in words: frozen −18 °C or colder, chilled 0–4, cool 10–15.
BANDS = {Zone.FROZEN: (-26.0, -18.0), Zone.CHILLED: (0.0, 4.0), Zone.COOL: (10.0, 15.0), Zone.AMBIENT: (10.0, 28.0)}


@dataclass(frozen=True, slots=True)
class Sparkline:
    """`line` is an SVG path; the band is a rectangle over the whole width; `last` is where the line ends."""

    line: str
    band_y: float
    band_height: float
    last: tuple[float, float] | None
    width: int = WIDTH
    height: int = HEIGHT


def sparkline(points: Sequence[Degrees], *, zone: Zone, since: datetime, until: datetime, step: timedelta) -> Sparkline:
    """Place a day. Points further apart than a step are not joined."""
    low, high = BANDS[zone]
    values = [point.mean_c for point in points]
    bottom, top = min([low, *values]), max([high, *values])

    def y(degrees: float) -> float:
        return round(ROOM + (top - degrees) / (top - bottom) * (HEIGHT - 2 * ROOM), 1)

    def x(at: datetime) -> float:
        return round(min(max((at - since) / (until - since), 0), 1) * WIDTH, 1)

    line, before = "", since - 2 * step
    for point in points:
        joined = point.at - before <= step
        line += f"{'L' if joined else 'M'}{x(point.at)} {y(point.mean_c)}"
        line += "" if joined else f"h{round(step / (until - since) * WIDTH / 2, 1)}"
        before = point.at
    last = (x(points[-1].at), y(points[-1].mean_c)) if points else None
    return Sparkline(line, y(high), round(y(low) - y(high), 1), last)
