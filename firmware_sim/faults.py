"""What can be made to go wrong at a simulated locker: one vocabulary for the fault file, the command line and the page.

It decides which faults there are, where each can sit, what its amount means, and how often a thing that now and then
goes wrong does. It never does any of it: that is the device's business. `docs/virtual-locker.md` lists them for people.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from locker_protocol.vocabulary import DoorNumber, Zone

FaultName = Literal[
    "jams_shut",
    "jams_open",
    "latch_sticks",
    "springs_late",
    "contact_open",
    "contact_shut",
    "contact_bounces",
    "contact_miswired",
    "pried_open",
    "left_ajar",
    "locks_dead",
    "locks_weak",
    "scanner_dead",
    "scanner_garbles",
    "scanner_repeats",
    "scanner_control_signs",
    "scanner_overlong",
    "scanner_dribbles",
    "keypad_dead",
    "keypad_bounces",
    "key_stuck",
    "network_cut",
    "network_slow",
    "network_lossy",
    "network_repeats",
    "network_storms",
    "power_cut",
    "power_flickers",
    "watchdog_bites",
    "memory_lost",
    "memory_restored",
    "memory_refuses",
    "clock_drifts",
    "room_hot",
    "gasket_leaks",
    "compressor_dead",
    "compressor_dying",
    "fan_stopped",
    "thermostat_off",
    "defrost_hangs",
    "probe_dead",
    "probe_out_of_range",
    "probe_reads_85",
    "probe_reads_minus_127",
    "probe_reads_127",
    "probe_stuck",
    "probe_jumps",
    "probe_noisy",
    "probe_drifts",
    "probes_swapped",
    "probes_crossed",
    "probes_replayed",
]
Place = Literal["door", "locker", "probe", "zone"]
Group = Literal["door", "locks", "scanner", "keypad", "network", "power", "memory", "clock", "cold", "probes"]
Probe = Literal["air", "product"]
MOST_IN = 1_000_000


class Amount(msgspec.Struct, frozen=True):
    """What a fault's number means, and what it may be; without a default it must be given."""

    unit: str
    least: float
    most: float
    usual: float | None = None
    whole: bool = False


class Kind(msgspec.Struct, frozen=True):
    """One fault: where it sits, its number if it has one, and how often it strikes where it may strike by chance.

    `one_in` of `None`: it always strikes and cannot be told otherwise. `moment`: it happens once and is over. `cooled`:
    it needs a zone that is cooled.
    """

    name: FaultName
    group: Group
    place: Place = "locker"
    amount: Amount | None = None
    one_in: int | None = None
    moment: bool = False
    cooled: bool = False


