"""What the gateway keeps of the cold chain over a power loss, beside the minutes themselves (`outputs.PutMinutes`)."""

import msgspec

from locker_protocol.cold_chain.alarms import ZoneWatch
from locker_protocol.cold_chain.faults import SensorWatch
from locker_protocol.cold_chain.judge import Exposure, Level
from locker_protocol.cold_messages import QuarantineLevel
from locker_protocol.vocabulary import Zone

# Runs of sample numbers taken; more holes than this in one boot mean that nothing is in order there.
MAX_RUNS = 16


class Sampling(msgspec.Struct, frozen=True):
    """How far a controller's samples were taken.

    `runs`: numbers of the boot that were taken, as (first, last). `settled`: the minute through which all there was is
    folded. `told`: the minute through which the service has them; may lag, sending again is harmless.
    """

    boot_id: str = ""
    runs: tuple[tuple[int, int], ...] = ()
    settled: int = 0
    told: int = 0
    energy_wh: int | None = None


class Watched(msgspec.Struct, frozen=True):
    """What is remembered of a controller's probes and zones, and the minute through which its alarms were judged.

    The watches themselves are changed in place, and written with the minute they took in.
    """

    probes: dict[Zone, SensorWatch] = {}
    zones: dict[Zone, ZoneWatch] = {}
    through: int = 0


class ClassExposure(msgspec.Struct, frozen=True):
    """One food class in a parcel: what it went through, and what was told of it.

    `base` is the exposure up to where it lies now: from there it is judged again when older minutes change.
    """

    food_class: str
    base: Exposure
    now: Exposure
    told: Level = "fine"


class Exposed(msgspec.Struct, frozen=True):
    """A parcel that is judged. `door`: where it lies, and since which minute; none: not loaded yet, or taken back.

    `since_ms`: from when on its time counts. `released`: after which minutes staff let it go on.
    """

    parcel_id: str
    since_ms: int
    door: int | None = None
    from_minute: int = 0
    classes: tuple[ClassExposure, ...] = ()
    released: tuple[int, ...] = ()


class Quarantine(msgspec.Struct, frozen=True):
    """A parcel that nobody but staff gets. `discard`: whole and for good; else staff may release what is not condemned.

    `found_at`: civil milliseconds; two hours later nobody has decided. `told`: by the service, to a new store that does
    not know why; so only the service ends it.
    """

    parcel_id: str
    order_id: str
    level: QuarantineLevel
    found_at: int
    told: bool = False


class GatePass(msgspec.Struct, frozen=True):
    """A zone that was cold enough when its loading began; civil milliseconds of that and of the last load."""

    since: int
    touched: int
