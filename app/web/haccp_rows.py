"""The HACCP log as rows of words, the same for the page, the file and the PDF.

Decides how a record is said: control point, limit, what was observed, for how long, what was done, by whom, how it was
verified.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row

from app.db.pages.haccp import HaccpLog
from app.web.page import celsius, local
from app.web.words import ZONES
from locker_protocol.cold_chain.policy import ColdPolicy, Line


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. `lasted` in minutes; `None`: it is not over."""

    at: datetime
    point: str
    place: str
    limit: str
    observed: str
    lasted: int | None
    product: str
    action: str
    who: str
    verified: str


def entries(log: HaccpLog) -> list[Entry]:
    """Every deviation, alarm and crate, oldest first."""
    found = [*map(_received, log.received), *map(_alarm, log.alarms), *(_deviation(log, row) for row in log.deviations)]
    return sorted(found, key=lambda entry: entry.at)


def zone_word(zone: str) -> str:
    """A zone's name."""
    return str(ZONES.get(zone, zone))


def _received(row: Row[Any]) -> Entry:
    return Entry(
        at=row.read_at,
        point=_("receiving"),
        place=zone_word(row.zone),
        limit=_("the load gate"),
        observed=celsius(row.product_c),
        lasted=0,
        product=_("crate of the van"),
        action=_("accepted"),
        who=row.person,
        verified=_("read by hand"),
    )


def _alarm(row: Row[Any]) -> Entry:
    words = {
        "too_warm": _("Too warm"),
        "too_cold": _("Too cold"),
        "unmeasured": _("Not measured"),
        "sensor": _("Probe not to be believed"),
        "defrost": _("Thaws too long or too often"),
    }
    value = f" {celsius(row.value_c)}" if row.value_c is not None else ""
    return Entry(
        at=row.found_at,
        point=_("monitoring"),
        place=f"{local(row, 'locker')}, {zone_word(row.zone)}",
        limit=_("warning"),
        observed=words.get(row.alarm, row.alarm) + value,
        lasted=_minutes(row.found_at, row.ended_at),
        product="",
        action=_("looked after") if row.person else _("none recorded"),
        who=row.person or "",
        verified=_("ended by itself") if row.ended_at else _("not over"),
    )


def _deviation(log: HaccpLog, row: Row[Any]) -> Entry:
    causes = {
        "too_warm": _("Too warm"),
        "too_cold": _("Too cold"),
        "unknown": _("Not measured"),
        "undecided": _("nobody decided in time"),
    }
    warmest = "" if row.warmest_c is None else ", " + _("warmest %(degrees)s", degrees=celsius(row.warmest_c))
    return Entry(
        at=row.found_at,
        point=_("storage"),
        place=f"{local(row, 'locker')}, {zone_word(row.zone)}, " + _("door %(doors)s", doors=row.door),
        limit="; ".join(_limits(log.policy, row.food_class)),
        observed=causes.get(row.cause, row.cause) + warmest,
        lasted=_minutes(row.since, row.decided_at),
        product=f"{', '.join(row.products)} ({row.order_no})",
        action=_action(row),
        who=_who(row),
        verified=_verified(row),
    )


def _limits(policy: ColdPolicy, food_class: str) -> Iterator[str]:
    rules = policy.of(food_class)
    for line in rules.quarantine if rules is not None else ():
        yield _limit(line)


def _limit(line: Line) -> str:
    sign = ">" if line.side == "above" else "<"
    counted = {"cumulative": _("all together"), "continuous": _("in one stretch"), "at_once": _("at once")}[
        line.counted
    ]
    return f"{sign} {line.limit_c:g} °C {line.for_s // 60} min ({counted})".replace("-", "−")


def _action(row: Row[Any]) -> str:
    done = {
        "open": _("kept shut, not decided yet"),
        "released": _("kept shut, looked at, released"),
        "cleared": _("kept shut until its minutes were known: nothing was over"),
        "condemned": _("kept shut, discarded, refunded"),
    }
    return ": ".join(part for part in (done.get(row.state, row.state), row.reason) if part)


def _who(row: Row[Any]) -> str:
    if row.person:
        return str(row.person)
    kind = (row.decided_by or "").partition(":")[0]
    return str({"gateway": _("the site by itself"), "clock": _("by the clock"), "": ""}.get(kind, kind))


def _verified(row: Row[Any]) -> str:
    parts: Iterable[str] = (
        _("probe %(degrees)s", degrees=celsius(row.probe_c)) if row.probe_c is not None else "",
        _("photo kept") if row.photo else "",
    )
    return ", ".join(part for part in parts if part)


def _minutes(since: datetime, until: datetime | None) -> int | None:
    return None if until is None else max(round((until - since).total_seconds() / 60), 0)
