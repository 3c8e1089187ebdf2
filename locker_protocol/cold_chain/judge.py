"""Whether one class of food in one parcel stayed within its limits: the same sum at the gateway and over the record.

Minutes come in order, each once. A minute's worst value counts for all of it, so that never less is counted than was.
Time that nobody measured counts as too warm once it lasts longer than `gap_s`; a shorter gap counts like what lies on
either side of it, if one of them was over. It knows no doors, people or consequences, and no allowance: those are for
air warnings (`alarms.py`). `docs/cold-chain.md` has it in words, with an example.
"""

from collections.abc import Collection, Iterable
from typing import Literal

import msgspec

from locker_protocol.cold_chain.policy import ClassPolicy, ColdPolicy, Line
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import CivilMs, ColdCause, Count, Identifier, Zone

MINUTE_MS = 60_000
MINUTE_S = 60

Level = Literal["fine", "quarantine", "discard"]


class PolicyChanged(ValueError):
    """What was summed up under one policy says nothing under another: judge again from `begin`."""


class Exposure(msgspec.Struct, frozen=True):
    """What one food class went through since `since_minute`, through `through_minute`; civil minutes since 1970 UTC.

    `counted_s` and, of that, `unmeasured_s`: seconds over each line, quarantine lines first, in the policy's order;
    of a continuous line, of the present stretch. `over`: which lines the last measured minute was over. `gap`: minutes
    nobody measured until now. `quarantined_at`, `discarded_at`: the minute in which such a line was first crossed.
    """

    food_class: Identifier
    since_minute: Count
    through_minute: int
    policy_version: Count | None = None
    counted_s: tuple[int, ...] = ()
    unmeasured_s: tuple[int, ...] = ()
    over: tuple[bool, ...] = ()
    gap: Count = 0
    unknown_s: Count = 0
    quarantined_at: Count | None = None
    quarantine_cause: ColdCause | None = None
    discarded_at: Count | None = None
    discard_cause: ColdCause | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What follows, why, the civil minute in which the line was crossed, and for how long nobody measured, in all."""

    level: Level
    cause: ColdCause | None = None
    minute: Count | None = None
    unknown_s: Count = 0


def begin(food_class: str, since_ms: CivilMs) -> Exposure:
    """Begin at the driver's last good reading, else at the loading. Its minute counts whole."""
    since_minute = since_ms // MINUTE_MS
    return Exposure(food_class, since_minute, since_minute - 1)


def expose(exposure: Exposure, policy: ColdPolicy, zone: Zone, minute: ZoneMinute | None, minute_no: int) -> Exposure:
    """Add a minute in which the parcel lay in `zone`; one already counted changes nothing, those left out are gaps.

    Raises:
        LookupError: the policy does not know the class; ask `judged_as` first.
        PolicyChanged: the exposure was summed up under another version.

    """
    if minute_no <= exposure.through_minute:
        return exposure
    rules = _rules(exposure, policy)
    over = _over(rules, minute, zone)
    left_out = minute_no - exposure.through_minute - 1
    if not left_out and over is not None and _calm(exposure) and True not in over:
        return _later(exposure, minute_no)
    sums = _Sums(exposure, rules, policy, zone)
    if left_out:
        sums.add_unmeasured(left_out, last=minute_no - 1)
    if over is None:
        sums.add_unmeasured(1, last=minute_no)
    else:
        sums.add_measured(over, minute_no)
    return sums.exposure(through=minute_no)


def verdict(exposure: Exposure, policy: ColdPolicy) -> Verdict:
    """Say what follows from an exposure. Later minutes never undo it; a filled gap may, judged again from `begin`."""
    if exposure.policy_version not in {None, policy.version}:
        raise PolicyChanged
    if exposure.discarded_at is not None:
        return Verdict("discard", exposure.discard_cause, exposure.discarded_at, exposure.unknown_s)
    if exposure.quarantined_at is not None:
        return Verdict("quarantine", exposure.quarantine_cause, exposure.quarantined_at, exposure.unknown_s)
    return Verdict("fine", unknown_s=exposure.unknown_s)


def released(exposure: Exposure) -> Exposure:
    """Staff looked and let it go on: a line already crossed is not held against it again, the others still are."""
    return msgspec.structs.replace(exposure, quarantined_at=None, quarantine_cause=None)


