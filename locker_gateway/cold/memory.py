"""What is known of the cold chain in this process alone. Times `…_at` are civil, `…_ms` are monotonic."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

from locker_gateway.outputs import ReadMinutes
from locker_protocol.cold_chain.minutes import Sampled
from locker_protocol.telemetry import ZoneMinute
from locker_protocol.vocabulary import Zone

# As much as the load gate and the alarms look back.
RECENT_MINUTES = 30

ZoneKey = tuple[str, Zone]


@dataclass(slots=True)
class ZoneNow:
    """A zone's samples whose minute is not over, its last minutes, and for how long its doors stood open in which."""

    waiting: list[Sampled] = field(default_factory=list)
    recent: deque[ZoneMinute] = field(default_factory=lambda: deque(maxlen=RECENT_MINUTES))
    open_ms: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class Drain:
    """Minutes on their way to the service: read or sent at `since_ms` (monotonic), and how often so far.

    `asked`: the reading that counts; one asked before has perhaps what was changed since. `mended`: the first minute
    that changed while they were on their way.
    """

    asked: ReadMinutes | None = None
    mended: int | None = None
    after: int | None = None
    through: int | None = None
    since_ms: int = 0
    tries: int = 0


@dataclass(slots=True)
class ColdMemory:
    """`newest_at`: civil time of a controller's newest sample; `sampled_ms`: when it came (monotonic).

    `late`: minutes that came after theirs was settled, until they are put where they belong. `blanked`: zones whose
    probe turned out not to be believed, and since which minute. `gates_ms`: when the visits that go on began and last
    loaded (monotonic). `judging`: zones that are judged again from the store.
    """

    zones: defaultdict[ZoneKey, ZoneNow] = field(default_factory=lambda: defaultdict(ZoneNow))
    newest_at: dict[str, int] = field(default_factory=dict)
    sampled_ms: dict[str, int] = field(default_factory=dict)
    samples_of: dict[str, str] = field(default_factory=dict)
    drains: defaultdict[str, Drain] = field(default_factory=lambda: defaultdict(Drain))
    late: defaultdict[str, dict[tuple[Zone, int], ZoneMinute]] = field(default_factory=lambda: defaultdict(dict))
    blanked: defaultdict[str, dict[Zone, int]] = field(default_factory=lambda: defaultdict(dict))
    gates_ms: dict[str, tuple[int, int]] = field(default_factory=dict)
    judging: set[ZoneKey] = field(default_factory=set)
    judged_through: int = 0
    doors_seen_at: int | None = None
