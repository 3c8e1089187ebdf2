"""The only reader of time.

Two clocks. `civil` is the calendar's: deadlines, cold chain, windows. A demo stack may run it faster or
let it jump, for all programs at once, through a small file. `monotonic` is for protocol timers and always real.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Now:
    """One reading of both clocks, in milliseconds; civil since 1970 UTC, monotonic since an arbitrary start."""

    civil_ms: int
    monotonic_ms: int

    @property
    def civil(self) -> datetime:
        """The civil reading as an aware UTC datetime."""
        return datetime.fromtimestamp(self.civil_ms / 1000, tz=UTC)


class Clock(Protocol):
    """Whatever can tell both times."""

    def now(self) -> Now:
        """Read both clocks."""
        ...


class RealClock:
    """Civil time as the machine has it, rate 1. Nothing can change it."""

    def now(self) -> Now:
        """Read both clocks."""
        return Now(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Anchor:
    """civil = civil_anchor_ms + (real - real_anchor_s) · rate."""

    rate: float
    real_anchor_s: float
    civil_anchor_ms: int

    def civil_ms(self, real_s: float) -> int:
        """Civil milliseconds at the machine's time `real_s`."""
        return self.civil_anchor_ms + round((real_s - self.real_anchor_s) * 1000 * self.rate)


class DemoClock:
    """Civil time from a demo stack's clock file, read again as soon as it changes (asking costs a microsecond)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mtime_ns = 0
        self._anchor = read_anchor(path)

    def now(self) -> Now:
        """Read both clocks."""
        self._refresh()
        return Now(self._anchor.civil_ms(time.time()), time.monotonic_ns() // 1_000_000)

    def _refresh(self) -> None:
        mtime_ns = self._path.stat().st_mtime_ns
        if mtime_ns != self._mtime_ns:
            self._mtime_ns = mtime_ns
            self._anchor = read_anchor(self._path)


def read_anchor(path: Path) -> Anchor:
    """Read the demo's clock file."""
    return Anchor(**json.loads(path.read_text()))


def write_anchor(path: Path, *, rate: float, civil_ms: int) -> None:
    """Set the demo's civil time to `civil_ms` now and its rate from now on; readers never see half a file."""
    anchor = {"rate": rate, "real_anchor_s": time.time(), "civil_anchor_ms": civil_ms}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(anchor))
    fresh.replace(path)


def clock_from(environment: Mapping[str, str]) -> Clock:
    """Take the demo clock where `CAIBOX_CLOCK_FILE` names its file, else the real one."""
    path = environment.get("CAIBOX_CLOCK_FILE")
    return DemoClock(Path(path)) if path else RealClock()
