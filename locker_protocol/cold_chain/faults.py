"""Which probes are not believed, and since when: what a probe says is held against what its locker did.

Works minute by minute over all zones of a locker, on raw samples, in constant time and memory. Some faults are known
only later (a probe that stands still looks healthy for an hour): then `since` lies in the past, and minutes from there
on become unknown (`disbelieved`). It decides nothing about food or people. Thresholds: reliability notes, section 6.4,
and where experience with the thermal model asked for more, `docs/cold-chain.md` says what and why.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from locker_protocol.cold_chain.minutes import ProbeFaults, Sampled, fault_of_value, plausible
from locker_protocol.telemetry import SensorFault, ZoneMinute
from locker_protocol.vocabulary import Count, Zone

STEP_C = 0.0625  # a DS18B20's
JUMP_K = 10.0
SETTLE_MIN = 3  # after a door was open
CALM_MIN = 10  # without a jump, until a probe that jumped is believed again
NOISE_K2 = 1.0
NOISE_ENDS_K2 = 0.5
NOISE_SHARE = 0.1  # of the newest minute: ten minutes count
STILL_MIN = 60
STILL_APART_K = 1.0  # so far from the air, on the mean of an hour, a product probe cannot stand still
APART_K = 3.0
APART_MIN = 120
APART_SHARE = 1 / 15  # of the newest minute in what air and product are apart
FOLLOWED_K = 0.5  # a probe 3 K from the air for two hours moves more, however well it is packed
OPEN_S = 45  # of an opening that warms the air: a driver's, or one of somebody who took their time
UNMOVED_K = 0.25
WARMED_K = 0.7  # more than two minutes of rest for the compressor do
OTHERS_SHUT_MIN = 10
DEFROST_OVER_MIN = 30  # its heat moves through the zone's air after the heater is off
REST_BEGINS_MIN = 2
RESTED_K = 1.5  # air at −18 °C warms by almost as much in the first minutes after its compressor stopped
SWAPS_SEEN = 3

_NEVER = -1_000_000


class Seen(msgspec.Struct, frozen=True):
    """One minute of one zone as its controller told it. `open_s`: for how long a door of the zone stood open."""

    minute: int
    samples: Sequence[Sampled]
    open_s: int = 0


class ProbeWatch(msgspec.Struct):
    """What has to be remembered of one probe."""

    last_c: float | None = None
    told_at: int = _NEVER  # the minute of its last value
    jumped_at: int = _NEVER
    noise_k2: float = 0.0
    noisy: bool = False
    low_c: float = 0.0
    high_c: float = 0.0
    still_since: int = _NEVER  # within one step of itself from here on
    same_since: int = _NEVER  # the same value from here on
    high_before_c: float = 0.0  # the minute before the newest
    end_before_c: float | None = None  # and the last value before that
    risen_k: tuple[float, float, float] = (0.0, 0.0, 0.0)  # in two minutes each, newest first
    fault: SensorFault | None = None
    since: Count | None = None


class SensorWatch(msgspec.Struct):
    """What has to be remembered of a zone. Changed in place by `watch`."""

    air: ProbeWatch = msgspec.field(default_factory=ProbeWatch)
    product: ProbeWatch = msgspec.field(default_factory=ProbeWatch)
    opened_at: int = _NEVER
    defrosted_at: int = _NEVER
    ran_at: int = _NEVER
    rested_at: int = _NEVER
    apart_hour_k: float = 0.0
    apart_k: float = 0.0
    apart_since: int | None = None
    apart_skipped: int = 0
    apart_product_c: float = 0.0
    open_s: tuple[int, int, int] = (0, 0, 0)  # of the last three minutes, newest first
    swaps_seen: int = 0
    swap_since: int = _NEVER
    reaches_back_to: Count | None = None

    @property
    def faults(self) -> ProbeFaults:
        return ProbeFaults(self.air.fault, self.product.fault)


def watch(zones: Mapping[Zone, SensorWatch], seen: Mapping[Zone, Seen]) -> None:
    """Take in the same minute of all zones of a locker; `zones[…].faults` say what is believed in it.

    Where a fault found now began earlier, `reaches_back_to` names that minute until the next call.
    """
    for zone, minute in seen.items():
        _watch_zone(zones[zone], minute)
    _watch_swaps(zones, seen)
    all_still_since = _all_still_since(zones, seen)
    for zone, minute in seen.items():
        if minute.samples:
            _conclude(zones[zone], minute.minute, all_still_since)


def disbelieved(minute: ZoneMinute, watched: SensorWatch) -> ZoneMinute:
    """Take out of an earlier minute what turned out not to be believed."""
    air, product = watched.air, watched.product
    if air.fault and air.since is not None and minute.minute >= air.since:
        minute = msgspec.structs.replace(minute, air_min=None, air_mean=None, air_max=None, air_fault=air.fault)
    if product.fault and product.since is not None and minute.minute >= product.since:
        minute = msgspec.structs.replace(
            minute, product_min=None, product_mean=None, product_max=None, product_fault=product.fault
        )
    return minute


def _watch_zone(zone: SensorWatch, seen: Seen) -> None:
    zone.reaches_back_to = None
    zone.open_s = (seen.open_s, *zone.open_s[:2])
    if seen.open_s:
        zone.opened_at = seen.minute
    if not seen.samples:
        return
    running = [sample.cooling for sample in seen.samples]
    if True in running:
        zone.ran_at = seen.minute
    if False in running:
        zone.rested_at = seen.minute
    if True in [sample.defrosting for sample in seen.samples]:
        zone.defrosted_at = seen.minute
    shut = seen.minute - zone.opened_at >= SETTLE_MIN
    air = _watch_probe(zone.air, [sample.air_c for sample in seen.samples], seen.minute, shut=shut, product=False)
    product = _watch_probe(
        zone.product, [sample.product_c for sample in seen.samples], seen.minute, shut=shut, product=True
    )
    steady = shut and zone.defrosted_at != seen.minute
    _watch_distance(zone, seen.minute, air, product, steady=steady)


def _watch_probe(
    probe: ProbeWatch, told: list[float | None], minute: int, *, shut: bool, product: bool
) -> float | None:
    """Take in a probe's minute; give the mean of its values, or `None` where less than half were any."""
    values = plausible(told)
    if 2 * len(values) < len(told):
        probe.fault = next(fault for fault in map(fault_of_value, reversed(told)) if fault)
        probe.last_c = probe.end_before_c = None
        probe.risen_k = (0.0, 0.0, 0.0)
        return None
    probe.fault = None
    low, high = min(values), max(values)
    follows = probe.last_c is not None and minute - probe.told_at == 1
    if shut and (high - low > JUMP_K or (follows and max(high - _last(probe), _last(probe) - low) > JUMP_K)):
        probe.jumped_at = minute
    if shut or product:
        _watch_noise(probe, [_last(probe), *values] if follows else values)
    _watch_movement(probe, minute, low, high, follows=follows)
    before_c = probe.end_before_c if follows else None
    risen_k = 0.0 if before_c is None else max(high, probe.high_before_c) - before_c
    probe.risen_k = (risen_k, *probe.risen_k[:2])
    probe.end_before_c, probe.high_before_c = (probe.last_c if follows else None), high
    probe.last_c, probe.told_at = values[-1], minute
    return sum(values) / len(values)


