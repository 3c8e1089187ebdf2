"""Everything the core can ask for. The shell commits all records of a step in one transaction before its first send.

So "record before acting" holds by construction: no unlock can leave before the row that says who, and why, is durable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from locker_protocol.site_events import SiteEvent
from locker_protocol.vocabulary import Zone

Link = Literal["uplink", "bus"]
MinuteUse = Literal["send", "mend", "judge", "remember"]
StoredMinute = tuple[Zone, int, bytes]


# --- records: committed first, all or none ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Put:
    """Keep `body` as the row `key` of its kind."""

    kind: str
    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Forget a row."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class AppendEvent:
    """Write one event of the up log; `at` is civil milliseconds, `body` what will be sent."""

    seq: int
    at: int
    event: SiteEvent
    body: bytes


@dataclass(frozen=True, slots=True)
class AppendAudit:
    """Write one row of the hash-chained audit."""

    at: int
    body: bytes


@dataclass(frozen=True, slots=True)
class PruneEvents:
    """Forget events of the up log through `through_seq` that are older than `before` (civil milliseconds)."""

    through_seq: int
    before: int


@dataclass(frozen=True, slots=True)
class PutMinutes:
    """Keep minutes of one controller's zones, in place of any that are there: `(zone, minute, body)` each."""

    controller: str
    rows: tuple[StoredMinute, ...]


@dataclass(frozen=True, slots=True)
class PruneMinutes:
    """Forget a controller's minutes through this one."""

    controller: str
    through: int


Record = Put | Delete | AppendEvent | AppendAudit | PruneEvents | PutMinutes | PruneMinutes


# --- what happens after the commit ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Publish:
    """Send one MQTT message; lost when the link is down. `unlocks` marks the one that moves a bolt."""

    link: Link
    topic: str
    payload: bytes
    qos: Literal[0, 1]
    retain: bool = False
    unlocks: bool = False


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Read up to `limit` events of the up log from `first` on, and hand them back as `EventsRead`."""

    first: int
    limit: int


@dataclass(frozen=True, slots=True)
class ReadMinutes:
    """Read a controller's minutes from `first` through `last`, oldest first, and hand them back as `MinutesRead`.

    `zone`: of that one alone. `limit`: at most so many. `use` says what they are for, and comes back with them.
    """

    controller: str
    first: int
    last: int
    use: MinuteUse
    zone: Zone | None = None
    limit: int = -1


@dataclass(frozen=True, slots=True)
class Said:
    """A line for the log and a count by `event`; `fields` hold ids and numbers only."""

    event: str
    fields: Mapping[str, object] = field(default_factory=dict)
    level: Literal["info", "warning"] = "info"


Effect = Publish | ReadEvents | ReadMinutes | Said
Output = Record | Effect
