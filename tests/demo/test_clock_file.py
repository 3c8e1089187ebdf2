"""The demo's civil time never goes back and stands while the demo is stopped."""

import time
from pathlib import Path

from app.demo.clock_file import freeze_clock, run_clock
from locker_protocol.clock import read_anchor, write_anchor

DAY_MS = 86_400_000


def test_a_new_demo_runs_at_the_present(tmp_path: Path) -> None:
    run_clock(tmp_path / "clock.json")
    anchor = read_anchor(tmp_path / "clock.json")
    assert anchor.rate == 1
    assert abs(anchor.civil_anchor_ms - time.time() * 1000) < 1000


def test_it_stands_while_stopped_and_goes_on_from_there(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    tomorrow_ms = round(time.time() * 1000) + DAY_MS
    write_anchor(path, rate=3600, civil_ms=tomorrow_ms)
    freeze_clock(path)
    stood_ms = read_anchor(path).civil_anchor_ms
    time.sleep(0.05)
    run_clock(path)
    assert stood_ms >= tomorrow_ms
    assert read_anchor(path).civil_anchor_ms == stood_ms
    assert read_anchor(path).rate == 1


def test_a_demo_stopped_long_ago_goes_on_at_the_present(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    write_anchor(path, rate=0, civil_ms=round(time.time() * 1000) - 7 * DAY_MS)
    run_clock(path)
    assert abs(read_anchor(path).civil_anchor_ms - time.time() * 1000) < 1000