def _last(probe: ProbeWatch) -> float:
    assert probe.last_c is not None
    return probe.last_c


def _watch_noise(probe: ProbeWatch, values: list[float]) -> None:
    """Noise is what neighbouring samples differ by: a trend is none."""
    if len(values) < 2:
        return
    squares = sum([(after - before) * (after - before) for before, after in pairwise(values)])
    now_k2 = squares / (2 * (len(values) - 1))
    probe.noise_k2 += NOISE_SHARE * (now_k2 - probe.noise_k2)
    probe.noisy = probe.noise_k2 > (NOISE_ENDS_K2 if probe.noisy else NOISE_K2)


def _watch_movement(probe: ProbeWatch, minute: int, low: float, high: float, *, follows: bool) -> None:
    still_low, still_high = min(low, probe.low_c), max(high, probe.high_c)
    if follows and still_high - still_low <= STEP_C:
        probe.low_c, probe.high_c = still_low, still_high
    else:
        probe.low_c, probe.high_c, probe.still_since = low, high, minute
    # A pause in which nobody was heard is no movement: what is played again goes on playing.
    if low != high or high != probe.last_c:
        probe.same_since = minute


def _watch_distance(zone: SensorWatch, minute: int, air: float | None, product: float | None, *, steady: bool) -> None:
    """Follow how far air and product are apart: what moves too little for that, and what drifts away."""
    if air is None or product is None:
        zone.apart_since, zone.apart_hour_k = None, 0.0
        return
    zone.apart_hour_k += (air - product - zone.apart_hour_k) / STILL_MIN
    if not steady:
        zone.apart_skipped += 1
        return
    zone.apart_k += APART_SHARE * (air - product - zone.apart_k)
    if abs(zone.apart_k) <= APART_K:
        zone.apart_since = None
    elif zone.apart_since is None or _follows_the_air(zone, product):
        zone.apart_since, zone.apart_skipped, zone.apart_product_c = minute, 0, product


def _follows_the_air(zone: SensorWatch, product_c: float) -> bool:
    """Food that warms or cools is far from the air, but comes closer."""
    moved_k = product_c - zone.apart_product_c
    return (moved_k if zone.apart_k > 0 else -moved_k) >= FOLLOWED_K


