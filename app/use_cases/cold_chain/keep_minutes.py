"""Minutes of temperature that sites told are put where they belong: an hour of a zone a row, a minute an element.

Decides which batches are taken (whole or not at all) and how far each controller's minutes are known. One that comes
twice writes the same again; one that leaves minutes out before it is answered with how far we are. A minute nobody
tells of is never taken from what was told. Judges no food: the site does, and says what it found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from app.domain.minutes_kept import (
    MINUTES_AN_HOUR,
    MinutesFalse,
    MinutesOfTheFuture,
    Stretch,
    check_minutes,
    stretches,
)
from app.use_cases.site.wire_time import EPOCH
from locker_protocol.telemetry import MinutesApplied, MinutesKept

LOCKERS = text("""
    SELECT l.id, l.site_id, l.minutes_through, s.timezone,
        ARRAY(SELECT DISTINCT c.zone FROM compartment c WHERE c.locker_id = l.id) AS zones
    FROM locker l JOIN site s ON s.id = l.site_id WHERE l.id = ANY(CAST(:lockers AS text[]))
    ORDER BY l.id FOR NO KEY UPDATE OF l
""")
READINGS = ("product_min", "product_mean", "product_max", "air_min", "air_mean", "air_max")
NUMBERS = ("samples", *READINGS, "open_s", "cooling_s", "defrost_s")
FAULTS = ("air_fault", "product_fault")
COLUMNS = (*NUMBERS, *FAULTS)
TYPES = dict.fromkeys(NUMBERS, "smallint[]") | dict.fromkeys(FAULTS, "text[]")

# Many short texts go over as one: each as an element of its own costs the driver more than all the rest.
BETWEEN = "|"
_told = ", ".join(f"string_to_array(:{name}, '{BETWEEN}')" for name in COLUMNS)
_slices = ", ".join(f"{name}[t.first:t.last] = CAST(t.{name} AS {TYPES[name]})" for name in COLUMNS)
WRITE = text(f"""
    UPDATE zone_hour z SET {_slices}
    FROM unnest(CAST(:lockers AS text[]), CAST(:zones AS text[]), CAST(:hours AS timestamptz[]),
        CAST(:firsts AS int[]), CAST(:lasts AS int[]), {_told})
        AS t (locker_id, zone, hour, first, last, {", ".join(COLUMNS)})
    WHERE z.locker_id = t.locker_id AND z.zone = t.zone AND z.hour = t.hour AND cardinality(z.samples) = 60
""")  # noqa: S608  names of ours
_empty = ", ".join(f"array_fill(CAST(NULL AS {TYPES[name][:-2]}), '{{60}}')" for name in COLUMNS)
BEGIN = text(f"""
    INSERT INTO zone_hour (locker_id, zone, hour, {", ".join(COLUMNS)})
    SELECT locker_id, zone, hour, {_empty}
    FROM unnest(CAST(:lockers AS text[]), CAST(:zones AS text[]), CAST(:hours AS timestamptz[]))
        AS t (locker_id, zone, hour)
    ON CONFLICT DO NOTHING
""")  # noqa: S608
MOVE = text("""
    UPDATE locker l SET minutes_through = t.through
    FROM unnest(CAST(:lockers AS text[]), CAST(:throughs AS bigint[])) AS t (id, through) WHERE l.id = t.id
""")
# A meter never runs back; one that does was replaced, and its day ends with the old one.
ENERGY = text("""
    INSERT INTO cabinet_energy (locker_id, day, first_wh, last_wh)
    SELECT t.id, (t.at AT TIME ZONE t.timezone)::date, min(t.wh), max(t.wh)
    FROM unnest(CAST(:lockers AS text[]), CAST(:ats AS timestamptz[]), CAST(:timezones AS text[]),
        CAST(:whs AS bigint[])) AS t (id, at, timezone, wh) GROUP BY 1, 2
    ON CONFLICT (locker_id, day) DO UPDATE SET last_wh = greatest(cabinet_energy.last_wh, excluded.last_wh)
""")


@dataclass(frozen=True, slots=True)
class Told:
    """A batch and the site it came from."""

    site_id: str
    said: MinutesKept


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one batch: what its gateway is answered, if anything; why it was refused, if it was."""

    answer: MinutesApplied | None
    refused: str | None = None
    taken: bool = False


@dataclass(slots=True)
class _Locker:
    site_id: str
    zones: Sequence[str]
    timezone: str
    before: int
    through: int


