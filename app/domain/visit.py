"""A van's visit to a site: which zones may be loaded, what is taken out, which doors open together.

The load gate is judged once a visit, not once a door: columns share an evaporator, and sixty openings in July would
lock the driver out half-way. Source of its limits: docs of the cold chain, FDA Food Code 3-202.11 and our own policy.
Decides nothing about where a parcel lies or whether a lock moves: the site does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict

from app.domain.errors import DomainError
from app.domain.order_state import FINAL_ORDER_STATES, OrderState
from locker_protocol.cold_chain.policy import USUAL_CLASS, ColdPolicy
from locker_protocol.vocabulary import Zone

MOST_DOORS = 8  # that one person can watch while they stand open
# In real seconds; a demo's faster civil time multiplies them.
PROBE_FRESH_S = 120
IN_HAND_S = 120
# A visit that nobody ended: the next van does not inherit its load gate.
FORGOTTEN_AFTER = timedelta(hours=4)

COLDEST = -60.0
PRODUCT_C: Mapping[Zone, tuple[float, float]] = {
    Zone.FROZEN: (COLDEST, -15.0),
    Zone.CHILLED: (COLDEST, 5.0),
    Zone.COOL: (8.0, 18.0),
    Zone.AMBIENT: (COLDEST, 35.0),
}


# Whose crates are measured when they arrive.
MEASURED = frozenset({Zone.CHILLED.value, Zone.FROZEN.value})


class ZoneTooWarm(DomainError):
    """A zone's food probe is outside its limits. Facts: `name_zh`, `name_en` (its locker), `zone`, `degrees`."""

    code = "zone_too_warm"


class ZoneUnmeasured(DomainError):
    """Nothing fresh is known of a zone's temperature. Facts: `name_zh`, `name_en` (its locker), `zone`."""

    code = "zone_unmeasured"


class CrateTooWarm(DomainError):
    """A crate came warmer than its food may be. Facts: `zone`, `degrees`, `limit`."""

    code = "crate_too_warm"


class CrateReadAlready(DomainError):
    """That zone's crate was measured at this visit before; the first reading counts."""

    code = "crate_read_already"


class GateJustJudged(DomainError):
    """The temperatures were read less than two minutes ago; nothing newer can be known."""

    code = "gate_just_judged"


class VisitOver(DomainError):
    """The visit was ended already."""

    code = "visit_over"


class DoorInHand(DomainError):
    """Somebody else opened this door, or is about to. Fact: `door`."""

    code = "door_in_hand"


class LabelInHand(DomainError):
    """Somebody else loads this bag at the moment."""

    code = "label_in_hand"


class NotDue(DomainError):
    """What lies there may still be collected, or nothing lies there. Fact: `door`."""

    code = "not_due"


class NotToCheck(DomainError):
    """The door does not wait to be checked, or a parcel lies behind it. Fact: `door`."""

    code = "not_to_check"


class TooManyAtOnce(DomainError):
    """More doors at once than one person can watch. Fact: `most`."""

    code = "too_many_at_once"
    status = 422


def refuse_over(ended_at: datetime | None, *, at: datetime) -> None:
    """Refuse what was done after the visit ended; what was done before it may still be told. Raises VisitOver."""
    if ended_at is not None and at >= ended_at:
        raise VisitOver


@dataclass(frozen=True, slots=True)
class Probe:
    """The last word of a zone's food probe, °C; `None`: it never said anything."""

    locker_id: str
    zone: Zone
    product_c: float | None
    read_at: datetime | None


class ZoneGate(TypedDict):
    """As `visit.gate` keeps it by locker and zone; times in ISO 8601, °C. `product_c` of `None`: not known."""

    product_c: float | None
    read_at: str | None
    judged_at: str
    open: bool


Gate = dict[str, dict[str, ZoneGate]]


def judge_gate(probes: Iterable[Probe], *, now: datetime, rate: float) -> Gate:
    """Say which zones may be loaded. What is unknown, or older than two real minutes, is not fine."""
    gate: Gate = {}
    for probe in probes:
        gate.setdefault(probe.locker_id, {})[probe.zone.value] = _judge_zone(probe, now=now, rate=rate)
    return gate


