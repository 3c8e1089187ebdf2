"""A demo's second start and what the whole stack holds in memory. The aims: 10 s and 800 MB."""

import os
import tempfile
import time
from pathlib import Path

from app.demo.stack import Stack


def measure() -> dict[str, float]:
    """Start, stop, start again; seconds, and megabytes of proportional set size."""
    with tempfile.TemporaryDirectory(prefix="caibox-bench-") as folder:
        first = Stack(Path(folder))
        try:
            first.start()
        finally:
            first.stop()
        second = Stack(Path(folder))
        try:
            before = time.perf_counter()
            second.start()
            return {
                "second_start_s": round(time.perf_counter() - before, 1),
                "memory_mb": round(family_memory_mb(os.getpid())),
            }
        finally:
            second.stop()


def family_memory_mb(pid: int) -> float:
    """Of this process and all below it; memory that processes share counts once."""
    return sum(_pss_kib(each) for each in _family(pid)) / 1024


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _pss_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1])
