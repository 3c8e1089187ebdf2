"""What differs between two versions of the cold chain's limits, as a list a person can read."""

from collections.abc import Iterator
from dataclasses import dataclass

from locker_protocol.cold_chain.policy import ClassPolicy, ColdPolicy, Line


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a class (or of all, with an empty one); what it was and what it is, as text."""

    food_class: str
    field: str
    before: str
    after: str


def differences(before: ColdPolicy, after: ColdPolicy) -> list[Difference]:
    """Everything that changed, class by class."""
    found = list(_of_classes(before, after))
    for name in ("gap_s", "recovery_s", "opening_s", "defrost_s", "defrosts_a_day", "decide_within_s"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            found.append(Difference("", name, str(was), str(now)))
    return found


def _of_classes(before: ColdPolicy, after: ColdPolicy) -> Iterator[Difference]:
    for rules in after.classes:
        was = before.of(rules.food_class)
        for field, now in _fields(rules).items():
            then = _fields(was)[field] if was is not None else ""
            if then != now:
                yield Difference(rules.food_class, field, then, now)


def _fields(rules: ClassPolicy) -> dict[str, str]:
    return {
        "target": f"{rules.target_low_c:g} … {rules.target_high_c:g} °C",
        "warn": _warning(rules),
        "quarantine": ", ".join(map(_line, rules.quarantine)),
        "discard": ", ".join(map(_line, rules.discard)),
    }


def _warning(rules: ClassPolicy) -> str:
    warn = rules.warn
    if warn is None:
        return ""
    sides = [f"> {warn.above_c:g}" if warn.above_c is not None else ""]
    sides.append(f"< {warn.below_c:g}" if warn.below_c is not None else "")
    return f"{' '.join(side for side in sides if side)} °C {warn.for_s // 60} min"


def _line(line: Line) -> str:
    sign = ">" if line.side == "above" else "<"
    counted = {"cumulative": "Σ", "continuous": "", "at_once": ""}[line.counted]
    length = "!" if line.counted == "at_once" else f" {counted}{line.for_s // 60} min"
    return f"{sign} {line.limit_c:g} °C{length}"