KINDS: dict[FaultName, Kind] = {
    kind.name: kind
    for kind in (
        Kind("jams_shut", "door", "door", one_in=1),
        Kind("jams_open", "door", "door"),
        Kind("latch_sticks", "door", "door", one_in=3),
        Kind("springs_late", "door", "door", Amount("ms", 1, 60_000, 3_000), one_in=1),
        Kind("contact_open", "door", "door"),
        Kind("contact_shut", "door", "door"),
        Kind("contact_bounces", "door", "door", Amount("ms", 1, 5_000, 400), one_in=1),
        Kind("contact_miswired", "door", "door", Amount("door", 1, 999, whole=True)),
        Kind("pried_open", "door", "door", moment=True),
        Kind("left_ajar", "door", "door"),
        Kind("locks_dead", "locks"),
        Kind("locks_weak", "locks", amount=Amount("at once", 0, 8, 1, whole=True)),
        Kind("scanner_dead", "scanner", one_in=1),
        Kind("scanner_garbles", "scanner", one_in=1),
        Kind("scanner_repeats", "scanner", amount=Amount("times", 2, 10, 3, whole=True), one_in=1),
        Kind("scanner_control_signs", "scanner", one_in=1),
        Kind("scanner_overlong", "scanner", amount=Amount("letters", 1, 20_000, 4_000, whole=True), one_in=1),
        Kind("scanner_dribbles", "scanner", amount=Amount("ms", 1, 1_000, 30), one_in=1),
        Kind("keypad_dead", "keypad", one_in=1),
        Kind("keypad_bounces", "keypad", one_in=1),
        Kind("key_stuck", "keypad", amount=Amount("digit", 0, 9, 5, whole=True)),
        Kind("network_cut", "network"),
        Kind("network_slow", "network", amount=Amount("ms", 1, 120_000, 1_500)),
        Kind("network_lossy", "network", one_in=5),
        Kind("network_repeats", "network", one_in=2),
        Kind("network_storms", "network", amount=Amount("s", 0.2, 3_600, 2)),
        Kind("power_cut", "power"),
        Kind("power_flickers", "power", amount=Amount("s", 0.5, 3_600, 5)),
        Kind("watchdog_bites", "power", moment=True),
        Kind("memory_lost", "memory", moment=True),
        Kind("memory_restored", "memory", moment=True),
        Kind("memory_refuses", "memory", one_in=1),
        Kind("clock_drifts", "clock", amount=Amount("%", -50, 50, 5)),
        Kind("room_hot", "cold", amount=Amount("K", 1, 40, 11)),
        Kind("gasket_leaks", "cold", "zone", Amount("W/K", 0.1, 100, 5)),
        Kind("compressor_dead", "cold", "zone", cooled=True),
        Kind("compressor_dying", "cold", "zone", Amount("%/day", 1, 2_400, 20), cooled=True),
        Kind("fan_stopped", "cold", "zone", cooled=True),
        Kind("thermostat_off", "cold", "zone", Amount("K", -40, 40, 6), cooled=True),
        Kind("defrost_hangs", "cold", "zone", cooled=True),
        Kind("probe_dead", "probes", "probe", one_in=1),
        Kind("probe_out_of_range", "probes", "probe", Amount("°C", -200, 200, 99)),
        Kind("probe_reads_85", "probes", "probe", one_in=1),
        Kind("probe_reads_minus_127", "probes", "probe", one_in=1),
        Kind("probe_reads_127", "probes", "probe", one_in=1),
        Kind("probe_stuck", "probes", "probe"),
        Kind("probe_jumps", "probes", "probe", Amount("K", -100, 100, 15), one_in=5),
        Kind("probe_noisy", "probes", "probe", Amount("K", 0.1, 50, 2)),
        Kind("probe_drifts", "probes", "probe", Amount("K/h", -50, 50, 1)),
        Kind("probes_swapped", "probes", "zone"),
        Kind("probes_crossed", "probes", "zone"),
        Kind("probes_replayed", "probes"),
    )
}
assert tuple(KINDS) == get_args(FaultName)

# Which of a fault's fields say where it sits.
TARGETS: dict[Place, frozenset[str]] = {
    "door": frozenset({"door"}),
    "locker": frozenset(),
    "probe": frozenset({"zone", "probe"}),
    "zone": frozenset({"zone"}),
}


class FaultError(Exception):
    """A fault that cannot be; `code` names the sentence in `words/`, `field` what is wrong with it."""

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.code, self.field = code, field


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault at one place. `one_in` of 200: of two hundred occasions one, by chance."""

    name: FaultName
    door: DoorNumber | None = None
    zone: Zone | None = None
    probe: Probe | None = None
    amount: float | None = None
    one_in: int | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """What a fault is and where it sits: there it can be on once only."""

    name: FaultName
    door: int | None = None
    zone: Zone | None = None
    probe: Probe | None = None


def spot_of(fault: Fault) -> Spot:
    """The place of a fault."""
    return Spot(fault.name, fault.door, fault.zone, fault.probe)


def complete(fault: Fault, *, needs_amount: bool = True) -> Fault:
    """Check a fault and fill in what is usual. Raises FaultError."""
    kind = KINDS[fault.name]
    for field in ("door", "zone", "probe"):
        if (getattr(fault, field) is not None) != (field in TARGETS[kind.place]):
            raise FaultError("fault_place", field)
    amount = _amount(kind, fault.amount) if needs_amount or fault.amount is not None else None
    return msgspec.structs.replace(fault, amount=amount, one_in=_one_in(kind, fault.one_in))


def _amount(kind: Kind, given: float | None) -> float | None:
    rule = kind.amount
    if rule is None:
        if given is not None:
            raise FaultError("fault_no_amount", "amount")
        return None
    value = rule.usual if given is None else given
    if value is None:
        raise FaultError("fault_amount_needed", "amount")
    if not rule.least <= value <= rule.most or (rule.whole and value != int(value)):
        raise FaultError("fault_amount", "amount")
    return value


def _one_in(kind: Kind, given: int | None) -> int | None:
    if kind.one_in is None and given is not None:
        raise FaultError("fault_no_chance", "one_in")
    if given is not None and not 1 <= given <= MOST_IN:
        raise FaultError("fault_chance", "one_in")
    return kind.one_in if given is None else given
