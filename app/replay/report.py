"""What a replay says in the end, as JSON and in a few lines. It decides whether the replay held."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

SHOWN = 50


@dataclass(slots=True)
class Report:
    """Figures of one replay. Times are milliseconds; `audit` counts by invariant."""

    wanted: int
    seed: int
    hands: int
    orders: int = 0
    paid: int = 0
    loaded: int = 0
    collected: int = 0
    refunded: int = 0
    released: int = 0
    seconds: float = 0
    days: int = 0
    checkout_ms: Sequence[int] = ()
    scan_to_unlock_ms: Sequence[int] = ()
    scan_to_open_ms: Sequence[int] = ()
    violations: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    audit: Mapping[str, int] = field(default_factory=dict)
    kills: Sequence[Mapping[str, Any]] = ()
    faults: Sequence[Mapping[str, Any]] = ()
    deeds: Mapping[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    unanswered: int = 0

    @property
    def held(self) -> bool:
        """True when all was ordered that was asked for, nothing was violated and every paid order ended."""
        return not self.violations and self.orders >= self.wanted and self.collected + self.refunded >= self.paid

    def lines(self) -> list[str]:
        """What the person at the terminal reads."""
        lines = [
            f"{self.orders} of {self.wanted} orders placed in {self.seconds:.0f} s.",
            f"{self.paid} paid, {self.collected} collected, {self.refunded} refunded, {self.released} never paid.",
            f"{self.left_out.total()} left out, {self.malformed} rows skipped.",
            f"{len(self.kills)} processes killed, {len(self.faults)} faults of all kinds.",
        ]
        lines += (
            [f"{', '.join(f'{name} {count}' for name, count in sorted(self.deeds.items()))}."] if self.deeds else []
        )
        lines += [f"Left out {count}: {reason}." for reason, count in self.left_out.items()]
        lines += [f"Violated: {violation}" for violation in self.violations[:SHOWN]]
        if self.orders < self.wanted:
            lines.append("The baskets did not suffice for more orders.")
        return [*lines, "Everything held." if self.held else "It did not hold."]

    def as_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "orders": self.orders,
            "paid": self.paid,
            "loaded": self.loaded,
            "collected": self.collected,
            "refunded": self.refunded,
            "released": self.released,
            "violations": len(self.violations),
            "seconds": round(self.seconds, 1),
            "checkout_ms": percentiles(self.checkout_ms),
            "scan_to_unlock_ms": percentiles(self.scan_to_unlock_ms),
            "scan_to_open_seen_ms": percentiles(self.scan_to_open_ms),
            "seed": self.seed,
            "hands": self.hands,
            "days": self.days,
            "deeds": dict(sorted(self.deeds.items())),
            "kills": dict(Counter(str(kill["process"]) for kill in self.kills)),
            "kill_log": list(self.kills),
            "faults": dict(Counter(str(fault["kind"]) for fault in self.faults)),
            "fault_log": list(self.faults),
            "left_out": dict(self.left_out),
            "malformed": self.malformed,
            "unanswered": self.unanswered,
            "audit": dict(self.audit),
            "violated": self.violations[:SHOWN],
            "remarks": self.remarks[:SHOWN],
        }


def percentiles(values: Sequence[float]) -> dict[str, float] | None:
    """The median and the 99th percentile; of no values there is none."""
    return {"p50": percentile(values, 50), "p99": percentile(values, 99)} if values else None


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many per cent do not exceed, between neighbours by their distance."""
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else [float(values[0])] * 99
    return round(cuts[percent - 1], 1)