def keep_minutes(conn: Connection, batches: Sequence[Told], *, now: datetime) -> list[Outcome]:
    """Take these batches in their order; returns what became of each. The caller answers after the commit."""
    lockers = _lockers(conn, sorted({each.said.controller for each in batches}))
    now_minute = minute_of(now)
    outcomes = [_judge(each, lockers.get(each.said.controller), now_minute) for each in batches]
    taken = [each.said for each, outcome in zip(batches, outcomes, strict=True) if outcome.taken]
    pieces = [(said.controller, piece) for said in taken for piece in stretches(said, now_minute=now_minute)]
    for together in _in_turns(pieces):
        _write(conn, together)
    if moved := {name: locker.through for name, locker in lockers.items() if locker.through > locker.before}:
        conn.execute(MOVE, {"lockers": list(moved), "throughs": list(moved.values())})
    _meter(conn, taken, lockers)
    return outcomes


def minute_of(at: datetime) -> int:
    """The civil minute since 1970."""
    return (at - EPOCH) // timedelta(minutes=1)


def _lockers(conn: Connection, controllers: Sequence[str]) -> dict[str, _Locker]:
    rows = conn.execute(LOCKERS, {"lockers": controllers})
    return {
        row.id: _Locker(row.site_id, row.zones, row.timezone, row.minutes_through, row.minutes_through) for row in rows
    }


def _judge(told: Told, locker: _Locker | None, now_minute: int) -> Outcome:
    said = told.said
    if locker is None or locker.site_id != told.site_id:
        return Outcome(None, f"{said.controller} is no locker of this site")
    if said.after > locker.through:
        return Outcome(MinutesApplied(said.controller, locker.through))
    try:
        check_minutes(said, zones=locker.zones, now_minute=now_minute)
    except MinutesOfTheFuture as error:
        return Outcome(None, str(error))
    except MinutesFalse as error:
        # It would be told again for ever: what it covers stays unknown.
        locker.through = max(locker.through, min(said.through, now_minute))
        return Outcome(MinutesApplied(said.controller, said.through), str(error))
    locker.through = max(locker.through, said.through)
    return Outcome(MinutesApplied(said.controller, said.through), taken=True)


def _in_turns(pieces: Iterable[tuple[str, Stretch]]) -> Iterable[list[tuple[str, Stretch]]]:
    """One statement writes a row once: further pieces of the same hour come in the next."""
    turns: list[dict[tuple[str, str, int], tuple[str, Stretch]]] = []
    count: dict[tuple[str, str, int], int] = {}
    for controller, piece in pieces:
        place = (controller, piece.zone.value, piece.hour)
        nth = count.get(place, 0)
        count[place] = nth + 1
        if nth == len(turns):
            turns.append({})
        turns[nth][place] = (controller, piece)
    return [list(turn.values()) for turn in turns]


def _write(conn: Connection, pieces: Sequence[tuple[str, Stretch]]) -> None:
    values: dict[str, Any] = {
        "lockers": [controller for controller, _ in pieces],
        "zones": [piece.zone.value for _, piece in pieces],
        "hours": [EPOCH + timedelta(hours=piece.hour) for _, piece in pieces],
        "firsts": [piece.first + 1 for _, piece in pieces],
        "lasts": [piece.last + 1 for _, piece in pieces],
    }
    for name in COLUMNS:
        values[name] = BETWEEN.join(
            _literal([getattr(minute, name) for minute in piece.minutes]) for _, piece in pieces
        )
    if conn.execute(WRITE, values).rowcount < len(pieces):
        conn.execute(BEGIN, {name: values[name] for name in ("lockers", "zones", "hours")})
        conn.execute(WRITE, values)


def _literal(elements: Sequence[object]) -> str:
    """An array as PostgreSQL reads it: numbers and words of ours only."""
    return f"{{{','.join(['NULL' if one is None else str(one) for one in elements])}}}"


def _meter(conn: Connection, taken: Sequence[MinutesKept], lockers: dict[str, _Locker]) -> None:
    read = [(said.controller, said.through, said.energy_wh) for said in taken if said.energy_wh is not None]
    if not read:
        return
    values = {
        "lockers": [controller for controller, _, _ in read],
        "ats": [EPOCH + timedelta(minutes=through) for _, through, _ in read],
        "timezones": [lockers[controller].timezone for controller, _, _ in read],
        "whs": [wh for _, _, wh in read],
    }
    conn.execute(ENERGY, values)


assert MINUTES_AN_HOUR == 60, "the statements above say so too"