def judge_all(
    food_class: str,
    since_ms: CivilMs,
    until_ms: CivilMs,
    policy: ColdPolicy,
    minutes: Iterable[tuple[Zone, ZoneMinute]],
    *,
    releases: Collection[int] = (),
) -> Verdict:
    """Judge the record: the minutes of the zones where it lay, oldest first, through the last one over by `until_ms`.

    `releases`: the minutes after which staff let it go on. Minutes before or after the stay are left aside.
    """
    exposure = begin(food_class, since_ms)
    last = until_ms // MINUTE_MS - 1
    due = sorted(releases)
    lying_in = Zone.AMBIENT  # nothing measured at all: nothing is tolerated
    for lying_in, minute in minutes:
        if minute.minute > last:
            break
        while due and due[0] < minute.minute:
            exposure = released(expose(exposure, policy, lying_in, None, due.pop(0)))
        exposure = expose(exposure, policy, lying_in, minute, minute.minute)
    while due and due[0] <= last:
        exposure = released(expose(exposure, policy, lying_in, None, due.pop(0)))
    return verdict(expose(exposure, policy, lying_in, None, last), policy)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The strictest class in a bag decides; of equals the first that was crossed."""
    rank = ("fine", "quarantine", "discard")
    return max(verdicts, key=lambda each: (rank.index(each.level), -(each.minute or 0)), default=Verdict("fine"))


def _rules(exposure: Exposure, policy: ColdPolicy) -> ClassPolicy:
    rules = policy.of(exposure.food_class)
    if rules is None:
        raise LookupError(exposure.food_class)
    if exposure.policy_version not in {None, policy.version}:
        raise PolicyChanged
    return rules


def _over(rules: ClassPolicy, minute: ZoneMinute | None, zone: Zone) -> list[bool] | None:
    """Say over which lines a minute was; `None` where nobody measured it."""
    if minute is None or minute.product_min is None or minute.product_max is None:
        return None
    low_c, high_c = minute.product_min / 100, minute.product_max / 100
    tolerated = zone in rules.tolerates
    return [
        high_c > line.limit_c if line.side == "above" else low_c < line.limit_c and not tolerated
        for line in _lines(rules)
    ]


def _calm(exposure: Exposure) -> bool:
    return exposure.policy_version is not None and not exposure.gap and True not in exposure.over


def _later(exposure: Exposure, minute_no: int) -> Exposure:
    """Nothing was over and nothing is: most minutes of most food."""
    return Exposure(
        exposure.food_class,
        exposure.since_minute,
        minute_no,
        exposure.policy_version,
        exposure.counted_s,
        exposure.unmeasured_s,
        exposure.over,
        0,
        exposure.unknown_s,
        exposure.quarantined_at,
        exposure.quarantine_cause,
        exposure.discarded_at,
        exposure.discard_cause,
    )


def _lines(rules: ClassPolicy) -> list[Line]:
    return [*rules.quarantine, *rules.discard]


class _Sums:
    """An exposure while minutes are added to it."""

    def __init__(self, before: Exposure, rules: ClassPolicy, policy: ColdPolicy, zone: Zone) -> None:
        self._before = before
        self._lines = _lines(rules)
        self._discards_from = len(rules.quarantine)
        self._policy = policy
        self._only_cold_harms = all(line.side == "below" for line in self._lines)
        self._tolerated = zone in rules.tolerates
        none = len(self._lines)
        self._counted = list(before.counted_s) or [0] * none
        self._unmeasured = list(before.unmeasured_s) or [0] * none
        self.over = list(before.over) or [False] * none
        self.gap = before.gap
        self._unknown_s = before.unknown_s
        self._quarantine = (before.quarantined_at, before.quarantine_cause)
        self._discard = (before.discarded_at, before.discard_cause)

    def exposure(self, *, through: int) -> Exposure:
        return Exposure(
            self._before.food_class,
            self._before.since_minute,
            through,
            self._policy.version,
            tuple(self._counted),
            tuple(self._unmeasured),
            tuple(self.over),
            self.gap,
            self._unknown_s,
            *self._quarantine,
            *self._discard,
        )

    def add_measured(self, over: list[bool], minute_no: int) -> None:
        """Add a minute that was measured, and end the gap before it."""
        for index, line in enumerate(self._lines):
            if over[index]:
                waiting = self.gap if line.counted != "at_once" and not self._counts_unmeasured(index, self.gap) else 0
                self._count(index, waiting, minute_no, measured=False)
                self._count(index, 1, minute_no, measured=True)
            elif line.counted == "continuous":
                self._counted[index] = self._unmeasured[index] = 0
        self.over = over
        self.gap = 0

    def add_unmeasured(self, minutes: int, *, last: int) -> None:
        """Add minutes that nobody measured, the newest of which is `last`."""
        self._unknown_s += minutes * MINUTE_S
        if self._only_cold_harms and self._tolerated:
            return
        before, self.gap = self.gap, self.gap + minutes
        for index in range(len(self._lines)):
            if self._counts_unmeasured(index, self.gap):
                held_back = 0 if self._counts_unmeasured(index, before) else before
                self._count(index, minutes + held_back, last, measured=False)

    def _counts_unmeasured(self, index: int, gap: int) -> bool:
        """Say whether all minutes of a gap so long count as over this line.

        They do when the line was passed as the gap began. Else a long gap counts as too warm, for without power things
        warm; as too cold only for a class that nothing but cold harms.
        """
        line = self._lines[index]
        if line.counted == "at_once":
            return False
        assumed = line.side == "above" or self._only_cold_harms
        return self.over[index] or (assumed and gap * MINUTE_S > self._policy.gap_s)

    def _count(self, index: int, minutes: int, last: int, *, measured: bool) -> None:
        line, before = self._lines[index], self._counted[index]
        after = self._counted[index] = before + minutes * MINUTE_S
        if not measured:
            self._unmeasured[index] += minutes * MINUTE_S
        needed = max(line.for_s, 1)
        if before < needed <= after:
            self._crossed(index, last - max(0, after - needed) // MINUTE_S if not measured else last)

    def _crossed(self, index: int, minute_no: int) -> None:
        line = self._lines[index]
        crossed = (max(minute_no, self._before.through_minute + 1), self._cause(line, index))
        if index < self._discards_from:
            self._quarantine = crossed if self._quarantine[0] is None else self._quarantine
        else:
            self._discard = crossed if self._discard[0] is None else self._discard

    def _cause(self, line: Line, index: int) -> ColdCause:
        if self._counted[index] - self._unmeasured[index] < line.for_s:
            return ColdCause.UNKNOWN
        return ColdCause.TOO_WARM if line.side == "above" else ColdCause.TOO_COLD
