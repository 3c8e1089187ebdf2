"""The demo's civil time over several days of use: it runs at rate 1 when a demo starts, and never goes back.

While the demo is stopped its clock stands, so that a fast day left running does not become a year overnight.
"""

from pathlib import Path

from locker_protocol.clock import DemoClock, RealClock, read_anchor, write_anchor


def run_clock(path: Path) -> None:
    """Let it run at rate 1: from the present, or from where it stood when that is later."""
    now_ms = RealClock().now().civil_ms
    stood_ms = read_anchor(path).civil_anchor_ms if path.exists() else now_ms
    write_anchor(path, rate=1.0, civil_ms=max(now_ms, stood_ms))


def freeze_clock(path: Path) -> None:
    """Let it stand where it is."""
    if path.exists():
        write_anchor(path, rate=0.0, civil_ms=DemoClock(path).now().civil_ms)
