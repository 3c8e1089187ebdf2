"""`make demo` as a whole: every program up, within its budget of time and memory, gone without a trace."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo.ports import free_port
from app.demo.programs import is_healthy
from tests.demo.test_stack import Demo, demo, left_over, locks_in

RUNNING = "Ctrl-C stops it."
SECOND_START_S = 10
MEMORY_MB = 800


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def running(folder: Path, port: int) -> Iterator[Demo]:
    """A demo's second start, its first having left its data."""
    with demo(folder, port=port, programs=True) as first:
        first.wait_for(RUNNING, seconds=60)
    began = time.monotonic()
    with demo(folder, port=port, programs=True) as second:
        second.wait_for(RUNNING, seconds=60)
        second.seconds = time.monotonic() - began
        yield second


def memory_mb(pids: list[str]) -> float:
    """Proportional set size: memory that processes share counts once."""
    return sum(pss_kib(Path("/proc", pid, "smaps_rollup")) for pid in pids) / 1024


def pss_kib(path: Path) -> int:
    return int(next(line for line in path.read_text().splitlines() if line.startswith("Pss:")).split()[1])


def test_the_second_start_takes_at_most_ten_seconds(running: Demo) -> None:
    assert running.seconds <= SECOND_START_S


def test_the_shop_is_healthy_at_the_port_asked_for(running: Demo, port: int) -> None:
    assert is_healthy(port)
    assert f"http://127.0.0.1:{port}/" in running.said()


def test_it_says_who_can_sign_in_and_where(running: Demo, port: int) -> None:
    said = running.said()
    assert f"http://127.0.0.1:{port}/inbox" in said
    assert f"http://127.0.0.1:{port}/demo/clock" in said
    assert f"http://127.0.0.1:{port + 1}/" in said or "Virtual lockers  http://127.0.0.1:" in said


def test_it_stays_below_800_mb(running: Demo) -> None:
    assert memory_mb(left_over(running.root)) < MEMORY_MB


def test_nothing_died_meanwhile(running: Demo) -> None:
    assert "ended by itself" not in running.said()


def test_nothing_appeared_in_the_home_folder(running: Demo) -> None:
    assert list(running.home.iterdir()) == []


def test_sigterm_ends_everything(running: Demo) -> None:
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert left_over(running.root) == []
    assert locks_in(running.root) == []