def _watch_swaps(zones: Mapping[Zone, SensorWatch], seen: Mapping[Zone, Seen]) -> None:
    """See which probe an opening warms: its own zone's air, that of a zone that was shut, or what should be in food."""
    for name, minute in seen.items():
        zone = zones[name]
        now_s, before_s, earlier_s = zone.open_s
        if not before_s or earlier_s or now_s + before_s < OPEN_S:
            continue
        if zone.air.risen_k[0] >= WARMED_K:
            zone.swaps_seen = 0
        elif zone.air.risen_k[0] <= UNMOVED_K and (_jolted(zone.product) or _warms_another(name, zones, seen)):
            zone.swap_since = minute.minute if not zone.swaps_seen else zone.swap_since
            zone.swaps_seen += 1


def _warms_another(opened: Zone, zones: Mapping[Zone, SensorWatch], seen: Mapping[Zone, Seen]) -> bool:
    return any(
        name != opened
        and minute.minute - zones[name].opened_at >= OTHERS_SHUT_MIN
        and minute.minute - zones[name].defrosted_at >= DEFROST_OVER_MIN
        and _jolted(zones[name].air, RESTED_K if _has_just_stopped(zones[name], minute) else WARMED_K)
        for name, minute in seen.items()
    )


def _has_just_stopped(zone: SensorWatch, seen: Seen) -> bool:
    """Say whether its compressor did."""
    rests = bool(seen.samples) and seen.samples[-1].cooling is False
    return rests and seen.minute - zone.ran_at <= REST_BEGINS_MIN


def _jolted(probe: ProbeWatch, by_k: float = WARMED_K) -> bool:
    """Say whether it warmed in two minutes, and not because it was warming anyhow."""
    return probe.risen_k[0] - max(0.0, probe.risen_k[2]) >= by_k


def _all_still_since(zones: Mapping[Zone, SensorWatch], seen: Mapping[Zone, Seen]) -> int | None:
    """Say since when no probe of the locker told anything but one value: old readings, played again."""
    since = max((probe.same_since for zone in zones.values() for probe in (zone.air, zone.product)), default=_NEVER)
    now = max((minute.minute for minute in seen.values()), default=_NEVER)
    return since if 0 <= since <= now - STILL_MIN and len(zones) > 1 else None


def _conclude(zone: SensorWatch, minute: int, all_still_since: int | None) -> None:
    for probe in (zone.air, zone.product):
        found = (probe.fault, minute) if probe.fault else _found(zone, probe, minute, all_still_since)
        if found is not None:
            _disbelieve(zone, probe, *found, minute)
        elif probe.since is not None:
            probe.fault = probe.since = None


def _found(  # noqa: PLR0911 - a fault a line, worst first
    zone: SensorWatch, probe: ProbeWatch, minute: int, all_still_since: int | None
) -> tuple[SensorFault, int] | None:
    """Name what is wrong with a probe whose values are none of them absurd, and since when it is."""
    if minute - probe.jumped_at < CALM_MIN:
        return SensorFault.JUMPING, probe.jumped_at
    if probe.noisy:
        return SensorFault.NOISY, minute
    if zone.swaps_seen >= SWAPS_SEEN:
        return SensorFault.SWAPPED, zone.swap_since
    if all_still_since is not None:
        return SensorFault.TOO_GOOD, all_still_since
    if minute - probe.still_since >= STILL_MIN and _ought_to_move(zone, probe):
        return SensorFault.STUCK, probe.still_since
    apart_since = zone.apart_since
    if apart_since is None or minute - apart_since - zone.apart_skipped < APART_MIN:
        return None
    return (
        None if probe is zone.product and _air_alone_stands_still(zone, minute) else (SensorFault.DRIFTING, apart_since)
    )


def _air_alone_stands_still(zone: SensorWatch, minute: int) -> bool:
    """Food does not move by itself: where only the air's value stands, that probe is the one that is wrong."""
    return minute - zone.air.still_since >= STILL_MIN > minute - zone.product.still_since


def _ought_to_move(zone: SensorWatch, probe: ProbeWatch) -> bool:
    """A product probe in the middle of good food hardly moves: only its distance from the air says that it should."""
    if probe is zone.product:
        return abs(zone.apart_hour_k) >= STILL_APART_K
    ran = zone.ran_at >= probe.still_since
    return ran and (zone.rested_at >= probe.still_since or zone.opened_at >= probe.still_since)


def _disbelieve(zone: SensorWatch, probe: ProbeWatch, fault: SensorFault, since: int, minute: int) -> None:
    before = probe.since
    probe.fault = fault
    probe.since = since if before is None else min(before, since)
    if probe.since < (minute if before is None else before):
        back = zone.reaches_back_to
        zone.reaches_back_to = probe.since if back is None else min(back, probe.since)