def judge_unknown(gate: Gate, probes: Iterable[Probe], *, now: datetime, rate: float) -> Gate:
    """The same gate with the zones judged of which nothing was known when the visit began."""
    unknown = [probe for probe in probes if not _is_known(gate, probe)]
    fresh = judge_gate(unknown, now=now, rate=rate)
    return {locker: {**gate.get(locker, {}), **fresh.get(locker, {})} for locker in {**gate, **fresh}}


def judged_at(gate: Mapping[str, Mapping[str, Any]]) -> datetime | None:
    """When a gate was judged; `None` when it never was."""
    times = [zone["judged_at"] for zones in gate.values() for zone in zones.values()]
    return datetime.fromisoformat(max(times)) if times else None


def may_measure_again(gate: Mapping[str, Mapping[str, Any]], *, now: datetime, rate: float) -> bool:
    """Whether something newer than the gate's readings can be known; what was never known may be asked for at once."""
    before = judged_at(gate)
    unknown = any(zone["product_c"] is None for zones in gate.values() for zone in zones.values())
    return before is None or unknown or now - before > timedelta(seconds=PROBE_FRESH_S * rate)


def check_crate(zone: Zone, product_c: float, policy: ColdPolicy) -> None:
    """Raise CrateTooWarm when food of this zone must not come as warm as that."""
    rules = policy.of(USUAL_CLASS[zone])
    limits = [line.limit_c for line in rules.quarantine if line.side == "above"] if rules else []
    if limits and product_c > min(limits):
        raise CrateTooWarm(zone=zone.value, degrees=f"{product_c:.1f}", limit=f"{min(limits):g}")


class Why(StrEnum):
    """Why a parcel is taken out."""

    WITHDRAWN = "withdrawn"
    CONDEMNED = "condemned"  # for food safety
    TOO_OLD = "too_old"
    RUN_OVER = "run_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """A parcel behind a door. `kept`: its owner chose to leave it there for as long as it is good."""

    order_state: OrderState
    collect_until: datetime
    removal_from: datetime
    kept: bool
    condemned: bool


def why_remove(lying: Lying, *, now: datetime) -> Why | None:
    """Why this parcel is to be taken out now; `None`: it may still be collected."""
    if lying.condemned:
        return Why.CONDEMNED
    if lying.order_state in FINAL_ORDER_STATES or lying.order_state is OrderState.EXPIRING:
        return Why.WITHDRAWN
    if now > lying.collect_until:
        return Why.TOO_OLD
    if now >= lying.removal_from and not lying.kept:
        return Why.RUN_OVER
    return None


@dataclass(frozen=True, slots=True)
class Place:
    """A door and where it is."""

    locker_id: str
    column_no: int
    door: int


def openable_together(places: Sequence[Place]) -> list[list[Place]]:
    """Group doors for one tap each: whole columns of one locker as long as at most `MOST_DOORS` come together."""
    groups: list[list[Place]] = []
    for column in _columns(places):
        last = groups[-1] if groups else []
        if last and last[0].locker_id == column[0].locker_id and len(last) + len(column) <= MOST_DOORS:
            last.extend(column)
        else:
            groups.extend(column[start : start + MOST_DOORS] for start in range(0, len(column), MOST_DOORS))
    return groups


def _is_known(gate: Gate, probe: Probe) -> bool:
    zone = gate.get(probe.locker_id, {}).get(probe.zone.value)
    return zone is not None and zone["product_c"] is not None


def _columns(places: Sequence[Place]) -> list[list[Place]]:
    columns: dict[tuple[str, int], list[Place]] = {}
    for place in places:
        columns.setdefault((place.locker_id, place.column_no), []).append(place)
    return list(columns.values())


def _judge_zone(probe: Probe, *, now: datetime, rate: float) -> ZoneGate:
    fresh = probe.read_at is not None and now - probe.read_at <= timedelta(seconds=PROBE_FRESH_S * rate)
    known_c = probe.product_c if fresh else None
    low, high = PRODUCT_C[probe.zone]
    return {
        "product_c": known_c,
        "read_at": probe.read_at.isoformat() if probe.read_at else None,
        "judged_at": now.isoformat(),
        "open": known_c is not None and low <= known_c <= high,
    }
