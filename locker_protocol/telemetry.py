"""What is measured at a locker, and how it travels: samples over the local bus, minutes over the uplink.

A controller samples both probes of each zone every 10 s and reports them in runs; the gateway folds them into minutes,
keeps those for 90 days and sends them up. Minutes are no log: each is named by controller, zone and civil minute, so
one that comes twice, or later than others, is put where it belongs, and what nobody measured is a gap.
Temperatures are hundredths of a degree Celsius in minutes, degrees in samples.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from locker_protocol.vocabulary import Celsius, Count, Identifier, Sequence, Zone

SAMPLE_EVERY_MS = 10_000
MAX_SAMPLES = 256  # of one zone in one report
MAX_MINUTES = 512  # of one batch, all zones together
MINUTES_KEPT_MS = 90 * 86_400_000

CentiCelsius = Annotated[int, msgspec.Meta(ge=-27_315, le=100_000)]
SecondsOfMinute = Annotated[int, msgspec.Meta(ge=0, le=60)]


class SensorFault(StrEnum):
    """Why a probe is not believed. What it says then counts as unknown, never as fine."""

    SILENT = "silent"  # it gives no value
    OUT_OF_RANGE = "out_of_range"  # below -45 or above 65 °C
    MAGIC = "magic"  # a value its chip gives when it failed: 85.00, -127, 127.94
    STUCK = "stuck"  # it did not move for an hour while the compressor ran or a door was open
    JUMPING = "jumping"  # more than 10 K a minute with all doors shut
    NOISY = "noisy"  # a standard deviation above 1 K over ten minutes
    DRIFTING = "drifting"  # air and product more than 3 K apart for two hours of steady running
    SWAPPED = "swapped"  # another zone's doors warm it
    TOO_GOOD = "too_good"  # no probe of the locker moves at all: old readings played again


class ZoneSamples(msgspec.Struct, frozen=True):
    """A run of samples of one zone, oldest first, all lists as long; °C, `None` where the probe gave no value.

    `cooling`: the compressor ran. `defrosting`: the controller was melting its ice. Empty lists: it cannot tell.
    """

    zone: Zone
    air_c: Annotated[list[Celsius | None], msgspec.Meta(min_length=1, max_length=MAX_SAMPLES)]
    product_c: Annotated[list[Celsius | None], msgspec.Meta(min_length=1, max_length=MAX_SAMPLES)]
    cooling: Annotated[list[bool], msgspec.Meta(max_length=MAX_SAMPLES)] = []
    defrosting: Annotated[list[bool], msgspec.Meta(max_length=MAX_SAMPLES)] = []


class ZoneMinute(msgspec.Struct, frozen=True, array_like=True):
    """One minute of one zone. `minute` counts civil minutes since 1970 UTC; temperatures are hundredths of °C.

    `samples`: how many were believed; `None` temperatures: none was. `open_s`: for how long a door of the zone stood
    open; `cooling_s`, `defrost_s` likewise. A fault names why a probe's values are missing here.
    """

    minute: Count
    samples: Count
    air_min: CentiCelsius | None
    air_mean: CentiCelsius | None
    air_max: CentiCelsius | None
    product_min: CentiCelsius | None
    product_mean: CentiCelsius | None
    product_max: CentiCelsius | None
    open_s: SecondsOfMinute = 0
    cooling_s: SecondsOfMinute = 0
    defrost_s: SecondsOfMinute = 0
    air_fault: SensorFault | None = None
    product_fault: SensorFault | None = None


class ZoneMinutes(msgspec.Struct, frozen=True):
    """Minutes of one zone, oldest first."""

    zone: Zone
    minutes: list[ZoneMinute]


class Samples(msgspec.Struct, frozen=True, tag=True):
    """Report, QoS 1, every 30 s: what was sampled since the last one; after a lost connection all that is still held.

    `first_no` numbers the samples of a boot from 1, so that none counts twice; the newest was taken `age_ms` before
    this sending, each older one `every_ms` earlier. `energy_wh`: the cabinet's meter, which never runs back; `None`: it
    has none.
    """

    boot_id: Identifier
    beat: Count
    store_id: Identifier
    first_no: Sequence
    age_ms: Count
    every_ms: Sequence
    zones: list[ZoneSamples]
    energy_wh: Count | None = None
    echo: Count | None = None


class MinutesKept(msgspec.Struct, frozen=True, tag=True):
    """Up, QoS 1: minutes of one controller, all that exist of those after `after` through `through`.

    One batch at a time; sent again after 2 s without `MinutesApplied`. `energy_wh`: the meter at `through`.
    """

    controller: Identifier
    after: Count
    through: Count
    zones: list[ZoneMinutes]
    energy_wh: Count | None = None


class MinutesApplied(msgspec.Struct, frozen=True, tag=True):
    """Down, QoS 1: the service committed this controller's minutes through here; less than before: send them again."""

    controller: Identifier
    through: Count
