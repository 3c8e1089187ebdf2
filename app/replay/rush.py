"""A simulated 18:30: forty neighbours come to one site's lockers within fifteen minutes, as a Poisson process.

Decides who comes when, by the seed. Arrivals are compressed, what the machines do and how long a person stands at the
open doors is not, so that the lockers are busier than they will be. Measures what a person waits for the machines:
from the scan to all doors open.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from app.db.engine import make_engine, transaction
from app.replay.chance import chance
from app.replay.report import percentile
from app.replay.residents import Comes, Habits, Pays, Placed, Shows, collect
from app.replay.town import Town, Windows
from app.replay.wishes import Wish

SITE, RUN = "osmanthus", "evening"
PEOPLE = 40
WITHIN_S = 15 * 60
FASTER = 10
# What a person needs to take the bags out and shut; operations count with 12 s a door, all doors at once.
AT_A_DOOR_S = 12.0
ONE_WAY = Habits(Pays.AT_ONCE, Comes.IN_TIME, Shows.QR, forgets_a_bag=False)
BEFORE = timedelta(minutes=20)


# The demo's evening takes 28 orders at this site; its 49 doors take forty of one door each.
WIDEN = text("UPDATE pickup_window SET order_cap = :cap")


def widen_windows(database_url: str) -> None:
    """Let the windows of a stack of our own take them all; the doors stay as they are."""
    engine = make_engine(database_url, pool_size=1)
    with transaction(engine) as conn:
        conn.execute(WIDEN, {"cap": PEOPLE})
    engine.dispose()


@dataclass(slots=True)
class Rush:
    """What came of it. Milliseconds."""

    people: int
    doors: int = 0
    scan_to_unlock_ms: Sequence[int] = ()
    scan_to_open_ms: Sequence[int] = ()
    violations: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "people": self.people,
            "doors": self.doors,
            "arrivals": f"Poisson, {PEOPLE} within {WITHIN_S} s, {FASTER} times compressed",
            "scan_to_unlock_ms": _spread(self.scan_to_unlock_ms),
            "scan_to_all_open_seen_ms": _spread(self.scan_to_open_ms),
            "violations": len(self.violations),
            "violated": self.violations,
        }


def arrivals(seed: int, people: int) -> list[float]:
    """Seconds from the start at which each comes, compressed: independent gaps of one rate."""
    moment, found = 0.0, []
    for number in range(people):
        moment += -math.log(1 - chance(seed, "gap", number)) * WITHIN_S / people / FASTER
        found.append(moment)
    return found


def takes_one_door(town: Town, wish: Wish) -> bool:
    """True for what certainly stands behind one door: one article, few of it."""
    kinds = [town.goods.articles[sku].kind for sku in wish.pieces]
    volume_ml = sum(kind.volume_ml * count for kind, count in zip(kinds, wish.pieces.values(), strict=True))
    return len(kinds) == 1 and volume_ml <= 15_000


async def rush(town: Town) -> Rush:
    """Order and load for the people of one evening, then let them come. Its stack's windows must take them all."""
    town.wishes = (wish for wish in town.wishes if takes_one_door(town, wish))
    day = await town.next_day()
    rows = [row for row in day.rows if row["site_id"] == SITE and row["kind"] == RUN]
    town.habits = lambda _wish: ONE_WAY
    await town.order(Windows(rows), PEOPLE)
    opens = min(datetime.fromisoformat(row["opens_at"]) for row in rows)
    await town.agenda.jump(opens - BEFORE)
    await town.load_runs({SITE: rows[0]["run_no"]}, keep=False)
    await town.agenda.jump(max(datetime.fromisoformat(row["opens_at"]) for row in rows) + timedelta(minutes=1))
    await _come(town)
    times = town.near.times
    return Rush(
        len(town.placed),
        sum(len(placed.parcels) for placed in town.placed),
        times.scan_to_unlock_ms,
        times.scan_to_open_ms,
        [*town.violations, *town.near.steel.violations],
    )


async def _come(town: Town) -> None:
    async def person(placed: Placed, at_s: float) -> None:
        await asyncio.sleep(at_s)
        await town.guarded(f"collecting order {placed.order_id}", collect(town.near, placed, at_a_door_s=AT_A_DOOR_S))

    moments = arrivals(town.seed, len(town.placed))
    await asyncio.gather(*(person(placed, at_s) for placed, at_s in zip(town.placed, moments, strict=True)))


def _spread(values: Sequence[int]) -> dict[str, float]:
    return {"p50": percentile(values, 50), "p90": percentile(values, 90), "max": max(values)} if values else {}
